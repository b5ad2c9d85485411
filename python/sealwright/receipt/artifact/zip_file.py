"""What is signed among ZIP archives: JARs, and APKs in each of their schemes."""

from sealwright.receipt.artifact.apk import check_apk, has_block
from sealwright.receipt.artifact.jar import check_jar
from sealwright.receipt.artifact.misfit import MisfitError
from sealwright.receipt.artifact.zip_archive import open_archive
from sealwright.receipt.row import Row

_APPLICATION = "AndroidManifest.xml"


def check_zip(octets: memoryview, row: Row) -> str:
    """The scheme by which it leads to the row's signature.

    Raises:
        MisfitError: by none.
    """
    archive = open_archive(octets)
    is_application = _APPLICATION in archive.entries
    if not has_block(archive):
        check_jar(archive, row)
        return "APK v1" if is_application else "JAR"
    if not is_application:
        raise MisfitError("has something between its entries and its directory")
    return f"APK {check_apk(archive, row)}"

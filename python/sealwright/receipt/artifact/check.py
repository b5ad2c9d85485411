"""Whether a file is the one that a row's signature is for: by its hash, or because it carries that
signature and leads to it as the verifiers of its format go."""

import hashlib
import mmap
from collections.abc import Callable
from pathlib import Path

from sealwright.receipt.artifact.misfit import MisfitError
from sealwright.receipt.artifact.signed import digest_hash
from sealwright.receipt.fault import NotValidError, Reason
from sealwright.receipt.row import TIMESTAMP, Row

BY_HASH = "hash"
_PIECE = 1 << 20


def check_digest(row: Row, digest: bytes) -> None:
    """
    Raises:
        NotValidError: another one was signed.
    """
    check_signature_made(row)
    if digest != row.digest:
        raise NotValidError(
            Reason.DIGEST_DIFFERS, f"the digest that was signed is {(row.digest or b'').hex()}"
        )


def check_file(row: Row, path: Path, signature: Path | None = None) -> str:
    """How it holds: BY_HASH, or the format by which it leads to the signature.

    Args:
        signature: a detached CMS signature of the file.

    Raises:
        NotValidError: it is another file.
        OSError: one of them cannot be read.
    """
    check_signature_made(row)
    if _has_digest(row, path):
        return BY_HASH
    with path.open("rb") as file:
        try:
            # Nothing can be mapped of a file that is empty.
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if file.read(1) else b""
            with memoryview(mapped) as octets:
                if signature is not None:
                    return _check_detached(row, octets, signature.read_bytes())
                return _check_format(row, octets)
        except MisfitError as fault:
            raise NotValidError(Reason.FILE_DIFFERS, f"{path.name} {fault}") from None
        except OSError:
            raise
        except Exception:  # noqa: BLE001  # whatever libraries raise of what makes no sense to them
            raise NotValidError(Reason.FILE_DIFFERS, f"{path.name} is damaged") from None


def check_signature_made(row: Row) -> None:
    """
    Raises:
        NotValidError: nothing was signed by this row.
    """
    if row.kind == TIMESTAMP:  # for which strangers ask, of anything
        raise NotValidError(
            Reason.NOTHING_SIGNED,
            "the row is of a timestamp: it says when a digest was there, not that it was signed",
        )
    if not row.is_signature or row.digest is None or row.signature is None:
        raise NotValidError(Reason.NOTHING_SIGNED, "the row is not of a signature that was made")


def _has_digest(row: Row, path: Path) -> bool:
    name = digest_hash(row)
    if name is None:
        return False
    hashed = hashlib.new(name)
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            hashed.update(piece)
    return hashed.digest() == row.digest


def _check_format(row: Row, octets: memoryview) -> str:
    for magic, check in _FORMATS.items():
        if octets[: len(magic)] == magic:
            return check(octets, row)
    raise MisfitError("is not what was signed: its hash is another, and its format is not known")


# Each is imported when it is needed: most receipts are verified without.


def _check_zip(octets: memoryview, row: Row) -> str:
    from sealwright.receipt.artifact.zip_file import check_zip

    return check_zip(octets, row)


def _check_pe(octets: memoryview, row: Row) -> str:
    from sealwright.receipt.artifact.pe import check_pe

    check_pe(octets, row)
    return "PE"


def _check_cab(octets: memoryview, row: Row) -> str:
    from sealwright.receipt.artifact.cab import check_cab

    check_cab(octets, row)
    return "CAB"


def _check_msi(octets: memoryview, row: Row) -> str:
    from sealwright.receipt.artifact.msi import check_msi

    check_msi(octets, row)
    return "MSI"


def _check_cms(octets: memoryview, row: Row) -> str:
    from sealwright.receipt.artifact.cms import check_file_content, read_signature
    from sealwright.receipt.artifact.pem import from_pem

    check_file_content(row, read_signature(row, from_pem(bytes(octets))))
    return "CMS"


def _check_detached(row: Row, octets: memoryview, signature: bytes) -> str:
    from sealwright.receipt.artifact.cms import check_file_content, read_signature
    from sealwright.receipt.artifact.pem import from_pem

    check_file_content(row, read_signature(row, from_pem(signature)), bytes(octets))
    return "detached CMS"


_FORMATS: dict[bytes, Callable[[memoryview, Row], str]] = {
    b"PK\3\4": _check_zip,
    b"MZ": _check_pe,
    b"MSCF": _check_cab,
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": _check_msi,
    b"-----BEGIN ": _check_cms,
    b"\x30": _check_cms,
}
"""By what a file begins with."""

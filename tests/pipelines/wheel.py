"""What sealwright-module brings, made here."""

import zipfile
from pathlib import Path


def wheel(folder: Path, module: Path) -> Path:
    """A wheel that holds the module, and runs on every Python."""
    path = folder / "sealwright_module-1.0-py3-none-any.whl"
    info = "sealwright_module-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(module, "sealwright_module/libsealwright-pkcs11.so")
        archive.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: sealwright-module\nVersion: 1.0\n"
        )
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return path

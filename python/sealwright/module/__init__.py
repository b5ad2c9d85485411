"""Where the PKCS#11 module is."""

from importlib.util import find_spec
from pathlib import Path

MODULE_NAME = "libsealwright-pkcs11.so"


class ModuleMissingError(Exception):
    """The package holds no module: it was not built, or not for this platform."""


def module_path() -> Path:
    """The module shipped in this package, absolute. Raises ModuleMissingError."""
    # Beside the extension, not beside this file: an editable install keeps what was built apart.
    extension = find_spec("sealwright._native")
    folder = Path(__file__ if extension is None or extension.origin is None else extension.origin)
    path = folder.resolve().parent / MODULE_NAME
    if not path.is_file():
        raise ModuleMissingError(
            f"{path} is missing: sealwright was installed without its PKCS#11 module; "
            "install it again on a platform that it is built for"
        )
    return path

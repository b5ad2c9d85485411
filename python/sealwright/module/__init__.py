"""The PKCS#11 module on this machine: where it is, how it is set up, what tools see in it.

This folder is also the distribution sealwright-module, as the package `sealwright_module`: it needs
Python alone, and its imports are relative.
"""

import sys
from pathlib import Path

MODULE_NAME = "libsealwright-pkcs11.so"


class ModuleMissingError(Exception):
    """The package holds no module: it was not built, or not for this platform."""


def module_path() -> Path:
    """The module shipped in this distribution, absolute. Raises ModuleMissingError."""
    package = sys.modules[__name__.partition(".")[0]]
    # An editable install has two folders: what was built is kept apart from the sources.
    paths = [Path(folder).resolve() / MODULE_NAME for folder in package.__path__]
    for path in paths:
        if path.is_file():
            return path
    raise ModuleMissingError(
        f"{paths[0]} is missing: {package.__name__} was installed without its PKCS#11 module; "
        "install it again on a platform that it is built for"
    )

"""What a test of a tool that is not everywhere cannot do without."""

import shutil
from pathlib import Path

import pytest


def need(program: str, package: str) -> None:
    """Skips the test where a program is not installed."""
    if shutil.which(program) is None:
        pytest.skip(f"no {program}: it is in Debian's package {package}")


def need_file(pattern: str, package: str) -> Path:
    """The last of the files below /usr/lib; skips the test where there is none."""
    found = sorted(Path("/usr/lib").glob(pattern))
    if not found:
        pytest.skip(f"no /usr/lib/{pattern}: it is in Debian's package {package}")
    return found[-1]

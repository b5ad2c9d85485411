"""The C library that the portable module asks for. That it asks for nothing else, nor shows more
than its functions, tests/tools/test_library_file.py says."""

import re
import subprocess
from pathlib import Path

import pytest

OLDEST = (2, 28)
"""The C library of RHEL 8; Ubuntu 20.04 and Debian 11 have 2.31."""


def read(*options: str, file: Path) -> str:
    done = subprocess.run(
        ["readelf", "--wide", *options, str(file)], capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.fixture
def imported(module_file: Path) -> list[str]:
    """The versions of symbols that it must find elsewhere, such as GLIBC_2.14."""
    needs = read("--version-info", file=module_file).partition("Version needs section")[2]
    versions = re.findall(r"Name: (\S+)", needs)
    assert versions
    return versions


def test_no_symbol_is_newer_than_the_oldest_c_library(imported: list[str]) -> None:
    assert all(version.startswith("GLIBC_") for version in imported), imported
    numbers = [tuple(map(int, version.removeprefix("GLIBC_").split("."))) for version in imported]
    assert max(numbers) <= OLDEST, imported


def test_every_symbol_has_a_version(module_file: Path) -> None:
    """One without could be anybody's, and is missing only when it is called."""
    symbols = read("--dyn-syms", file=module_file)
    undefined = re.findall(r"GLOBAL +DEFAULT +UND (\S+)", symbols)
    assert len(undefined) > 100
    assert [name for name in undefined if "@GLIBC_" not in name] == []

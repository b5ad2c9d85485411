"""sealwright._native: its types, and libraries that are no PKCS#11 module."""

import subprocess
import sys
from pathlib import Path

import pytest

from sealwright import _native
from sealwright.pkcs11 import Module, name_of


def test_its_types_are_those_of_its_stub() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mypy.stubtest", "sealwright._native"],
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout.decode()


def test_a_file_that_is_not_there_cannot_be_loaded(tmp_path: Path) -> None:
    with pytest.raises(_native.LoadError, match=r"nothing\.so"):
        Module(tmp_path / "nothing.so")


def test_a_library_that_is_no_module_cannot_be_loaded() -> None:
    with pytest.raises(_native.LoadError, match="no PKCS#11 module"):
        Module("libc.so.6")


def test_an_unloaded_module_refuses_politely(provider_file: Path) -> None:
    module = Module(provider_file)
    module.native.unload()
    with pytest.raises(_native.LoadError, match="unloaded"):
        module.info()


def test_an_unknown_function_is_no_crash(provider_file: Path) -> None:
    with pytest.raises(ValueError, match="C_MakeCoffee"):
        Module(provider_file).native.call_with_nulls("C_MakeCoffee")


def test_return_values_have_names() -> None:
    assert name_of(0xA0) == "CKR_PIN_INCORRECT"
    assert name_of(0x80000001) == "0x80000001"

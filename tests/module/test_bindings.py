"""sealwright._native: its types, and libraries that are no PKCS#11 module."""

import struct
import subprocess
import sys
from pathlib import Path

import pytest

from sealwright import _native
from sealwright.cryptoki import CKR
from sealwright.pkcs11 import Module, name_of
from tests.module.providers import Provider


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


def test_a_call_by_name_hands_over_what_it_is_given(provider: Provider) -> None:
    native = provider.module.native
    count = bytearray(struct.pack("@L", 0))
    assert native.call("C_GetSlotList", True, None, count) == CKR.OK
    (slots,) = struct.unpack("@L", count)
    assert slots == len(provider.module.slots())
    room = _native.Numbers(slots)
    assert native.call("C_GetSlotList", 1, room, count) == CKR.OK
    assert {slot.number for slot in provider.module.slots()} == set(room.value)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        pytest.param([], ValueError, id="too-few"),
        pytest.param([None, None], ValueError, id="too-many"),
        pytest.param([5], ValueError, id="number-for-a-pointer"),
        pytest.param([object()], TypeError, id="something-else"),
    ],
)
def test_a_call_by_name_with_other_arguments_is_no_crash(
    provider: Provider, arguments: list[None], error: type[Exception]
) -> None:
    with pytest.raises(error):
        provider.module.native.call("C_GetInfo", *arguments)
    with pytest.raises(ValueError, match="a pointer stands where a number goes"):
        provider.module.native.call("C_CloseSession", None)


def test_return_values_have_names() -> None:
    assert name_of(0xA0) == "CKR_PIN_INCORRECT"
    assert name_of(0x80000001) == "0x80000001"

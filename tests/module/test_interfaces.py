"""PKCS#11 v3.0 §5.4: the interfaces that a host may choose from, as a host in C reads them."""

import ctypes
from pathlib import Path

import pytest

from sealwright import _native
from sealwright.cryptoki import CKR
from sealwright.pkcs11 import Module

NAME = b"PKCS 11"


class Version(ctypes.Structure):
    _fields_ = [("major", ctypes.c_ubyte), ("minor", ctypes.c_ubyte)]


class FunctionList(ctypes.Structure):
    """CK_FUNCTION_LIST_3_0; one of 2.40 begins alike and ends after its 68 functions."""

    _fields_ = [("version", Version)] + [
        (name, ctypes.c_void_p) for name in _native.function_names()
    ]

    @property
    def number(self) -> tuple[int, int]:
        return self.version.major, self.version.minor


class Interface(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("functions", ctypes.POINTER(FunctionList)),
        ("flags", ctypes.c_ulong),
    ]


OF_2_40 = _native.function_names()[:68]


@pytest.fixture
def library(module: Module, module_file: Path) -> ctypes.CDLL:
    """Loaded once more: the same functions as the module's, which is not initialised."""
    return ctypes.CDLL(str(module_file))


def choose(
    library: ctypes.CDLL,
    name: bytes | None = None,
    version: tuple[int, int] | None = None,
    flags: int = 0,
) -> Interface:
    found = ctypes.POINTER(Interface)()
    wanted = None if version is None else ctypes.byref(Version(*version))
    rv = library.C_GetInterface(name, wanted, ctypes.byref(found), ctypes.c_ulong(flags))
    assert rv == CKR.OK
    return found.contents


def test_the_newer_interface_comes_first(library: ctypes.CDLL) -> None:
    count = ctypes.c_ulong()
    assert library.C_GetInterfaceList(None, ctypes.byref(count)) == CKR.OK
    interfaces = (Interface * count.value)()
    assert library.C_GetInterfaceList(interfaces, ctypes.byref(count)) == CKR.OK
    offered = [(each.name, each.functions.contents.number, each.flags) for each in interfaces]
    assert offered == [
        (NAME, (3, 0), 0),
        (NAME, (2, 40), 0),
        (b"Vendor Sealwright diagnosis", (1, 0), 0),
    ]


@pytest.mark.parametrize(
    ("wanted", "given"),
    [
        pytest.param((None, None), (3, 0), id="whatever"),
        pytest.param((NAME, None), (3, 0), id="the-newest"),
        pytest.param((NAME, (3, 0)), (3, 0), id="3.0"),
        pytest.param((NAME, (2, 40)), (2, 40), id="2.40"),
        pytest.param((None, (2, 40)), (2, 40), id="2.40-of-any-name"),
    ],
)
def test_a_host_gets_the_version_that_it_asks_for(
    library: ctypes.CDLL,
    wanted: tuple[bytes | None, tuple[int, int] | None],
    given: tuple[int, int],
) -> None:
    assert choose(library, *wanted).functions.contents.number == given


def test_an_interface_is_always_the_same_one(library: ctypes.CDLL) -> None:
    first, second = choose(library), choose(library)
    assert ctypes.addressof(first) == ctypes.addressof(second)


def test_the_function_list_is_that_of_the_older_interface(library: ctypes.CDLL) -> None:
    functions = ctypes.POINTER(FunctionList)()
    assert library.C_GetFunctionList(ctypes.byref(functions)) == CKR.OK
    older = choose(library, NAME, (2, 40)).functions
    assert ctypes.addressof(functions.contents) == ctypes.addressof(older.contents)


def test_both_lists_hold_the_exported_functions(library: ctypes.CDLL) -> None:
    """But for C_GetInfo, which says through which of them it was called."""
    for version, names in ((2, 40), OF_2_40), ((3, 0), _native.function_names()):
        functions = choose(library, NAME, version).functions.contents
        listed = {name: getattr(functions, name) for name in names}
        exported = {name: ctypes.cast(library[name], ctypes.c_void_p).value for name in names}
        if version == (3, 0):
            assert listed.pop("C_GetInfo") not in {None, exported.pop("C_GetInfo")}
        assert listed == exported


def test_each_interface_says_its_own_version(module: Module, library: ctypes.CDLL) -> None:
    module.initialize()
    ask = ctypes.CFUNCTYPE(ctypes.c_ulong, ctypes.c_void_p)
    for version in (2, 40), (3, 0):
        functions = choose(library, NAME, version).functions.contents
        information = (ctypes.c_ubyte * 512)()
        assert ask(functions.C_GetInfo)(ctypes.addressof(information)) == CKR.OK
        assert tuple(information[:2]) == version

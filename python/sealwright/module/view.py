"""What tools see in the module: its tokens, through the functions that they call."""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

_OK = 0x0
_BUFFER_TOO_SMALL = 0x150
_LINES = "SEALWRIGHT_LOG_FILE"

# What these functions answer where a set-up is wrong.
_NAMES = {
    0x2: "CKR_HOST_MEMORY",
    0x5: "CKR_GENERAL_ERROR",
    0x6: "CKR_FUNCTION_FAILED",
    0x30: "CKR_DEVICE_ERROR",
    0x32: "CKR_DEVICE_REMOVED",
    0xE0: "CKR_TOKEN_NOT_PRESENT",
    0x101: "CKR_USER_NOT_LOGGED_IN",
}


class _TokenInfo(ctypes.Structure):
    """CK_TOKEN_INFO."""

    _fields_ = [
        ("label", ctypes.c_char * 32),
        ("others", ctypes.c_char * 64),
        ("numbers", ctypes.c_ulong * 11),
        ("versions", ctypes.c_ubyte * 4),
        ("time", ctypes.c_char * 16),
    ]


class ViewError(Exception):
    """The module refused; the text says which function, how, and what the module said."""


def tokens(library: ctypes.CDLL) -> list[str]:
    """The labels of the tokens that are present. The module must not be initialised, and is not
    afterwards. Raises ViewError; OSError: there is no folder for its lines."""
    with TemporaryDirectory(prefix="sealwright-") as folder, _overheard(Path(folder)) as log:
        try:
            _call(library, "C_Initialize", None)
            try:
                return [_label(library, slot) for slot in _slots(library)]
            finally:
                library.C_Finalize(None)
        except ViewError as fault:
            said = " ".join(log.read_text().replace("sealwright: ", "").split())
            raise ViewError(f"{fault}: {said or 'it says nothing'}") from None


@contextmanager
def _overheard(folder: Path) -> Iterator[Path]:
    """The file in `folder` that a module writes its lines to meanwhile."""
    log, kept = folder / "module.log", os.environ.get(_LINES)
    log.touch()
    os.environ[_LINES] = str(log)
    try:
        yield log
    finally:
        del os.environ[_LINES]
        if kept is not None:
            os.environ[_LINES] = kept


def _slots(library: ctypes.CDLL) -> list[int]:
    with_token, count = ctypes.c_ubyte(1), ctypes.c_ulong(0)
    _call(library, "C_GetSlotList", with_token, None, ctypes.byref(count))
    while True:
        slots = (ctypes.c_ulong * count.value)()
        rv = library.C_GetSlotList(with_token, slots, ctypes.byref(count))
        if rv != _BUFFER_TOO_SMALL:  # the list may have grown
            _check("C_GetSlotList", rv)
            return list(slots[: count.value])


def _label(library: ctypes.CDLL, slot: int) -> str:
    info = _TokenInfo()
    _call(library, "C_GetTokenInfo", ctypes.c_ulong(slot), ctypes.byref(info))
    return bytes(info.label).decode().rstrip(" ")


def _call(library: ctypes.CDLL, function: str, *arguments: object) -> None:
    _check(function, library[function](*arguments))


def _check(function: str, rv: int) -> None:
    if rv != _OK:
        raise ViewError(f"{function}: {_NAMES.get(rv, f'{rv:#x}')}")

"""The settings as the module itself reads them: it is loaded, and asked through the interface
"Vendor Sealwright diagnosis" (native/abi/diagnosis.h)."""

import ctypes
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

_NAME = b"Vendor Sealwright diagnosis"
_MAJOR = 1
_OK = 0x0
_BUFFER_TOO_SMALL = 0x150

_Ask = ctypes.CFUNCTYPE(ctypes.c_ulong, ctypes.c_void_p, ctypes.POINTER(ctypes.c_ulong))


class _Functions(ctypes.Structure):
    _fields_ = [
        ("major", ctypes.c_ubyte),
        ("minor", ctypes.c_ubyte),
        ("report", _Ask),
        ("api_key", _Ask),
        ("proxy_url", _Ask),
    ]


class _Interface(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("functions", ctypes.POINTER(_Functions)),
        ("flags", ctypes.c_ulong),
    ]


class LibraryError(Exception):
    """The file is no library, no PKCS#11 module, or no module that can be asked."""


class SettingsError(Exception):
    """What is wrong with the settings, in the words that C_Initialize would put on stderr."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Those in force; "" is none."""

    file: str
    """That was read."""
    withheld: str
    """The machine's file, where this user may not read it."""
    variables: list[str]
    """The names of those that were set."""
    key_source: str
    """The variable or the file that the API key is from."""
    urls: list[str]
    signers: dict[str, int]
    ca_file: str
    client_cert: str
    client_key: str
    connect_timeout: float
    """Seconds."""
    request_timeout: float
    """Seconds."""
    log_file: str
    log_file_fault: str
    """Why no line can go there."""
    open_folders: dict[str, list[str]]
    """File to those above it in which others can put another in its place."""


class Diagnosis:
    """A module that was loaded, and not initialised."""

    def __init__(self, path: Path) -> None:
        """Raises LibraryError."""
        self.path = path
        try:
            self.library = ctypes.CDLL(str(path), mode=ctypes.RTLD_LOCAL)
        except OSError as fault:
            raise LibraryError(str(fault)) from None
        if not hasattr(self.library, "C_GetFunctionList"):
            raise LibraryError(f"{path} is no PKCS#11 module")
        self._functions = self._interface()

    def settings(self) -> Settings:
        """Read anew. Raises SettingsError."""
        told: dict[str, Any] = json.loads(os.fsdecode(_octets(self._functions.report)))
        if "fault" in told:
            raise SettingsError(told["fault"])
        return Settings(**{field.name: told[field.name] for field in fields(Settings)})

    def api_key(self) -> str | None:
        """A secret. Raises SettingsError."""
        return _octets(self._functions.api_key).decode() or None

    def proxy_url(self) -> str:
        """Of SEALWRIGHT_PROXY_URL or the file, with its password; "" is none. Raises
        SettingsError."""
        return _octets(self._functions.proxy_url).decode()

    def _interface(self) -> _Functions:
        found = ctypes.POINTER(_Interface)()
        get = getattr(self.library, "C_GetInterface", None)
        if get is None or get(_NAME, None, ctypes.byref(found), ctypes.c_ulong(0)) != _OK:
            raise LibraryError(f"{self.path} is a PKCS#11 module, but not Sealwright's, or older")
        functions: _Functions = found.contents.functions.contents
        if functions.major != _MAJOR:
            raise LibraryError(
                f"{self.path} is of another version: it answers as {functions.major}."
                f"{functions.minor}, not as {_MAJOR}"
            )
        return functions


def _octets(ask: Callable[..., int]) -> bytes:
    """Both calls of the length convention, again where the answer grew between them."""
    length = ctypes.c_ulong(0)
    rv = ask(None, ctypes.byref(length))
    while rv == _OK:
        room = ctypes.create_string_buffer(length.value)
        rv = ask(room, ctypes.byref(length))
        if rv == _OK:
            return room.raw[: length.value]
        rv = _OK if rv == _BUFFER_TOO_SMALL else rv
    raise SettingsError("the settings changed while they were read, and cannot be loaded now")

"""The module's configuration as the module reads it (docs/module.md): one file, then variables."""

import os
import re
import stat
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import msgspec

from sealwright.client.connection import find_api_key, variable_is_true
from sealwright.client.errors import MisconfiguredError
from sealwright.client.proxy import Proxy, find_proxy

_Seconds = Annotated[float, msgspec.Meta(ge=0.1, le=3600)]
_Text = Annotated[str, msgspec.Meta(min_length=1)]
_ApiKey = Annotated[str, msgspec.Meta(pattern=r"^swk_[A-Za-z0-9]{43}$")]
_Number = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]

_T = TypeVar("_T")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 24 * 3600}
_LONGEST_WINDOW = 30 * _UNITS["d"]
_LONGEST_WAIT = 7 * _UNITS["d"]
_LONGEST_JUSTIFICATION = 2048  # characters
_MOST_SIGNINGS = 1_000_000_000


class _Table(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Base: a table of the file, with no other keys than these."""


class _Tls(_Table, frozen=True):
    ca_file: _Text | None = None
    client_cert: _Text | None = None
    client_key: _Text | None = None


class _Proxy(_Table, frozen=True):
    url: _Text | None = None


class _Timeouts(_Table, frozen=True):
    connect: _Seconds = 5
    request: _Seconds = 30
    list_: _Seconds = msgspec.field(name="list", default=15)


class _Approval(_Table, frozen=True):
    request: bool = False
    window: str | None = None
    signings: Annotated[int, msgspec.Meta(ge=1, le=_MOST_SIGNINGS)] | None = None
    justification: str | None = None
    wait: str | None = None

    @property
    def window_seconds(self) -> int | None:
        return None if self.window is None else _window("window", self.window)

    @property
    def wait_seconds(self) -> int | None:
        return None if self.wait is None else _wait("wait", self.wait)

    def __post_init__(self) -> None:
        _ = self.window_seconds, self.wait_seconds
        if self.justification is not None:
            _justification("justification", self.justification)


class _Log(_Table, frozen=True):
    level: Literal["off", "error", "warning", "info", "debug"] = "warning"
    file: _Text | None = None


class _File(_Table, frozen=True):
    url: _Text | list[_Text] | None = None
    api_key: _ApiKey | None = None
    api_key_file: _Text | None = None
    login_required: bool = False
    insecure: bool = False
    signers: dict[str, _Number] = {}
    tls: _Tls = _Tls()
    proxy: _Proxy = _Proxy()
    timeouts: _Timeouts = _Timeouts()
    approval: _Approval = _Approval()
    log: _Log = _Log()


@dataclass(frozen=True, slots=True)
class ApprovalConfiguration:
    """What to do where a grant is wanting; `window` and `wait` are seconds."""

    request: bool
    window: int | None
    signings: int | None
    justification: str | None
    wait: int | None


@dataclass(frozen=True, slots=True)
class ModuleConfiguration:
    """`path` is the file read, None where there is none; times are seconds; `key_source` says
    where the API key came from; `signers` are slots that need no key (name to number)."""

    path: Path | None
    urls: tuple[str, ...]
    api_key: str | None = field(repr=False)
    key_source: str | None
    login_required: bool
    insecure: bool
    signers: Mapping[str, int]
    ca_file: Path | None
    client_cert: Path | None
    client_key: Path | None
    proxy: Proxy | None
    connect_timeout: float
    request_timeout: float
    list_timeout: float
    approval: ApprovalConfiguration


def configuration_path(environment: Mapping[str, str]) -> Path | None:
    """SEALWRIGHT_CONFIG, else the first that exists of the user's file and the machine's."""
    if named := environment.get("SEALWRIGHT_CONFIG"):
        return Path(named)
    candidates = [
        Path(environment.get("HOME") or Path.home()) / ".config/sealwright/pkcs11.toml",
        Path("/etc/sealwright/pkcs11.toml"),
    ]
    return next((path for path in candidates if path.exists()), None)


def read_configuration(environment: Mapping[str, str]) -> ModuleConfiguration:
    """
    Raises:
        MisconfiguredError: names the file or variable, and what is wrong with it.
    """
    path = configuration_path(environment)
    file = _File() if path is None else _read(path)
    api_key, source = _api_key(environment, file, path)
    configured = [file.url] if isinstance(file.url, str) else file.url or []
    urls = environment.get("SEALWRIGHT_URL", "").split(",")
    return ModuleConfiguration(
        path=path,
        urls=tuple(url.strip() for url in urls if url.strip()) or tuple(configured),
        api_key=api_key,
        key_source=source,
        login_required=_flag(environment, "LOGIN_REQUIRED", file.login_required),
        insecure=_flag(environment, "INSECURE", file.insecure),
        signers=file.signers,
        ca_file=_path(environment, "CA_FILE", file.tls.ca_file),
        client_cert=_path(environment, "CLIENT_CERT", file.tls.client_cert),
        client_key=_path(environment, "CLIENT_KEY", file.tls.client_key),
        proxy=find_proxy(environment, file.proxy.url),
        connect_timeout=_seconds(environment, "CONNECT_TIMEOUT", file.timeouts.connect),
        request_timeout=_seconds(environment, "REQUEST_TIMEOUT", file.timeouts.request),
        list_timeout=_seconds(environment, "LIST_TIMEOUT", file.timeouts.list_),
        approval=_approval(environment, file.approval),
    )


def _read(path: Path) -> _File:
    try:
        with path.open("rb") as opened:
            mode = os.fstat(opened.fileno()).st_mode
            content = tomllib.load(opened)
        file = msgspec.convert(content, _File)
    except OSError as fault:
        raise MisconfiguredError(f"{path}: {fault.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        raise MisconfiguredError(f"{path} is no TOML: {fault}") from None
    except msgspec.ValidationError as fault:
        raise MisconfiguredError(f"{path}: {re.sub(r'[$][.]?', '', str(fault))}") from None
    if file.api_key and file.api_key_file:
        raise MisconfiguredError(f"{path}: api_key and api_key_file: name one of them")
    is_secret = file.api_key or (file.proxy.url and "@" in file.proxy.url)
    if is_secret and mode & (stat.S_IRGRP | stat.S_IROTH):
        raise MisconfiguredError(
            f"{path} holds a secret and others on this machine can read it: chmod 600 {path}"
        )
    return file


def _window(name: str, text: str) -> int:
    fault = f'{name} must be a duration from 1s to 30d, such as "8h"'
    return _duration(text, _LONGEST_WINDOW, fault)


def _wait(name: str, text: str) -> int:
    return _duration(text, _LONGEST_WAIT, f'{name} must be a duration from 1s to 7d, such as "10m"')


def _duration(text: str, longest: int, fault: str) -> int:
    seconds = int(text[:-1]) * _UNITS[text[-1]] if re.fullmatch("[0-9]{1,20}[smhd]", text) else 0
    if not 1 <= seconds <= longest:
        raise ValueError(fault)
    return seconds


def _justification(name: str, text: str) -> str:
    is_utf8 = not any("\ud800" <= character <= "\udfff" for character in text)
    if not is_utf8 or not text.strip(" \t\r\n") or len(text) > _LONGEST_JUSTIFICATION:
        raise ValueError(f"{name} must be a text of 1 to {_LONGEST_JUSTIFICATION} characters")
    return text


def _signings(name: str, text: str) -> int:
    count = int(text) if re.fullmatch("[0-9]{1,20}", text) else 0
    if not 1 <= count <= _MOST_SIGNINGS:
        raise ValueError(f"{name} must be a number from 1 to {_MOST_SIGNINGS}")
    return count


def _approval(environment: Mapping[str, str], file: _Approval) -> ApprovalConfiguration:
    def find(name: str, read: Callable[[str, str], _T]) -> _T | None:
        variable = f"SEALWRIGHT_APPROVAL_{name}"
        given = environment.get(variable)
        try:
            return read(variable, given) if given else None
        except ValueError as fault:
            raise MisconfiguredError(str(fault)) from None

    return ApprovalConfiguration(
        request=_flag(environment, "APPROVAL_REQUEST", file.request),
        window=find("WINDOW", _window) or file.window_seconds,
        signings=find("SIGNINGS", _signings) or file.signings,
        justification=find("JUSTIFICATION", _justification) or file.justification,
        wait=find("WAIT", _wait) or file.wait_seconds,
    )


def _api_key(
    environment: Mapping[str, str], file: _File, path: Path | None
) -> tuple[str | None, str | None]:
    if environment.get("SEALWRIGHT_API_KEY"):
        return find_api_key(environment), "SEALWRIGHT_API_KEY"
    if named := environment.get("SEALWRIGHT_API_KEY_FILE") or file.api_key_file:
        return find_api_key({}, named), named
    return file.api_key, str(path) if file.api_key else None


def _flag(environment: Mapping[str, str], name: str, otherwise: bool) -> bool:
    given = environment.get(f"SEALWRIGHT_{name}")
    return variable_is_true(environment, name) if given else otherwise


def _path(environment: Mapping[str, str], name: str, otherwise: str | None) -> Path | None:
    named = environment.get(f"SEALWRIGHT_{name}") or otherwise
    return Path(named) if named else None


def _seconds(environment: Mapping[str, str], name: str, otherwise: float) -> float:
    given = environment.get(f"SEALWRIGHT_{name}")
    if not given:
        return otherwise
    try:
        return msgspec.convert(given, _Seconds, strict=False)
    except msgspec.ValidationError:
        raise MisconfiguredError(f"SEALWRIGHT_{name} must be seconds, from 0.1 to 3600") from None

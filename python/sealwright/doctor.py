"""What is right and wrong with the PKCS#11 module's set-up on this machine."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import Enum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from sealwright.client.address import parse_addresses
from sealwright.client.client import Client
from sealwright.client.connection import Connection
from sealwright.client.errors import ClientError, MisconfiguredError, Refused, UnreachableError
from sealwright.client.objects import CatalogueSigner
from sealwright.client.proxy import find_proxy
from sealwright.module import ModuleMissingError, module_path

if TYPE_CHECKING:
    from sealwright._native import Settings

_CLOCKS_APART = timedelta(seconds=60)
_MOST_WITNESSES = 100
_CERTIFICATE_ENDS_SOON = timedelta(days=30)
_AWAY = "Check the URL, and that the server runs."


class State(Enum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing examined; `next_step` says what to do about it."""

    check: str
    state: State
    text: str
    next_step: str | None = None


def examine() -> Iterator[Finding]:
    """The library, the configuration as the module's own code reads it, the way to each control
    plane, the key, the signers, and at last the module's own view. What cannot be examined for an
    earlier fault is left out."""
    library = _library()
    yield library
    if library.state is not State.OK:
        return
    from sealwright import _native

    try:
        settings = _native.load_settings()
    except _native.SettingsError as fault:
        yield Finding("configuration", State.FAIL, str(fault), "Correct it; see docs/module.md.")
        return
    yield _configuration(settings)
    yield from _folders(settings)
    yield from _log_file(settings)
    yield _key(settings)
    if not settings.urls:
        yield Finding(
            "url",
            State.FAIL,
            "no control plane is configured",
            "Set SEALWRIGHT_URL, or url in ~/.config/sealwright/pkcs11.toml.",
        )
        return
    worth_asking = False
    for url in settings.urls:
        for finding in _control_plane(url, settings):
            is_explained = finding.check == "url" and finding.next_step not in (None, _AWAY)
            worth_asking = worth_asking or is_explained or finding.check == "signers"
            yield finding
    if worth_asking:
        yield _own_view(Path(library.text))


def _library() -> Finding:
    import ctypes

    try:
        path = module_path()
        library = ctypes.CDLL(str(path), mode=ctypes.RTLD_LOCAL)
    except (ModuleMissingError, OSError) as fault:
        return Finding("library", State.FAIL, str(fault), "Install sealwright again.")
    if not hasattr(library, "C_GetFunctionList"):
        return Finding("library", State.FAIL, f"{path} is no PKCS#11 module", "Install it again.")
    return Finding("library", State.OK, str(path))


def _configuration(settings: "Settings") -> Finding:
    variables = ", ".join(settings.variables)
    if settings.file:
        over_it = f"; over it {variables}" if variables else ""
        return Finding("configuration", State.OK, f"{settings.file} is read{over_it}")
    withheld = f" ({settings.withheld} is not for this user)" if settings.withheld else ""
    return Finding("configuration", State.OK, f"no file{withheld}; {variables or 'no variables'}")


def _folders(settings: "Settings") -> Iterator[Finding]:
    """A file is no safer than the folders above it."""
    from sealwright._native import open_folders

    key_file = settings.key_source if settings.key_source.startswith("/") else ""
    files = (settings.file, key_file, settings.ca_file, settings.client_cert, settings.client_key)
    for file in dict.fromkeys(filter(None, files)):
        for folder in open_folders(file):
            yield Finding(
                "configuration",
                State.WARN,
                f"others can write to {folder}, and so put anything in the place of {file}",
                f"Run chmod go-w {folder}, or chown it to root.",
            )


def _log_file(settings: "Settings") -> Iterator[Finding]:
    from sealwright._native import log_file_fault

    if not settings.log_file:
        return
    if fault := log_file_fault(settings.log_file):
        text = f"{settings.log_file}: {fault}: lines go to stderr instead"
        next_step = "Name a file in a folder of this user's, without symbolic links of others."
        yield Finding("log file", State.WARN, text, next_step)
    else:
        yield Finding("log file", State.OK, f"lines go to {settings.log_file}")


def _key(settings: "Settings") -> Finding:
    if settings.api_key is not None:
        return Finding("api key", State.OK, f"from {settings.key_source}")
    if settings.signers:
        names = ", ".join(f"{name} ({number})" for name, number in settings.signers.items())
        return Finding("api key", State.OK, f"none: tools ask for one as the PIN of {names}")
    return Finding(
        "api key",
        State.FAIL,
        "none, and no [signers] that could ask for one: tools will see no slots",
        "Set SEALWRIGHT_API_KEY_FILE, or api_key_file in pkcs11.toml.",
    )


def _control_plane(url: str, settings: "Settings") -> Iterator[Finding]:
    try:
        connection = _connection(url, settings)
        client = Client(connection)
        date = client.live().date
    except UnreachableError as fault:
        yield Finding("url", State.FAIL, str(fault), fault.next_step or _AWAY)
        return
    except MisconfiguredError as fault:
        yield Finding("url", State.FAIL, str(fault), "Correct it; see docs/module.md.")
        return
    except ClientError as fault:
        yield Finding("url", State.FAIL, str(fault), f"Is {url} the URL of a control plane?")
        return
    yield Finding("url", State.OK, f"{url} answers{_by_way_of(connection)}")
    if (apart := _clocks(date)) is not None:
        yield apart
    if settings.api_key is None:
        return
    try:
        who = client.whoami().value
        yield Finding("api key", State.OK, f"{url} knows it as {who.kind} {who.name}")
        for sentence in who.warnings:
            yield Finding("api key", State.WARN, sentence)
        yield from _signers(client.catalogue().value.signers)
        if who.role in ("admin", "auditor"):
            yield from _witnesses(client)
    except Refused as refusal:
        next_step = "An admin gives out a new one with: sealwright identity key add NAME"
        yield Finding("api key", State.FAIL, f"{url} refuses it: {refusal.title}", next_step)
    except ClientError as fault:
        yield Finding("url", State.FAIL, str(fault), "Try again; if it stays, ask its operator.")


def _witnesses(client: Client) -> Iterator[Finding]:
    """As far as this caller may see them."""
    for each in client.witnesses(_MOST_WITNESSES).value.items:
        if each.failure is None:
            yield Finding("witness", State.OK, f"{each.name} signs the log's checkpoints")
        else:
            text = f"{each.name} does not sign the log's checkpoints: {each.failure}"
            yield Finding("witness", State.WARN, text, "See sealwright log witness list.")


def _connection(url: str, settings: "Settings") -> Connection:
    return Connection(
        addresses=parse_addresses(url),
        api_key=settings.api_key,
        ca_file=_path(settings.ca_file),
        client_cert=_path(settings.client_cert),
        client_key=_path(settings.client_key),
        proxy=find_proxy(os.environ, settings.own_proxy_url),
        connect_timeout=settings.connect_timeout,
        read_timeout=settings.request_timeout,
    )


def _by_way_of(connection: Connection) -> str:
    (address,) = connection.addresses
    proxy = connection.proxy.way_to(address)
    return f" through the proxy {proxy.url} of {connection.proxy.source}" if proxy else ""


def _path(named: str) -> Path | None:
    return Path(named) if named else None


def _clocks(date: str | None) -> Finding | None:
    try:
        theirs = parsedate_to_datetime(date or "")
    except ValueError:
        return None
    if theirs.tzinfo is None:
        theirs = theirs.replace(tzinfo=UTC)
    apart = datetime.now(UTC) - theirs
    if abs(apart) <= _CLOCKS_APART:
        return Finding("clock", State.OK, "agrees with the server's")
    direction = "ahead of" if apart > timedelta(0) else "behind"
    return Finding(
        "clock",
        State.WARN,
        f"{abs(apart).total_seconds():.0f} s {direction} the server's",
        "Set it by NTP: certificates begin and end by the clock.",
    )


def _signers(signers: list[CatalogueSigner]) -> Iterator[Finding]:
    if not signers:
        next_step = "An admin adds it: sealwright member add SIGNER IDENTITY --role operator"
        yield Finding("signers", State.WARN, "this identity is no member of any signer", next_step)
    for signer in signers:
        yield _signer(signer)


def _signer(signer: CatalogueSigner) -> Finding:
    end = "no certificate" if signer.not_after is None else f"until {signer.not_after:%Y-%m-%d}"
    text = f"slot {signer.number}: {signer.name}, {signer.key}, {signer.status}, {end}"
    if signer.status != "active":
        next_step = {
            "pending": f"Install its certificate: sealwright signer csr {signer.name}",
            "disabled": f"Enable it: sealwright signer enable {signer.name}",
            "expired": f"Renew it: sealwright signer renew {signer.name}",
        }.get(signer.status)
        return Finding(
            "signers", State.WARN, f"{text}: tools see a slot without a token", next_step
        )
    if signer.role not in {"administrator", "operator"}:
        next_step = f"sealwright member add {signer.name} IDENTITY --role operator"
        return Finding("signers", State.WARN, f"{text}: this identity may not sign", next_step)
    last = signer.usable_until
    if last and last - datetime.now(UTC) < _CERTIFICATE_ENDS_SOON:
        if signer.not_after and last < signer.not_after:
            next_step = "Its CA needs another issuing certificate."
            text = f"{text}: one that issued it ends on {last:%Y-%m-%d}"
            return Finding("signers", State.WARN, text, next_step)
        next_step = f"Renew it: sealwright signer renew {signer.name}"
        return Finding("signers", State.WARN, f"{text}: that is soon", next_step)
    return Finding("signers", State.OK, text)


@contextmanager
def _overheard(folder: Path) -> Iterator[Path]:
    """The file in `folder` that a module writes its lines to meanwhile."""
    log, kept = folder / "module.log", os.environ.get("SEALWRIGHT_LOG_FILE")
    log.touch()
    os.environ["SEALWRIGHT_LOG_FILE"] = str(log)
    try:
        yield log
    finally:
        del os.environ["SEALWRIGHT_LOG_FILE"]
        if kept is not None:
            os.environ["SEALWRIGHT_LOG_FILE"] = kept


def _own_view(path: Path) -> Finding:
    """The module itself, loaded as a tool would load it; its own words are repeated."""
    from sealwright.pkcs11 import Module, Pkcs11Error

    try:
        with TemporaryDirectory(prefix="sealwright-") as folder, _overheard(Path(folder)) as log:
            try:
                with Module(path) as module:
                    labels = [slot.token().label for slot in module.slots()]
            except Pkcs11Error as fault:
                said = " ".join(log.read_text().replace("sealwright: ", "").split())
                next_step = "Tools fail in the same way; do what it says."
                text = f"{fault}: {said or 'it says nothing'}"
                return Finding("module", State.FAIL, text, next_step)
    except OSError as fault:
        next_step = "Set TMPDIR to a folder that can be written."
        return Finding("module", State.WARN, f"not asked: {fault.strerror}", next_step)
    return Finding("module", State.OK, f"tools see {', '.join(labels) or 'no tokens'}")

"""What is right and wrong with the PKCS#11 module's set-up on this machine, asking its servers."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

from sealwright.client.address import parse_addresses
from sealwright.client.client import Client
from sealwright.client.connection import Connection
from sealwright.client.errors import ClientError, MisconfiguredError, Refused, UnreachableError
from sealwright.client.objects import CatalogueSigner
from sealwright.client.proxy import find_proxy
from sealwright.module.diagnosis import SettingsError
from sealwright.module.findings import Finding, SetUp, State, examine_set_up, examine_tokens

_CLOCKS_APART = timedelta(seconds=60)
_MOST_WITNESSES = 100
_CERTIFICATE_ENDS_SOON = timedelta(days=30)
_AWAY = "Check the URL, and that the server runs."


def examine() -> Iterator[Finding]:
    """The set-up as the module reads it, the way to each control plane, the key, the signers, and
    at last what tools see. What cannot be examined for an earlier fault is left out."""
    found = yield from examine_set_up()
    if found is None:
        return
    worth_asking = False
    for url in found.settings.urls:
        for finding in _control_plane(url, found):
            is_explained = finding.check == "url" and finding.next_step not in (None, _AWAY)
            worth_asking = worth_asking or is_explained or finding.check == "signers"
            yield finding
    if worth_asking:
        yield examine_tokens(found.module)


def _control_plane(url: str, found: SetUp) -> Iterator[Finding]:
    try:
        connection = _connection(url, found)
        client = Client(connection)
        date = client.live().date
    except UnreachableError as fault:
        yield Finding("url", State.FAIL, str(fault), fault.next_step or _AWAY)
        return
    except (MisconfiguredError, SettingsError) as fault:
        yield Finding("url", State.FAIL, str(fault), "Correct it; see docs/module.md.")
        return
    except ClientError as fault:
        yield Finding("url", State.FAIL, str(fault), f"Is {url} the URL of a control plane?")
        return
    yield Finding("url", State.OK, f"{url} answers{_by_way_of(connection)}")
    if (apart := _clocks(date)) is not None:
        yield apart
    if connection.api_key is None:
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


def _connection(url: str, found: SetUp) -> Connection:
    settings = found.settings
    return Connection(
        addresses=parse_addresses(url),
        api_key=found.module.api_key(),
        ca_file=_path(settings.ca_file),
        client_cert=_path(settings.client_cert),
        client_key=_path(settings.client_key),
        proxy=find_proxy(os.environ, found.module.proxy_url()),
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

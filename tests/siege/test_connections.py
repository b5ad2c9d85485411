"""Connections that say nothing, never finish, or take no answers: others are served as if nothing
were there, whichever way the connections come in and whatever key they show."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from tests.siege.attackers import SMALL_WINDOW, Attack, head
from tests.siege.conftest import SIEGE, Besieged, sign_request

MANY = 40  # more than a caller may have under way
LARGE_BODY = 66_000  # octets: read only of callers who were let in
SMALL_BODY = 600
PIPELINED = 64  # answers that nobody takes: more than the kernel keeps for a connection


def key_of(besieged: Besieged, kind: str, number: int) -> str | None:
    """`unknown`: another one for each number."""
    if kind == "none":
        return None
    if kind == "unknown":
        return f"swk_{number:043}"
    key: str = getattr(besieged, "greedy" if kind == "operator" else kind)
    return key


def saying(
    besieged: Besieged,
    what: Callable[[int], bytes],
    *,
    window: int | None = None,
    sources: int = 0,
) -> Callable[[int], socket.socket]:
    """Connections on which so much is said. `sources`: addresses to come from; 0: ours."""

    def open_one(number: int) -> socket.socket:
        source = f"127.0.0.{2 + number % sources}" if sources else None
        connection = besieged.target.connect(source, window=window)
        try:
            connection.settimeout(0.2)
            with suppress(TimeoutError):  # as much as the server takes
                connection.sendall(what(number))
        except BaseException:
            connection.close()
            raise
        return connection

    return open_one


@contextmanager
def during(attack: Attack, besieged: Besieged) -> Iterator[Attack]:
    """Others are served before and after what is done meanwhile."""
    with attack:
        besieged.others_must_be_served(2 * SIEGE)
        yield attack
        besieged.others_must_be_served()
        attack.must_be_on()


def sign_with(key: str | None, length: int) -> bytes:
    return head("POST", "/v1/signers/release/sign", key=key, length=length) + b'{"scheme":'


def request_with(key: str | None, length: int) -> bytes:
    return head("POST", "/v1/signers/bounded/requests", key=key, length=length) + b'{"signings":'


def chunks(key: str | None) -> bytes:
    begun = head("POST", "/v1/signers/release/sign", key=key)[:-2]
    return begun + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"


STATES: dict[str, Callable[[str | None], bytes]] = {
    "silent": lambda _: b"",
    "head": lambda key: head("GET", "/v1/catalogue", key=key)[:-2],
    "small body": lambda key: sign_with(key, SMALL_BODY),
    "large body": lambda key: sign_with(key, LARGE_BODY),
    "small change": lambda key: request_with(key, SMALL_BODY),
    "large change": lambda key: request_with(key, LARGE_BODY),
    "chunks": chunks,
    "unasked body": lambda key: head("GET", "/v1/openapi.json", key=key, length=70_000),
    "unread document": lambda key: head("GET", "/v1/openapi.json", key=key) * PIPELINED,
    "unread catalogue": lambda key: head("GET", "/v1/catalogue", key=key) * PIPELINED,
    "unread metrics": lambda key: head("GET", "/metrics", key=key) * PIPELINED,
    "unread log": lambda key: head("GET", "/v1/operations?limit=1000", key=key) * PIPELINED,
    "unread signatures": lambda key: sign_request(key or "", "the same") * PIPELINED,
}


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        ("silent", "none"),
        ("head", "unknown"),
        ("small body", "revoked"),
        ("large body", "powerless"),
        ("large body", "operator"),
        ("small change", "operator"),
        ("large change", "powerless"),
        ("chunks", "operator"),
        ("unasked body", "none"),
        ("unasked body", "powerless"),
        ("unread document", "none"),
        ("unread document", "powerless"),
        ("unread catalogue", "revoked"),
        ("unread catalogue", "operator"),
        ("unread metrics", "unknown"),
        ("unread log", "operator"),
        ("unread signatures", "operator"),
    ],
)
def test_whoever_does_not_finish_keeps_nobody_waiting(
    besieged: Besieged, state: str, kind: str
) -> None:
    def what(number: int) -> bytes:
        return STATES[state](key_of(besieged, kind, number))

    attack = Attack(saying(besieged, what, window=SMALL_WINDOW), MANY)
    with during(attack, besieged):
        pass

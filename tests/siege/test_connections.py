"""Connections that say nothing, never finish, or take no answers: others are served as if nothing
were there, whichever way the connections come in and whatever key they show."""

import select
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

import pytest

from controlplane.admission.connections import MOST_CONNECTIONS
from tests.siege.attackers import PATIENCE, SMALL_WINDOW, Attack, head
from tests.siege.conftest import SIEGE, Besieged, sign_request

MANY = 40  # more than a caller may have under way
LARGE_BODY = 40_000  # octets: read only of callers who were let in
TOO_LARGE_BODY = 100_000
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
    "too large body": lambda key: sign_with(key, TOO_LARGE_BODY),
    "chunks": chunks,
    "unasked body": lambda key: head("GET", "/v1/openapi.json", key=key, length=70_000),
    "unread document": lambda key: head("GET", "/v1/openapi.json", key=key) * 8,
    "unread catalogue": lambda key: head("GET", "/v1/catalogue", key=key) * PIPELINED,
    "unread metrics": lambda key: head("GET", "/metrics", key=key) * PIPELINED,
    "unread log": lambda key: head("GET", "/v1/operations?limit=1000", key=key) * PIPELINED,
    "unread signatures": lambda key: sign_request(key or "", "the same") * PIPELINED,
}


COMBINED = [
    ("silent", "none"),
    ("head", "unknown"),
    ("small body", "revoked"),
    ("large body", "revoked"),
    ("large body", "powerless"),
    ("large body", "operator"),
    ("too large body", "powerless"),
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
]


@pytest.mark.parametrize(("state", "kind"), COMBINED)
def test_whoever_does_not_finish_keeps_nobody_waiting(
    besieged: Besieged, state: str, kind: str
) -> None:
    def what(number: int) -> bytes:
        return STATES[state](key_of(besieged, kind, number))

    attack = Attack(saying(besieged, what, window=SMALL_WINDOW), MANY)
    with during(attack, besieged):
        pass


def kept_alive(besieged: Besieged) -> Callable[[int], socket.socket]:
    def open_one(_: int) -> socket.socket:
        connection = besieged.target.connect()
        try:
            connection.sendall(head("GET", "/v1/health/live"))
            if not connection.recv(65_536):
                raise ConnectionResetError
        except BaseException:
            connection.close()
            raise
        return connection

    return open_one


@pytest.mark.parametrize("sources", [50] if SIEGE == 1 else [0, 50])
@pytest.mark.parametrize(
    "state",
    ["silent", "kept alive"]
    if SIEGE == 1
    else ["silent", "large body", "unread document", "kept alive"],
)
def test_more_connections_than_there_can_be_are_renewed_and_others_get_in(
    besieged: Besieged, state: str, sources: int
) -> None:
    if sources and besieged.plane.url.startswith("unix:"):
        sources = 0  # a unix socket knows none

    def what(number: int) -> bytes:
        return STATES[state](besieged.greedy)

    if state == "kept alive":
        open_one = kept_alive(besieged)
    else:
        open_one = saying(besieged, what, window=SMALL_WINDOW, sources=sources)
    with during(Attack(open_one, MOST_CONNECTIONS + 400), besieged) as attack:
        attack.await_drop()


@pytest.mark.parametrize("said", [b"", b"\x16\x03\x01\x02\x00", b"\x16\x03\x01\x00\x01\x01"])
def test_handshakes_that_never_end_keep_nobody_waiting(
    besieged_with_tls: Besieged, said: bytes
) -> None:
    def open_one(_: int) -> socket.socket:
        connection = besieged_with_tls.target.dial()
        connection.sendall(said)
        return connection

    with during(Attack(open_one, MOST_CONNECTIONS + 400), besieged_with_tls) as attack:
        attack.await_drop()


NEVER_FINISHED = {
    "head": b"",
    "small body": b"HTTP/1.1 408 ",
    "large body": b"HTTP/1.1 408 ",
    "small change": b"HTTP/1.1 408 ",
    "large change": b"HTTP/1.1 408 ",
}


def test_who_never_finishes_is_let_go_however_they_trickle(besieged: Besieged) -> None:
    """A request's deadlines are absolute: whatever comes meanwhile moves none of them."""
    with ExitStack() as opened:
        waiting: dict[socket.socket, bytes] = {}
        for state, answer in NEVER_FINISHED.items():
            connection = saying(besieged, lambda _, s=state: STATES[s](besieged.operator))(0)  # type: ignore[misc]
            waiting[opened.enter_context(connection)] = answer
        silent = opened.enter_context(besieged.target.connect())
        silent.settimeout(3 * PATIENCE)
        while waiting:
            readable, _, _ = select.select(list(waiting), [], [], 0.1)
            for connection in readable:
                with suppress(TimeoutError):  # TLS speaks of itself, too
                    expected = waiting[connection]
                    assert _read(connection)[: len(expected) or None] == expected
                    del waiting[connection]
            for connection in waiting:
                with suppress(OSError):
                    connection.send(b" ")
        assert _read(silent) == b""
        besieged.others_must_be_served(1)


def _read(connection: socket.socket) -> bytes:
    with suppress(ConnectionResetError):
        return connection.recv(65_536)
    return b""

"""Whoever was turned away, or takes no answers, leaves nothing behind."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest

from controlplane.admission.connections import MOST_CONNECTIONS
from tests.invariants.loaded_service import until
from tests.siege.attackers import PATIENCE, SMALL_WINDOW, gone, head
from tests.siege.conftest import SIEGE, Besieged, besieged_at
from tests.siege.test_spread import sockets

LIVE = head("HEAD", "/v1/health/live")
SPARE = 8 * 1024 * 1024  # octets of memory; one connection over TLS has some 45,000
MANY = 3000  # answers without a body: more than the kernel takes


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Besieged]:
    with besieged_at(tmp_path_factory.mktemp("given-back")) as found:
        yield found


def test_who_is_turned_away_at_the_door_gives_the_place_back(alone: Besieged) -> None:
    """Those who come many at once, while everybody else came alone, go before they were heard."""
    (worker,) = alone.plane.workers()
    before = len(sockets(worker))
    with ExitStack() as opened:
        for number in range(MOST_CONNECTIONS + 10):
            source = f"127.0.{number // 250 + 1}.{number % 250 + 2}"
            opened.enter_context(alone.target.dial(source))
        for _ in range(60 * SIEGE):
            crowd = [socket.socket() for _ in range(64)]
            for each in crowd:
                opened.callback(each.close)
                each.setblocking(False)
                each.bind(("127.9.9.9", 0))
                with suppress(BlockingIOError):
                    each.connect(("127.0.0.1", alone.plane.port))
            alone.call("GET", "/v1/health/live")
            for each in crowd:
                each.close()
    until(lambda: len(sockets(worker)) <= before)
    alone.plane.stop()  # nobody is waited for who has gone
    assert "internal_error" not in alone.plane.log
    alone.plane.start()


def flood(alone: Besieged, connection: socket.socket) -> int:
    """Answers without a body, one after another, that are not taken. How many were asked for."""
    for _ in range(MANY // 20):
        with suppress(BlockingIOError, ConnectionError):
            connection.send(LIVE * 20)
        assert alone.call("GET", "/v1/health/live").status == 200
    return MANY


def test_answers_without_a_body_do_not_pile_up(alone: Besieged) -> None:
    before = alone.plane.log.count('"method":"HEAD"')
    with alone.target.dial(window=SMALL_WINDOW) as connection:
        asked = flood(alone, connection)
        with suppress(ConnectionResetError):
            while connection.recv(65_536):
                pass
    assert alone.plane.log.count('"method":"HEAD"') - before < asked


def test_connections_that_are_over_hold_no_memory(besieged_with_tls: Besieged) -> None:
    """Such as of clients that go without a word, one after the other."""
    target = besieged_with_tls.target

    def come_and_go(number: int) -> None:
        for _ in range(number):
            with target.connect() as connection:
                connection.sendall(head("GET", "/v1/health/live"))
                assert connection.recv(65_536)

    come_and_go(100)
    before = besieged_with_tls.peak()
    come_and_go(600 * SIEGE)
    assert besieged_with_tls.peak() < before + SPARE


@pytest.mark.skipif(SIEGE == 1, reason="waits for half a minute")
def test_who_takes_a_part_of_the_last_answers_is_let_go(alone: Besieged) -> None:
    with alone.target.dial(window=SMALL_WINDOW) as connection:
        flood(alone, connection)
        for _ in range(100):
            connection.recv(1024)
        until(lambda: bool(gone([connection])), 3 * PATIENCE)

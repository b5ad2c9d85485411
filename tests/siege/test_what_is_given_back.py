"""Whoever was turned away, or takes no answers, leaves nothing behind."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest

from controlplane.admission.connections import MOST_CONNECTIONS
from tests.invariants.loaded_service import until
from tests.siege.conftest import SIEGE, Besieged, besieged_at
from tests.siege.test_spread import sockets


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

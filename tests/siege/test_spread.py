"""Connections are shared out among the workers."""

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.invariants.loaded_service import until
from tests.siege.attackers import head
from tests.siege.conftest import Besieged, besieged_at

CONNECTIONS = 16
MOST_OF_A_WORKER = 10


@pytest.fixture(scope="module", params=["tcp", "tls", "unix"])
def two_workers(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Besieged]:
    folder = tmp_path_factory.mktemp(request.param)
    with besieged_at(folder, "--workers", "2", way_in=request.param) as found:
        yield found


def sockets(pid: int) -> set[str]:
    found = set()
    for each in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            target = str(each.readlink())
            if target.startswith("socket:"):
                found.add(target)
    return found


def shares(besieged: Besieged, before: dict[int, set[str]]) -> list[int]:
    return [len(sockets(worker) - known) for worker, known in before.items()]


def connect(opened: ExitStack, besieged: Besieged, number: int) -> None:
    """One after another; each is answered before the next."""
    for _ in range(number):
        connection = opened.enter_context(besieged.target.connect())
        connection.sendall(head("GET", "/v1/health/live"))
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200 ")


def test_no_worker_has_many_more_than_another(two_workers: Besieged) -> None:
    for _ in range(3):
        before = {worker: sockets(worker) for worker in two_workers.plane.workers()}
        with ExitStack() as opened:
            connect(opened, two_workers, CONNECTIONS)
            found = shares(two_workers, before)
            assert sum(found) == CONNECTIONS
            assert max(found) <= MOST_OF_A_WORKER
        until(lambda before=before: sum(shares(two_workers, before)) == 0)  # type: ignore[misc]


def test_a_worker_that_is_killed_gives_its_place_back(two_workers: Besieged) -> None:
    plane = two_workers.plane
    settled = [len(sockets(worker)) for worker in plane.workers()]
    for _ in range(3):
        with ExitStack() as opened:
            connect(opened, two_workers, CONNECTIONS)
            os.kill(plane.workers()[0], signal.SIGKILL)
            two_workers.others_must_be_served(4)
        until(lambda: settled == [len(sockets(worker)) for worker in plane.workers()])
    test_no_worker_has_many_more_than_another(two_workers)

"""Servers killed at random points under load: what clients got is what the log says, no more and
no less, and nobody has to repair anything."""

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.invariants.load import PATIENCE
from tests.invariants.loaded_service import (
    WORKERS,
    Service,
    figures,
    loadable,
    under_load,
    until,
)
from tests.server import ControlPlane

KILLS = int(os.environ.get("SEALWRIGHT_KILLS", "8"))
"""`make kills` has the long version."""
MAIN_PROCESSES = 0.25  # of the kills; the others hit a worker


@pytest.fixture(params=["sqlite", "postgresql with two nodes"])
def service(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Service]:
    database = None
    if request.param != "sqlite":
        database = request.getfixturevalue("postgresql").new_database()
    with loadable(tmp_path, database) as started:
        yield started


@dataclass
class Killer:
    chance: random.Random
    killed: Counter[str]

    def strike(self, node: ControlPlane) -> None:
        until(lambda: len(node.workers()) == WORKERS)  # those killed before were replaced
        if self.chance.random() < MAIN_PROCESSES:
            node.kill_main()
            start_again(node)
            self.killed["main processes"] += 1
        else:
            victim = self.chance.choice(node.workers())
            os.kill(victim, signal.SIGKILL)
            until(lambda: victim not in node.workers())
            self.killed["workers"] += 1


def start_again(node: ControlPlane) -> None:
    """As whatever supervises a service does: at once, and again while the address is taken."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            node.start(node.again())
        except RuntimeError:
            assert "already in use" in node.log
            assert time.monotonic() < end, "it cannot be started"
        else:
            return


def test_after_kills_at_random_points_clients_and_log_agree(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    began = time.monotonic()
    killer = Killer(random.Random(KILLS), Counter())  # noqa: S311
    with under_load(service) as load:
        while killer.killed.total() < KILLS:
            load.await_more(killer.chance.randrange(1, 150))
            killer.strike(killer.chance.choice(service.nodes))
    with capsys.disabled():
        print(figures(service, load, began, killer.killed))  # noqa: T201  # for a person

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
    run,
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
    """`folder`: for checkpoints that it keeps, as somebody outside would."""

    chance: random.Random
    killed: Counter[str]
    folder: Path

    def strike(self, node: ControlPlane) -> None:
        until(lambda: len(node.workers()) == WORKERS)  # those killed before were replaced
        kept = self.folder / f"{self.killed.total()}.checkpoint"
        kept.write_text(node.client().log_checkpoint())
        if self.chance.random() < MAIN_PROCESSES:
            node.kill_main()
            start_again(node)
            run(node, "log", "check", str(kept))
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
    service: Service, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Tree, chain and state as well, and whatever the log signed before."""
    began = time.monotonic()
    killer = Killer(random.Random(KILLS), Counter(), tmp_path)  # noqa: S311
    with under_load(service) as load:
        while killer.killed.total() < KILLS:
            load.await_more(killer.chance.randrange(1, 150))
            killer.strike(killer.chance.choice(service.nodes))
    for kept in sorted(tmp_path.glob("*.checkpoint")):
        run(service.nodes[0], "log", "check", str(kept))
    run(service.nodes[0], "audit", "verify", "--state")
    with capsys.disabled():
        print(figures(service, load, began, killer.killed))  # noqa: T201  # for a person

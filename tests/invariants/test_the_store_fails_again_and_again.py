"""The store fails again and again under load: a full disk, a database that is gone. Clients get
their signatures in the end, and the log says the same as they."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.capability import Capability, needs
from tests.invariants.loaded_service import figures, loadable, under_load
from tests.invariants.test_the_store_fails import fill, small_disk
from tests.postgresql import PostgresqlServer, running_postgresql

FAULTS = int(os.environ.get("SEALWRIGHT_FAULTS", "2"))
"""`make kills` has the long version."""


@needs(Capability.FILE_SYSTEMS)
def test_a_disk_that_fills_up_again_and_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    began = time.monotonic()
    (tmp_path / "first").mkdir()
    with (
        small_disk(tmp_path / "first" / "data", megabytes=256) as disk,
        loadable(tmp_path) as service,
    ):
        with under_load(service) as load:
            for _ in range(FAULTS):
                load.await_more(100)
                filler = fill(disk)
                load.await_unavailable(50)
                filler.unlink()
        with capsys.disabled():
            print(figures(service, load, began, {"full disks": FAULTS}))  # noqa: T201  # the same


@pytest.fixture
def own_postgresql() -> Iterator[PostgresqlServer]:
    with running_postgresql() as server:
        yield server


def test_a_database_that_is_cut_off_again_and_again(
    tmp_path: Path, own_postgresql: PostgresqlServer, capsys: pytest.CaptureFixture[str]
) -> None:
    began = time.monotonic()
    with loadable(tmp_path, own_postgresql.new_database()) as service:
        with under_load(service) as load:
            for number in range(FAULTS):
                load.await_more(100)
                own_postgresql.stop(signal.SIGINT if number % 2 else signal.SIGQUIT)
                load.await_unavailable(50)
                own_postgresql.start()
        with capsys.disabled():
            print(figures(service, load, began, {"cuts": FAULTS}))  # noqa: T201  # the same

"""A store that cannot be used: the log says why, once; an answer says that it is so."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import structlog.testing

from controlplane.api.refusals import status_of
from controlplane.errors import Code, Refused
from controlplane.service.readiness import LOOK_AGAIN_SECONDS, Readiness
from controlplane.store import outages
from controlplane.store.outages import AGAIN_AFTER_SECONDS, Outages
from controlplane.store.sqlite import SqliteStore
from tests.world import World


class Watch:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str | None]]:
    """What was said: event and cause."""
    said: list[tuple[str, str | None]] = []

    class Log:
        def error(self, event: str, *, cause: str) -> None:
            said.append((event, cause))

        def info(self, event: str) -> None:
            said.append((event, None))

    monkeypatch.setattr(outages, "_log", Log())
    return said


class TestLog:
    def test_a_cause_is_a_line_now_and_then(
        self, watch: Watch, log: list[tuple[str, str | None]]
    ) -> None:
        outages = Outages(watch)
        for _ in range(100):
            outages.failed("write", "full")
        outages.failed("read", "gone")
        assert log == [("store_unavailable", "full"), ("store_unavailable", "gone")]
        watch.now += AGAIN_AFTER_SECONDS
        outages.failed("write", "full")
        assert log[2:] == [("store_unavailable", "full")]

    def test_its_end_is_one_line(self, watch: Watch, log: list[tuple[str, str | None]]) -> None:
        outages = Outages(watch)
        outages.worked("write")
        outages.failed("write", "full")
        outages.worked("write")
        outages.worked("write")
        assert log == [("store_unavailable", "full"), ("store_available", None)]

    def test_what_can_be_read_is_not_yet_written(
        self, watch: Watch, log: list[tuple[str, str | None]]
    ) -> None:
        outages = Outages(watch)
        outages.failed("write", "full")
        outages.worked("read")
        assert log == [("store_unavailable", "full")]

    def test_causes_that_always_differ_take_no_memory(
        self, watch: Watch, log: list[tuple[str, str | None]]
    ) -> None:
        outages = Outages(watch)
        for number in range(1000):
            outages.failed("write", f"process {number} ended")
        assert len(outages._told) < 100


class TestReadiness:
    def test_looks_once_a_second_and_remembers(self, watch: Watch) -> None:
        seen: list[Refused | None] = [None, Refused(Code.STORE_TOO_NEW, "No."), None]
        looks = 0

        def look() -> None:
            nonlocal looks
            looks += 1
            found = seen[looks - 1]
            if found is not None:
                raise found

        readiness = Readiness(look, watch)
        for expected in (False, True, False):
            for _ in range(10):
                if expected:
                    with pytest.raises(Refused):
                        readiness.check()
                else:
                    readiness.check()
            watch.now += LOOK_AGAIN_SECONDS
        assert looks == 3

    def test_who_asks_meanwhile_does_not_wait(self, watch: Watch) -> None:
        asked_meanwhile: list[bool] = []

        def look() -> None:
            if readiness._looked is not None:
                readiness.check()
                asked_meanwhile.append(True)

        readiness = Readiness(look, watch)
        readiness.check()
        watch.now += LOOK_AGAIN_SECONDS
        readiness.check()
        assert asked_meanwhile == [True]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path / "data")
    with world.services:
        yield world


def test_ready_changes_nothing(world: World) -> None:
    store = SqliteStore(world.location.store_path)
    with store.closing():
        before = store.epoch(), world.last_row()
        world.services.check_ready()
        assert (store.epoch(), world.last_row()) == before


def test_a_store_that_somebody_else_has_locked_is_not_ready(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controlplane.service.installation._READY_SECONDS", 0.1)
    store = SqliteStore(world.location.store_path)
    with store.closing(), structlog.testing.capture_logs() as lines:
        with store.write(), pytest.raises(Refused) as refused:
            world.services.check_ready()
        assert (status_of(refused.value.code), refused.value.code) == (503, "store_unavailable")
        assert str(tmp_path) not in refused.value.title
        line, *_ = lines
        assert line["event"] == "store_unavailable"
        assert str(tmp_path) in line["cause"]


def test_a_probe_that_fails_says_no_end_of_what_it_found(world: World) -> None:
    store = SqliteStore(world.location.store_path)
    store.says_outages = True
    other = SqliteStore(world.location.store_path)
    with store.closing(), other.closing(), structlog.testing.capture_logs() as lines:
        with other.write():
            for _ in range(2):
                with pytest.raises(Refused), store.trial(0):
                    pass
            assert [line["event"] for line in lines] == ["store_unavailable"]
        assert [line["event"] for line in lines] == ["store_unavailable", "store_available"]


def test_what_was_wrong_first_is_what_is_told(world: World) -> None:
    """SQLite ends some transactions by itself, so that there is nothing to roll back."""
    store = SqliteStore(world.location.store_path)

    def fill_the_disk() -> None:
        with store.write() as database:
            database.execute_sql("ROLLBACK")  # type: ignore[no-untyped-call]
            raise sqlite3.OperationalError("database or disk is full")

    with store.closing(), pytest.raises(Refused) as refused:
        fill_the_disk()
    assert "database or disk is full" in str(refused.value.cause)


def test_a_file_that_is_no_database_any_more_is_an_outage(world: World) -> None:
    path = world.location.store_path
    store = SqliteStore(path)
    whole = path.read_bytes()
    with store.closing():
        store.epoch()
        with closing(sqlite3.connect(path)) as other:
            other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        path.write_bytes(b"x" * len(whole))
        store.close()
        with pytest.raises(Refused) as refused:
            store.epoch()
        assert refused.value.code == "store_unavailable"
        path.write_bytes(whole)

"""The store is away when a worker starts or is replaced: the server does not end, says 503, and
goes on by itself when it is back; its log says why, its answers do not."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.invariants.loaded_service import until
from tests.postgresql import running_postgresql
from tests.siege.conftest import Answer, Besieged, besieged_at


def store_of(besieged: Besieged) -> Path:
    return besieged.plane.folder / "data" / "sealwright.db"


@contextmanager
def moved(path: Path) -> Iterator[None]:
    aside = path.with_name(f"{path.name}.aside")
    path.rename(aside)
    try:
        yield
    finally:
        aside.rename(path)


@contextmanager
def replaced(path: Path, by: Callable[[], object]) -> Iterator[None]:
    """`by` makes something else at this path, which is removed in the end."""
    with moved(path):
        by()
        try:
            yield
        finally:
            path.rmdir() if path.is_dir() else path.unlink(missing_ok=True)


def no_file(besieged: Besieged) -> AbstractContextManager[None]:
    return moved(store_of(besieged))


def a_folder(besieged: Besieged) -> AbstractContextManager[None]:
    path = store_of(besieged)
    return replaced(path, path.mkdir)


@contextmanager
def no_database(besieged: Besieged) -> Iterator[None]:
    path = store_of(besieged)
    with ExitStack() as stack:
        # Or SQLite would find the pages of the file there, and serve them.
        for beside in (path.with_name(path.name + end) for end in ("-wal", "-shm")):
            if beside.exists():
                stack.enter_context(moved(beside))
        text = b"this is no database\n" * 1000
        stack.enter_context(replaced(path, lambda: path.write_bytes(text)))
        yield


def no_data_dir(besieged: Besieged) -> AbstractContextManager[None]:
    return moved(besieged.plane.folder / "data")


def no_master_key(besieged: Besieged) -> AbstractContextManager[None]:
    return moved(besieged.plane.folder / "data" / "master.key")


def another_master_key(besieged: Besieged) -> AbstractContextManager[None]:
    path = besieged.plane.folder / "data" / "master.key"
    return replaced(path, lambda: path.write_bytes(os.urandom(32)))


def is_closed(answer: Answer) -> bool:
    return (answer.status, answer.code, answer.retry_after) == (503, "store_unavailable", "1")


def must_come_back(
    besieged: Besieged, away: AbstractContextManager[None], named: list[str]
) -> None:
    """Both workers are replaced while the store is away."""
    plane = besieged.plane
    with away:
        before = set(plane.workers())
        for worker in before:
            os.kill(worker, signal.SIGKILL)
        until(lambda: len(plane.workers()) == 2 and not before & set(plane.workers()))
        until(lambda: plane.log.count('"store_not_opened"') >= 2)
        for _ in range(4):
            assert besieged.call("GET", "/v1/health/live").status == 200
            for answer in (
                besieged.call("GET", "/v1/health/ready"),
                besieged.sign(besieged.operator),
                besieged.sign(besieged.revoked),
                besieged.call("GET", "/v1/catalogue"),
                besieged.call("GET", "/no/such/address"),
            ):
                assert is_closed(answer), answer
                assert not [each for each in named if each in answer.content.decode()]
    until(lambda: plane.log.count('"store_opened"') >= 2)
    assert plane.pid  # the same server
    for _ in range(4):
        besieged.others_must_be_served(1)
        assert besieged.sign(besieged.revoked).code == "api_key_revoked"


@pytest.mark.parametrize(
    "away", [no_file, a_folder, no_database, no_data_dir, no_master_key, another_master_key]
)
def test_what_was_moved_away_is_waited_for(
    tmp_path: Path, away: Callable[[Besieged], AbstractContextManager[None]]
) -> None:
    with besieged_at(tmp_path / "plane", "--workers", "2") as besieged:
        must_come_back(besieged, away(besieged), [str(tmp_path), "sealwright.db", "master.key"])
        assert str(tmp_path) in besieged.plane.log  # why


def test_a_database_that_is_away_is_waited_for(tmp_path: Path) -> None:
    with running_postgresql() as server:

        @contextmanager
        def stopped() -> Iterator[None]:
            server.stop()
            try:
                yield
            finally:
                server.start()

        url = server.new_database()
        with besieged_at(tmp_path / "plane", "--workers", "2", database=url) as besieged:
            must_come_back(besieged, stopped(), ["127.0.0.1", str(server.port), "test_1", "user"])
            assert str(server.port) in besieged.plane.log


def _is_ready(besieged: Besieged) -> bool:
    """Every worker: each remembers for a second what it found."""
    return all(besieged.call("GET", "/v1/health/ready").status == 200 for _ in range(16))


def test_a_database_that_goes_while_it_is_used_is_waited_for(tmp_path: Path) -> None:
    """No worker is replaced; signatures and changes are refused meanwhile, and go on after."""
    with running_postgresql() as server:
        url = server.new_database()
        with besieged_at(tmp_path / "plane", "--workers", "2", database=url) as besieged:
            server.stop()
            for _ in range(4):
                assert besieged.call("GET", "/v1/health/live").status == 200
                for answer in (
                    besieged.call("GET", "/v1/health/ready"),
                    besieged.sign(besieged.operator),
                    besieged.call("GET", "/v1/catalogue", key=besieged.operator),
                ):
                    assert is_closed(answer), answer
                    for named in ("127.0.0.1", str(server.port), "test_1", "user"):
                        assert named not in answer.content.decode()
            server.start()
            until(lambda: _is_ready(besieged))
            for _ in range(4):
                besieged.others_must_be_served(1)

"""A shared PostgreSQL database: connections that come and go, and settings that are not its own."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
from peewee import DataError

from controlplane.api.refusals import status_of
from controlplane.errors import Refused
from controlplane.service.installation import initialise, open_services
from controlplane.service.location import Location
from controlplane.store import connections
from controlplane.store import postgresql as postgresql_store
from controlplane.store.database import move_epoch
from controlplane.store.postgresql import PostgresqlStore
from tests.postgresql import PostgresqlServer, running_postgresql


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresqlServer]:
    with running_postgresql() as server:
        yield server


@pytest.fixture
def url(server: PostgresqlServer, tmp_path: Path) -> str:
    url = server.new_database()
    initialise(Location(tmp_path / "data", url))
    return url


@pytest.fixture
def store(url: str) -> Iterator[PostgresqlStore]:
    store = PostgresqlStore(url, most_connections=4)
    with store.closing():
        yield store


def end_sessions(url: str) -> None:
    """As an administrator does; returns when they have ended."""
    others = "FROM pg_stat_activity WHERE application_name = 'sealwright' AND datname = %s"
    name = url.rpartition("/")[2]
    with psycopg.connect(url, autocommit=True, application_name="administrator") as admin:
        admin.execute(f"SELECT pg_terminate_backend(pid) {others}", (name,))
        while admin.execute(f"SELECT 1 {others}", (name,)).fetchone():
            threading.Event().wait(0.01)


def show(store: PostgresqlStore, *names: str, write: bool = False) -> list[str]:
    with store.write() if write else store.read() as database:
        found = []
        for name in names:
            cursor = database.execute_sql(f"SHOW {name}")  # type: ignore[no-untyped-call]
            found.append(str(cursor.fetchone()[0]))
        return found


def change_again_and_again(store: PostgresqlStore) -> None:
    for _ in range(100_000):
        with store.change():
            pass


def test_a_commit_that_never_ends_is_given_up(
    server: PostgresqlServer, store: PostgresqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with a synchronous standby that is away."""
    monkeypatch.setattr(postgresql_store, "_COMMIT_SECONDS", 1)
    before = store.epoch()
    server.run("ALTER SYSTEM SET synchronous_standby_names = 'nobody'", database="postgres")
    server.run("SELECT pg_reload_conf()", database="postgres")
    try:
        with pytest.raises(Refused) as refused:
            change_again_and_again(store)  # the server reads its settings in a while
        assert refused.value.code == "store_unavailable"
    finally:
        server.run("ALTER SYSTEM RESET synchronous_standby_names", database="postgres")
        server.run("SELECT pg_reload_conf()", database="postgres")
    with store.change():
        pass
    assert store.epoch() > before


class TestConnections:
    def test_none_is_made_and_no_thread_runs_before_the_first_use(self, url: str) -> None:
        before = threading.active_count()
        store = PostgresqlStore(url)
        assert threading.active_count() == before
        store.epoch()
        store.close()
        assert threading.active_count() == before
        store.epoch()  # opens it again
        store.close()

    def test_all_that_were_ended_while_idle_are_replaced_unnoticed(
        self, url: str, store: PostgresqlStore
    ) -> None:
        everybody = threading.Barrier(4, timeout=60)

        def read(_: int) -> int:
            with store.read():
                everybody.wait()  # so that each has one of its own
            return store.epoch()

        with ThreadPoolExecutor(4) as pool:
            first = list(pool.map(read, range(4)))
            end_sessions(url)
            assert store.epoch() == first[0]
            assert list(pool.map(read, range(4))) == first

    def test_one_that_ends_within_a_read_that_has_its_answer_changes_nothing(
        self, url: str, store: PostgresqlStore
    ) -> None:
        with store.read() as database:
            assert database.table_exists("signers")
            end_sessions(url)
        assert store.epoch() == 1

    def test_one_that_ends_before_the_commit_is_refused_and_the_next_write_works(
        self, url: str, store: PostgresqlStore
    ) -> None:
        with pytest.raises(Refused) as refused, store.change():
            end_sessions(url)
        assert (status_of(refused.value.code), refused.value.code) == (503, "store_unavailable")
        assert store.epoch() == 1
        with store.change():
            pass
        assert store.epoch() == 2

    def test_are_bounded_and_waiting_for_one_ends(
        self, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(connections, "WAIT_SECONDS", 0.2)
        store = PostgresqlStore(url, most_connections=1)
        with store.closing(), ThreadPoolExecutor(1) as pool:
            with store.read():
                with pytest.raises(Refused) as refused:
                    pool.submit(store.epoch).result()
                assert refused.value.code == "store_unavailable"
                assert "connections are in use" in str(refused.value.cause)
            assert pool.submit(store.epoch).result() == 1

    def test_an_error_that_was_ignored_cannot_look_like_a_commit(
        self, store: PostgresqlStore
    ) -> None:
        with pytest.raises(Refused), store.change() as database, suppress(DataError):
            database.execute_sql("SELECT 1 / 0")  # type: ignore[no-untyped-call]
        assert store.epoch() == 1

    def test_a_transaction_within_another_is_a_mistake(self, store: PostgresqlStore) -> None:
        with store.read(), pytest.raises(RuntimeError), store.read():
            pass
        assert store.epoch() == 1


class TestWriters:
    def test_wait_for_each_other_for_a_while_only(self, store: PostgresqlStore) -> None:
        def write() -> None:
            with store.write(wait=0.1):
                pass

        with ThreadPoolExecutor(1) as pool:
            with store.write(), pytest.raises(Refused) as refused:
                pool.submit(write).result()
            assert refused.value.code == "store_unavailable"
            pool.submit(write).result()


class TestReplacing:
    """Another program has the store: a session of our name, in that of a test."""

    OTHER = "sealwright"

    def test_is_refused_while_another_has_the_store(
        self, url: str, store: PostgresqlStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(postgresql_store, "_ENDING_SECONDS", 0)
        with psycopg.connect(url, application_name=self.OTHER):
            for attempt in (store.check_alone, store.replacing().__enter__):
                with pytest.raises(Refused) as refused:
                    attempt()
                assert refused.value.code == "store_in_use"

    def test_waits_for_one_that_is_ending(self, url: str, store: PostgresqlStore) -> None:
        """A process that was waited for has sessions until the server notices."""
        asked = "SELECT 1 FROM pg_stat_activity WHERE query LIKE %s AND pid NOT IN (%s, %s)"
        with (
            ThreadPoolExecutor(1) as pool,
            psycopg.connect(url, autocommit=True) as watcher,
            psycopg.connect(url, application_name=self.OTHER) as ending,
        ):
            check = pool.submit(store.check_alone)
            both = (watcher.info.backend_pid, ending.info.backend_pid)
            while not watcher.execute(asked, ("%pg_stat_%", *both)).fetchone():
                threading.Event().wait(0.01)
            assert not check.done()
            ending.close()
            check.result()


class TestSettings:
    def test_are_pinned_whatever_the_role_has_by_default(
        self, server: PostgresqlServer, url: str, store: PostgresqlStore
    ) -> None:
        name = url.rpartition("/")[2]
        for setting in (
            "default_transaction_isolation = 'serializable'",
            "default_transaction_read_only = on",
            "synchronous_commit = off",
            "lock_timeout = 1",
            "statement_timeout = 1",
        ):
            server.run(f"ALTER DATABASE {name} SET {setting}", database="postgres")
        pinned = ("transaction_isolation", "transaction_read_only", "synchronous_commit")
        assert show(store, *pinned, write=True) == ["read committed", "off", "on"]
        assert show(store, *pinned) == ["repeatable read", "on", "on"]
        assert show(store, "statement_timeout", "lock_timeout", write=True) == ["30s", "10s"]
        assert store.epoch() == 1

    def test_a_stronger_commit_stays(
        self, server: PostgresqlServer, url: str, store: PostgresqlStore
    ) -> None:
        name = url.rpartition("/")[2]
        server.run(
            f"ALTER DATABASE {name} SET synchronous_commit = remote_apply", database="postgres"
        )
        assert show(store, "synchronous_commit", write=True) == ["remote_apply"]

    def test_options_of_the_url_hold_beside_them(self, url: str) -> None:
        store = PostgresqlStore(f"{url}?options=-c%20work_mem%3D1MB%20-c%20jit%3Don")
        with store.closing():
            assert show(store, "work_mem", "jit") == ["1MB", "off"]


class TestAway:
    def test_opening_is_refused_in_words_for_strangers_and_leaves_nothing_open(
        self, tmp_path: Path
    ) -> None:
        own = tmp_path / "data"
        with running_postgresql() as server:
            location = Location(own, server.new_database())
            initialise(location)
            server.stop()
            before = (threading.active_count(), len(list(Path("/proc/self/fd").iterdir())))
            with pytest.raises(Refused) as refused:
                open_services(Location(own))
            assert (threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))) == before
            assert (status_of(refused.value.code), refused.value.code) == (503, "store_unavailable")
            assert refused.value.retry_after is not None
            for private in ("127.0.0.1", "sealwright@", str(server.port), "test_1"):
                assert private not in refused.value.title
            assert "Connection refused" in str(refused.value.cause)
            server.start()
            open_services(Location(own)).close()


def test_a_write_whose_limits_are_lifted_takes_as_long_as_it_takes(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(postgresql_store._SETTINGS, "statement_timeout", "200ms")
    impatient = PostgresqlStore(url)
    with impatient.closing():
        with pytest.raises(Refused), impatient.write() as database:
            database.execute_sql("SELECT pg_sleep(1)")  # type: ignore[no-untyped-call]
        with impatient.write() as database:
            impatient.lift_limits()
            database.execute_sql("SELECT pg_sleep(1)")  # type: ignore[no-untyped-call]
        assert show(impatient, "statement_timeout") == ["200ms"]


def test_what_one_writer_commits_is_seen_by_the_next(store: PostgresqlStore) -> None:
    """Whatever isolation the server has by default: a write sees all that came before its lock."""

    def move(_: int) -> None:
        for _ in range(25):
            with store.write() as database:
                move_epoch(database)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(move, range(4)))
    assert store.epoch() == 101

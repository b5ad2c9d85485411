"""One SQLite file: private, durable, written by one at a time, and true to what it promises."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from controlplane.audit.log import append
from controlplane.domain.identifier import new_id
from controlplane.domain.instant import now
from controlplane.domain.model import MemberRole, OperationKind
from controlplane.domain.operation import Entry
from controlplane.errors import Refused
from controlplane.service.view import ViewMoved, Views
from controlplane.store import operations
from controlplane.store.database import read_head
from controlplane.store.migrations import all_migrations, check_current, current_version, migrate
from controlplane.store.opening import open_store
from controlplane.store.sqlite import SqliteStore
from controlplane.store.tables import Installation, SchemaVersion
from tests.world import World, a_call

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path / "data")
    with world.services:
        yield world


@pytest.fixture
def store(world: World) -> Iterator[SqliteStore]:
    store = SqliteStore(world.location.store_path)
    with store.closing():
        yield store


def _check(store: SqliteStore) -> None:
    with store.read() as database:
        check_current(database)


class TestUrl:
    def test_three_slashes_are_relative_and_four_absolute(self) -> None:
        for url, path in (("sqlite:///a/b.db", "a/b.db"), ("sqlite:////a/b.db", "/a/b.db")):
            store = open_store(url)
            assert isinstance(store, SqliteStore)
            assert store.path == Path(path)

    def test_a_password_shows_nowhere(self) -> None:
        store = open_store("postgresql://u:secret@host/db?sslmode=require")
        assert store.name == "postgresql://u:***@host/db?sslmode=require"

    @pytest.mark.parametrize(
        "url", ["mysql://u:secret@host/db", "sqlite://", "x.db", "", "postgresql://u:secret@host"]
    )
    def test_others_are_refused_without_repeating_them(self, url: str) -> None:
        with pytest.raises(Refused) as refused:
            open_store(url)
        assert refused.value.code == "unsupported_database"
        assert "secret" not in refused.value.title


def test_without_what_postgresql_needs_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plain `pip install` brings no psycopg."""
    for name in [name for name in sys.modules if name.startswith("controlplane.store.postgresql")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(Refused, match=r"^PostgreSQL needs psycopg, .* pip install ") as refused:
        open_store("postgresql://sealwright@db.example.org/sealwright")
    assert refused.value.code == "unsupported_database"


class TestFiles:
    def test_are_for_their_owner_only(self, world: World) -> None:
        world.identity("ann")  # so that the log beside the store exists
        directory = world.location.data_dir
        assert directory.stat().st_mode & 0o777 == 0o700
        modes = {path.name: path.stat().st_mode & 0o777 for path in directory.iterdir()}
        assert modes == dict.fromkeys(
            [
                "sealwright.db",
                "sealwright.db-wal",
                "sealwright.db-shm",
                "sealwright.db.lock",
                "master.key",
                "anchor.json",
            ],
            0o600,
        )

    def test_one_that_was_moved_away_is_not_made_anew(
        self, world: World, store: SqliteStore, tmp_path: Path
    ) -> None:
        """SQLite would delete the log of an empty file, to which others still commit."""
        path, away = store.path, tmp_path / "away"
        log = path.with_name(path.name + "-wal")
        inode = log.stat().st_ino
        path.rename(away)
        with pytest.raises(Refused) as refused:
            store.epoch()
        assert refused.value.code == "store_unavailable"
        assert not path.exists()
        assert log.stat().st_ino == inode
        away.rename(path)
        assert store.epoch() > 0

    def test_a_connection_is_durable_and_strict(self, store: SqliteStore) -> None:
        database = store.connect()
        found = {
            name: database.pragma(name)  # type: ignore[attr-defined]
            for name in (
                "journal_mode",
                "synchronous",
                "foreign_keys",
                "recursive_triggers",
                "secure_delete",
            )
        }
        assert found == {
            "journal_mode": "wal",
            "synchronous": 2,
            "foreign_keys": 1,
            "recursive_triggers": 1,
            "secure_delete": 1,
        }


class TestMigrations:
    def test_are_numbered_from_one_without_gaps(self) -> None:
        versions = [migration.version for migration in all_migrations()]
        assert versions == list(range(1, len(versions) + 1))

    def test_run_once(self, store: SqliteStore) -> None:
        with store.write() as database:
            migrate(database)
        assert SchemaVersion.select().count(store.database) == len(all_migrations())

    def test_an_empty_store_is_told_apart(self, tmp_path: Path) -> None:
        path = tmp_path / "empty.db"
        path.touch()
        store = SqliteStore(path)
        with store.closing(), pytest.raises(Refused) as refused:
            _check(store)
        assert refused.value.code == "not_initialised"

    def test_a_store_of_a_newer_version_is_refused(self, store: SqliteStore) -> None:
        with store.write() as database:
            newer = current_version(database) + 1
            SchemaVersion.insert(version=newer, applied_at="").execute(database)
        with pytest.raises(Refused) as refused:
            _check(store)
        assert refused.value.code == "store_too_new"

    def test_a_store_of_an_older_version_is_refused(self, store: SqliteStore) -> None:
        with store.write() as database:
            SchemaVersion.delete().where(SchemaVersion.version > 1).execute(database)
        with pytest.raises(Refused) as refused:
            _check(store)
        assert refused.value.code == "migration_needed"


class TestAppendOnly:
    @pytest.mark.parametrize("recursive_triggers", ["on", "off"])
    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE operations SET reason = 'x'",
            "UPDATE operations SET sequence = sequence + 100",
            "DELETE FROM operations",
            "DELETE FROM operations WHERE sequence = (SELECT MAX(sequence) FROM operations)",
            "INSERT OR REPLACE INTO operations SELECT * FROM operations",
            "REPLACE INTO operations SELECT * FROM operations WHERE sequence = 1",
            (
                "INSERT OR REPLACE INTO operations (sequence, id, created_at, kind, previous_hash,"
                " row_hash, actor, idempotency_key, outcome)"
                " SELECT MAX(sequence) + 1, id, '', 'sign', '', '', '', '', '' FROM operations"
            ),
            (
                "INSERT OR REPLACE INTO operations (sequence, id, created_at, kind, previous_hash,"
                " row_hash, actor, idempotency_key, outcome)"
                " VALUES (1000, 'new', '', 'sign', '', '', 'ci', 'k1', 'succeeded')"
            ),
            "DELETE FROM audit_head",
        ],
    )
    def test_rows_cannot_be_changed_removed_or_replaced(
        self, world: World, statement: str, recursive_triggers: str
    ) -> None:
        ci = world.identity("ci")
        world.signer(ci=MemberRole.OPERATOR)
        world.services.signing.sign(ci, a_call(idempotency_key="k1"))
        with closing(sqlite3.connect(world.location.store_path)) as connection:
            connection.execute(f"PRAGMA recursive_triggers = {recursive_triggers}")
            before = connection.execute("SELECT * FROM operations").fetchall()
            with pytest.raises(sqlite3.IntegrityError):
                connection.execute(statement)
            connection.rollback()
            assert connection.execute("SELECT * FROM operations").fetchall() == before


class TestWriting:
    def test_a_transaction_that_fails_leaves_nothing(self, store: SqliteStore) -> None:
        before = store.epoch()
        with pytest.raises(ZeroDivisionError), store.change():
            raise ZeroDivisionError
        assert store.epoch() == before

    def test_no_change_of_another_process_is_lost(self, store: SqliteStore) -> None:
        before = store.epoch()
        program = (
            "import sys; from pathlib import Path\n"
            "from controlplane.store.sqlite import SqliteStore\n"
            "store = SqliteStore(Path(sys.argv[1]))\n"
            "for _ in range(50):\n"
            "    with store.change(): pass\n"
        )
        others = [
            subprocess.Popen([sys.executable, "-c", program, str(store.path)], cwd=ROOT)
            for _ in range(3)
        ]
        for _ in range(50):
            with store.change():
                pass
        assert [other.wait() for other in others] == [0, 0, 0]
        assert store.epoch() == before + 200

    def test_deleted_secrets_are_overwritten_in_the_file(self, world: World) -> None:
        world.signer("gone", external=True)
        with closing(sqlite3.connect(world.location.store_path)) as connection:
            ((handle,),) = connection.execute("SELECT handle FROM signer_keys").fetchall()
        world.delete_signer("gone")
        world.identity("ann")  # whoever writes next erases it
        with closing(sqlite3.connect(world.location.store_path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        assert handle not in world.location.store_path.read_bytes()


class TestViews:
    def test_what_was_known_moves_with_the_epoch(self, store: SqliteStore) -> None:
        moves: list[None] = []
        views = Views(store, lambda: moves.append(None))
        first = views.fresh()
        assert views.fresh() is first
        assert views.latest_known() is first
        with store.change():
            pass
        assert views.latest_known() is first
        second = views.fresh()
        assert second.epoch == first.epoch + 1
        assert len(moves) == 2

    def test_an_overtaken_view_looks_nothing_up(self, store: SqliteStore) -> None:
        view = Views(store, lambda: None).fresh()
        with store.change():
            pass
        with pytest.raises(ViewMoved):
            view.signer("release", now())

    def test_what_was_looked_up_costs_no_query(self, world: World, store: SqliteStore) -> None:
        world.signer()
        view = Views(store, lambda: None).fresh()
        found = view.signer("release", now())
        store.close_thread()
        store.path = Path("/nonexistent")
        assert view.signer("release", now()) is found
        assert store.database.is_closed()

    def test_what_does_not_exist_is_not_remembered(self, store: SqliteStore) -> None:
        views = Views(store, lambda: None)
        for number in range(10):
            assert views.ask(lambda view, n=number: view.signer(f"x{n}", now())) is None  # type: ignore[misc]
        assert views.fresh()._signers == {}


def test_the_master_key_s_check_value_is_kept(store: SqliteStore) -> None:
    assert len(Installation.select().get(store.connect()).master_key_check) == 32


def test_what_a_batch_asks_of_the_log_is_looked_up_key_by_key(store: SqliteStore) -> None:
    """However long the log is: no scan, and no range of an index."""
    asked: list[str] = []
    connection: sqlite3.Connection = store.connect().connection()  # type: ignore[no-untyped-call]
    connection.set_trace_callback(asked.append)
    keys = [*(("ann", f"k{number}") for number in range(7)), ("bob", "k1")]
    assert operations.find_bound(store.database, keys) == {}
    connection.set_trace_callback(None)
    (statement,) = asked
    plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall()]
    of_the_log = [step for step in plan if "operations" in step]
    (step,) = of_the_log
    assert step.endswith("operations_idempotency (actor=? AND idempotency_key=?)")


@pytest.mark.parametrize("rows", [1, 499, 500, 501, 1000])
def test_a_batch_of_any_size_is_written_as_it_is(
    world: World, store: SqliteStore, rows: int
) -> None:
    entries = [
        Entry(id=new_id(), created_at=now(), kind=OperationKind.CHANGE, actor=None, object=str(n))
        for n in range(rows)
    ]
    with store.write() as database:
        appended = append(database, entries)
    with store.read() as database:
        first, last = appended[0].sequence, appended[-1].sequence
        found = operations.slice_from(database, first, last)
        while len(found) < rows:
            found += operations.slice_from(database, first + len(found), last)
        assert read_head(database).row_hash == appended[-1].row_hash
    assert found == appended

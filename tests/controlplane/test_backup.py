"""A backup is the store at one moment, whatever database it lies in, and becomes one on either."""

import json
import os
import shutil
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from controlplane.api.operations import line
from controlplane.audit.verification import verify_lines
from controlplane.domain.model import IdentityKind, MemberRole, Step
from controlplane.errors import Code, Refused
from controlplane.keys.master_key import create_master_key
from controlplane.service.backup import back_up
from controlplane.service.installation import initialise, open_services, upgrade
from controlplane.service.location import Location
from controlplane.service.restoration import Loss, restoration
from controlplane.store import backup_file
from controlplane.store.backup_file import BackupFile
from controlplane.store.copying import fill, read_table
from controlplane.store.database import Store
from controlplane.store.migrations import all_migrations
from controlplane.store.shape import tables_of
from tests.postgresql import PostgresqlServer, database, database_for, postgresql
from tests.world import World, a_call

__all__ = ["database", "postgresql"]

HERE = Path(__file__).parent
OLD = json.loads((HERE / "store-schema-2.json").read_text())
NEWEST = all_migrations()[-1].version


@pytest.fixture
def world(tmp_path: Path, database: str | None) -> Iterator[World]:
    """Something of every kind, with keys, grants that were used, and text of other scripts."""
    world = World(tmp_path / "data", database)
    with world.services as services:
        for name in ("ann", "bob"):
            world.identity(name)
        ci = world.identity("ci", IdentityKind.MACHINE, owner="bob")
        services.groups.create(world.admin, "leads")
        services.groups.add(world.admin, "leads", "bob")
        world.policy("two", Step("lead", 1, ("bob",)), Step("@leads", 1, ("@leads",)))
        world.policy("release-policy", max_signings=2)
        world.signer("free", ci=MemberRole.OPERATOR)
        world.signer(policy="release-policy", ci=MemberRole.OPERATOR, ann=MemberRole.ADMINISTRATOR)
        services.grants.create(world.callers["ann"], "release", "ci", "Ünïcödé — релиз\n1.0")
        services.signing.sign(ci, a_call("release", idempotency_key="once"))
        services.enrolments.create_identity(world.admin, "carol", IdentityKind.USER, None, None)
        yield world


@dataclass(frozen=True)
class Kept:
    """A small store, closed, and a backup of it: nobody changes either."""

    world: World
    file: Path

    def beside(self, folder: Path) -> Location:
        """A place without a store, with the same master key."""
        return Location(folder / "place", None, self.world.location.master_key_path)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    folder = tmp_path_factory.mktemp("kept")
    world = World(folder / "data")
    world.services.close()
    back_up(world.location, folder / "kept.backup")
    return Kept(world, folder / "kept.backup")


@pytest.fixture(params=["sqlite", "postgresql"])
def elsewhere(request: pytest.FixtureRequest, tmp_path: Path, world: World) -> Location:
    """Where nothing is yet, with the world's master key."""
    data_dir = tmp_path / "elsewhere"
    return Location(data_dir, database_for(request), world.location.master_key_path)


def restore(location: Location, file: Path) -> Loss | None:
    with restoration(location, file, line) as found:
        assert found.altered == ()
        found.carry_out()
        return found.loss


def refusal(location: Location, file: Path) -> Code:
    with pytest.raises(Refused) as refused, restoration(location, file, line) as found:
        found.carry_out()
    return refused.value.code


def contents(location: Location, schema: int = NEWEST) -> dict[str, list[Any]]:
    store = location.recalled().store()
    with store.closing(), store.read() as database:
        return {
            table.name: [tuple(map(_plain, row)) for row in read_table(database, table)]
            for table in tables_of(schema)
        }


def _plain(value: object) -> object:
    return bytes(value) if isinstance(value, memoryview) else value


def triggers(location: Location) -> set[str]:
    store = location.recalled().store()
    ask = {
        "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
        "postgresql": "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal",
    }
    with store.closing(), store.read() as database:
        cursor = database.execute_sql(ask[store.dialect.name])  # type: ignore[no-untyped-call]
        return {name for (name,) in cursor.fetchall()}


def exported(world: World, location: Location) -> list[bytes]:
    with open_services(location) as services:
        admin = services.identities.authenticate(world.admin_key)
        return [line(row) for row in services.audit.export(admin)]


def test_a_store_comes_back_on_either_database(
    world: World, elsewhere: Location, tmp_path: Path
) -> None:
    file = tmp_path / "today.backup"
    made = back_up(world.location, file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert (made.schema, made.sequence) == (NEWEST, world.last_row().sequence)
    assert made.row_hash == world.last_row().row_hash
    assert restore(elsewhere, file) is None
    assert contents(elsewhere) == contents(world.location)
    assert stat.S_IMODE(elsewhere.data_dir.stat().st_mode) == 0o700
    upgrade(elsewhere)
    with open_services(Location(elsewhere.data_dir)) as services:
        ci = world.callers["ci"]
        signed = services.signing.sign(ci, a_call("release", idempotency_key="once"))
        assert signed.operation_id in {row.entry.id for row in world.rows(actor="ci")}
        services.signing.sign(ci, a_call("release"))
        with pytest.raises(Refused, match="no open grant"):
            services.signing.sign(ci, a_call("release"))
    assert verify_lines(exported(world, elsewhere), made.row_hash).intact


def test_what_is_restored_has_the_triggers_of_a_new_store(
    world: World, elsewhere: Location, tmp_path: Path
) -> None:
    back_up(world.location, tmp_path / "today.backup")
    restore(elsewhere, tmp_path / "today.backup")
    again = replace(elsewhere, data_dir=tmp_path / "again")
    back_up(elsewhere, tmp_path / "again.backup")
    restore(again, tmp_path / "again.backup")  # over what is there, on a database server
    made = triggers(elsewhere)
    assert made == triggers(again)
    if (elsewhere.database is None) == (world.location.database is None):
        assert made == triggers(world.location)
    assert "operations_never_deleted" in made


def test_it_says_what_of_the_store_that_is_there_will_be_lost(world: World, tmp_path: Path) -> None:
    file = tmp_path / "today.backup"
    last = back_up(world.location, file).sequence
    world.services.signing.sign(world.callers["ci"], a_call("free"))
    world.services.signers.disable(world.admin, "free")
    world.services.close()
    rows = [row for row in exported_rows(world) if row.sequence > last]
    loss = restore(world.location, file)
    assert loss is not None
    assert (loss.rows, loss.is_other) == (2, False)
    assert (loss.since, loss.until) == (rows[0].entry.created_at, rows[1].entry.created_at)
    assert len(exported(world, world.location)) == last
    unchanged = restore(world.location, file)
    assert unchanged is not None
    assert unchanged.rows == 0


def exported_rows(world: World) -> list[Any]:
    with open_services(world.location) as services:
        admin = services.identities.authenticate(world.admin_key)
        return list(services.audit.export(admin))


def test_another_log_is_told_from_more_rows_of_the_same(kept: Kept, tmp_path: Path) -> None:
    """Both went on from the backup, each in its own way."""
    here, there = (kept.beside(tmp_path / name) for name in ("here", "there"))
    for location, names in ((here, ("ann",)), (there, ("bob", "carol"))):
        restore(location, kept.file)
        with open_services(location) as services:
            admin = services.identities.authenticate(kept.world.admin_key)
            for name in names:
                services.identities.create(admin, name, IdentityKind.USER, None, None)
    back_up(here, tmp_path / "here.backup")
    with restoration(there, tmp_path / "here.backup", line) as found:
        assert found.loss is not None
        assert found.loss.is_other
        assert found.loss.rows == found.summary.sequence + 1


def test_a_store_that_is_served_meanwhile_is_copied_as_of_one_moment(
    world: World, tmp_path: Path
) -> None:
    stop, signed = Event(), Event()

    def sign() -> None:
        while not stop.is_set():
            world.services.signing.sign(world.callers["ci"], a_call("free"))
            signed.set()

    signing = Thread(target=sign)
    signing.start()
    try:
        assert signed.wait(30)
        for number in range(3):
            back_up(world.location, tmp_path / f"{number}.backup")
    finally:
        stop.set()
        signing.join()
    for number in range(3):
        place = Location(tmp_path / f"{number}", None, world.location.master_key_path)
        restore(place, tmp_path / f"{number}.backup")  # verified: head and rows are of one moment


def test_what_cannot_be_a_backup_is_refused(kept: Kept, tmp_path: Path) -> None:
    place = kept.beside(tmp_path)
    whole = kept.file.read_bytes()
    (tmp_path / "text").write_text("a text\n" * 1000)
    (tmp_path / "half").write_bytes(whole[: len(whole) // 2])
    shutil.copy(kept.world.location.store_path, tmp_path / "database")
    for name in ("none", "text", "half", "database"):
        assert refusal(place, tmp_path / name) is Code.BACKUP_UNREADABLE, name
    assert not place.data_dir.exists()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE operations SET actor = 'eve' WHERE sequence = 1",
        "DELETE FROM operations WHERE sequence = (SELECT MAX(sequence) FROM operations)",
        "DELETE FROM operations WHERE sequence = 1",
        "UPDATE backup SET sequence = sequence - 1",
        "UPDATE operations SET created_at = X'FF' WHERE sequence = 1",
    ],
)
def test_a_backup_whose_log_was_changed_is_refused(kept: Kept, tmp_path: Path, change: str) -> None:
    shutil.copy(kept.file, tmp_path / "bent.backup")
    with closing(sqlite3.connect(tmp_path / "bent.backup")) as file:
        file.execute(change)
        file.commit()
    place = kept.beside(tmp_path)
    assert refusal(place, tmp_path / "bent.backup") is Code.BACKUP_ALTERED
    assert not place.data_dir.exists()


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ("UPDATE identities SET role = NULL", ("identities/admin",)),
        ("DELETE FROM api_keys", ("api_keys/",)),
        ("UPDATE audit_head SET used = 7", None),
        ("UPDATE installation SET epoch = 0", None),
    ],
)
def test_a_state_that_was_changed_in_a_backup_is_named(
    kept: Kept, tmp_path: Path, change: str, what: tuple[str, ...] | None
) -> None:
    shutil.copy(kept.file, tmp_path / "bent.backup")
    with closing(sqlite3.connect(tmp_path / "bent.backup")) as file:
        file.execute(change)
        file.commit()
    place = kept.beside(tmp_path)
    if what is None:
        assert refusal(place, tmp_path / "bent.backup") is Code.BACKUP_ALTERED
        return
    with restoration(place, tmp_path / "bent.backup", line) as found:
        assert [name.startswith(each) for name, each in zip(found.altered, what, strict=True)]


def test_a_backup_is_restored_with_its_own_master_key_alone(kept: Kept, tmp_path: Path) -> None:
    other = tmp_path / "other.key"
    create_master_key(other)
    place = tmp_path / "place"
    assert refusal(Location(place, None, other), kept.file) is Code.MASTER_KEY_WRONG
    assert refusal(Location(place), kept.file) is Code.MASTER_KEY_UNREADABLE
    assert not place.exists()


def test_a_backup_holds_neither_the_master_key_nor_an_api_key(kept: Kept) -> None:
    octets = kept.file.read_bytes()
    secret = kept.world.location.master_key_path.read_text().strip()
    assert secret.encode() not in octets
    assert bytes.fromhex(secret) not in octets
    assert kept.world.admin_key.encode() not in octets


def test_a_file_that_is_there_is_left_alone(kept: Kept, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    for name in ("mine", "dangling"):
        with pytest.raises(Refused) as refused:
            back_up(kept.world.location, tmp_path / name)
        assert refused.value.code is Code.BACKUP_EXISTS
    assert (tmp_path / "mine").read_text() == "mine"
    with pytest.raises(Refused) as refused:
        back_up(kept.world.location, tmp_path / "none" / "today.backup")
    assert refused.value.code is Code.BACKUP_UNWRITABLE


def test_a_backup_that_fails_leaves_nothing(tmp_path: Path) -> None:
    damaged, folder = tmp_path / "damaged", tmp_path / "backups"
    for each in (damaged, folder):
        each.mkdir()
    (damaged / "sealwright.db").write_bytes(b"not a database" * 1000)
    with pytest.raises(Refused) as refused:
        back_up(Location(damaged), folder / "today.backup")
    assert refused.value.code is Code.STORE_UNAVAILABLE
    assert os.listdir(folder) == []  # noqa: PTH208  # hidden ones too


def test_a_backup_of_an_earlier_versions_store_becomes_the_same(tmp_path: Path) -> None:
    old = Location(tmp_path / "old")
    old.data_dir.mkdir()
    with closing(sqlite3.connect(old.store_path)) as file:
        file.executescript((HERE / "store-schema-2.sql").read_text())
    old.master_key_path.write_text(OLD["master_key"])
    old.master_key_path.chmod(0o600)
    made = back_up(old, tmp_path / "old.backup")
    assert (made.schema, made.row_hash) == (2, OLD["head"]["row_hash"])
    place = Location(tmp_path / "place", None, old.master_key_path)
    restore(place, tmp_path / "old.backup")
    assert contents(place, made.schema) == contents(old, made.schema)


def _interrupt(store: Store, backup: BackupFile) -> None:
    with store.replacing() as filled:
        fill(filled, NEWEST, backup.rows)
        raise InterruptedError


def test_a_restore_that_ends_halfway_leaves_what_was_there(
    database: str | None, kept: Kept, tmp_path: Path
) -> None:
    location = Location(tmp_path / "data", database)
    initialise(location)
    before, files = contents(location), set(location.data_dir.iterdir())
    store = location.store()
    with (
        store.closing(),
        backup_file.open_file(kept.file) as backup,
        pytest.raises(InterruptedError),
    ):
        _interrupt(store, backup)
    assert contents(location) == before
    left = {path for path in location.data_dir.iterdir() if not path.name.endswith(("wal", "shm"))}
    assert left == {path for path in files if not path.name.endswith(("wal", "shm"))}


def test_a_store_that_is_damaged_is_replaced(kept: Kept, tmp_path: Path) -> None:
    place = kept.beside(tmp_path)
    place.data_dir.mkdir()
    place.store_path.write_bytes(b"not a database" * 1000)
    loss = restore(place, kept.file)
    assert loss is not None
    assert loss.damage is not None
    assert verify_lines(exported(kept.world, place)).intact


def test_the_log_of_the_store_before_is_never_taken_for_that_of_the_restored(
    tmp_path: Path,
) -> None:
    """A server that was killed leaves SQLite's log beside its file."""
    world = World(tmp_path / "data")
    with world.services:
        rows = world.last_row().sequence
        back_up(world.location, tmp_path / "today.backup")
        world.identity("late")
        left = Location(tmp_path / "left")
        shutil.copytree(world.location.data_dir, left.data_dir)
        later = world.last_row().sequence
    assert left.store_path.with_name("sealwright.db-wal").stat().st_size > 0
    loss = restore(left, tmp_path / "today.backup")
    assert loss is not None
    assert loss.rows == later - rows
    (kept,) = left.data_dir.glob("replaced-*.sealwright")
    assert {path.name for path in left.data_dir.iterdir()} == {
        *("sealwright.db", "sealwright.db.lock", "master.key", "anchor.json", kept.name),
    }
    assert len(exported(world, left)) == rows


def test_pg_dump_and_pg_restore_bring_a_store_back(
    tmp_path: Path, postgresql: PostgresqlServer
) -> None:
    world = World(tmp_path / "data", postgresql.new_database())
    with world.services as services:
        ci = world.identity("ci", IdentityKind.MACHINE)
        world.signer(ci=MemberRole.OPERATOR)
        services.signing.sign(ci, a_call())
        last = world.last_row()
    url = world.location.database
    assert url is not None
    again = replace(world.location, database=postgresql.copy_by_dump(url))
    assert contents(again) == contents(world.location)
    assert triggers(again) == triggers(world.location)
    with open_services(again) as services:
        admin = services.identities.authenticate(world.admin_key)
        assert services.state.verify(admin).altered == ()
        signed = services.signing.sign(ci, a_call())
        assert services.audit.get(admin, signed.operation_id).sequence == last.sequence + 1


def test_a_copy_of_a_stopped_store_is_the_store(kept: Kept, tmp_path: Path) -> None:
    place = kept.beside(tmp_path)
    shutil.copytree(kept.world.location.data_dir, place.data_dir)
    with open_services(place) as services:
        admin = services.identities.authenticate(kept.world.admin_key)
        assert services.state.verify(admin).altered == ()
        services.identities.create(admin, "ann", IdentityKind.USER, None, None)
    assert verify_lines(exported(kept.world, place)).intact

"""A store of each earlier version goes on: nothing is lost, the chain holds, signing works."""

import json
import sqlite3
from base64 import b64decode
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from peewee import Database

from controlplane.api.operations import line
from controlplane.audit.verification import verify_lines
from controlplane.domain.identifier import new_id
from controlplane.domain.instant import to_text
from controlplane.domain.model import Identity, IdentityKind, MemberRole, Step, Terms
from controlplane.domain.operation import Operation, OperationFilter
from controlplane.domain.page import PageRequest
from controlplane.errors import Refused
from controlplane.service import installation
from controlplane.service.identity_creation import insert_identity
from controlplane.service.installation import open_services, upgrade
from controlplane.service.location import Location
from controlplane.service.misfits import LAST_SCHEMA_WITHOUT_OBJECTS
from controlplane.store import migrations
from controlplane.store.dialect import POSTGRESQL, SQLITE, Dialect, ask
from controlplane.store.migrations import Migration, all_migrations, migrate
from tests.controlplane.golden import HEAD_V1, LOG_V1
from tests.postgresql import PostgresqlServer, postgresql
from tests.world import World, a_call

__all__ = ["postgresql"]

RENAMED = {"deleted_at": "deletes_at"}
OLDER = range(1, LAST_SCHEMA_WITHOUT_OBJECTS + 1)
LOG = LOG_V1.splitlines(keepends=True)


@dataclass(frozen=True)
class Old:
    location: Location
    api_key: str  # of an operator of the signer `release`
    admin_key: str

    def export(self) -> list[bytes]:
        with open_services(self.location) as services:
            admin = services.identities.authenticate(self.admin_key)
            return [line(row) for row in services.audit.export(admin)]


@pytest.fixture(
    params=[(dialect, version) for dialect in ("sqlite", "postgresql") for version in OLDER],
    ids=lambda param: f"{param[0]}-schema-{param[1]}",
)
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Old:
    """A store with that schema, what such a version had put there, and the log of another one:
    whoever upgrades it has to say that it is to stand."""
    dialect, version = request.param
    url = None
    if dialect == "postgresql":
        server: PostgresqlServer = request.getfixturevalue("postgresql")
        url = server.new_database()
    world = World(tmp_path / "data", url)
    with world.services:
        api_key = world.machine_key("ci")
        world.signer(ci=MemberRole.OPERATOR)
    _name_as_a_group(world.location)
    if url is None:
        _make_old_on_sqlite(world.location.store_path, version)
    else:
        _make_old_on_postgresql(url, version)
    return Old(world.location, api_key, world.admin_key)


def _name_as_a_group(location: Location) -> None:
    """An identity as earlier versions made them."""
    at = datetime.now(UTC)
    store = location.store()
    with store.closing(), store.change() as database:
        bob = Identity(new_id(), "@bob", IdentityKind.USER, None, False, None, at)
        insert_identity(database, bob)


def _make_old_on_sqlite(path: Path, version: int) -> None:
    newest = path.with_name("newest.db")
    path.rename(newest)
    with closing(sqlite3.connect(path)) as connection:

        def execute(statement: str, values: Iterable[object] = ()) -> list[Any]:
            return connection.execute(statement, tuple(values)).fetchall()

        def columns_of(table: str) -> list[str]:
            return [row[1] for row in execute(f"PRAGMA main.table_info({table})")]

        execute("ATTACH ? AS newest", [str(newest)])
        tables = "SELECT name FROM main.sqlite_master WHERE type = 'table'"
        _make_old(execute, columns_of, tables, SQLITE, "main", version)
        connection.commit()


def _make_old_on_postgresql(url: str, version: int) -> None:
    with psycopg.connect(url) as connection:

        def execute(statement: str, values: Iterable[object] = ()) -> list[Any]:
            query = statement.replace("?", "%s") if values else statement
            done = connection.execute(query.encode(), tuple(values) or None)
            return done.fetchall() if done.description else []

        def columns_of(table: str) -> list[str]:
            asked = (
                "SELECT column_name FROM information_schema.columns"
                " WHERE table_schema = 'public' AND table_name = ?"
            )
            return [name for (name,) in execute(asked, [table])]

        execute("ALTER SCHEMA public RENAME TO newest")
        execute("CREATE SCHEMA public")
        execute("SET session_replication_role = replica")  # no matter in which order
        tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        _make_old(execute, columns_of, tables, POSTGRESQL, "public", version)
        execute("DROP SCHEMA newest CASCADE")


def _make_old(
    execute: Callable[..., list[Any]],
    columns_of: Callable[[str], list[str]],
    tables: str,
    dialect: Dialect,
    schema: str,
    version: int,
) -> None:
    """The old schema, of each table of it the columns that it has, and its log."""
    for migration in all_migrations()[:version]:
        for statement in migration.statements(dialect):
            execute(statement)
    execute("CREATE TABLE schema_version (version INTEGER, applied_at TEXT)")
    for (table,) in execute(tables):
        if table in ("audit_head", "operations"):
            continue
        names = columns_of(table)
        columns, now = ", ".join(names), ", ".join(RENAMED.get(name, name) for name in names)
        execute(f"INSERT INTO {schema}.{table} ({columns}) SELECT {now} FROM newest.{table}")
    execute("DELETE FROM schema_version WHERE version > ?", [version])
    for row in map(_columns_of_row, LOG):
        columns, marks = ", ".join(row), ", ".join("?" * len(row))
        execute(f"INSERT INTO operations ({columns}) VALUES ({marks})", list(row.values()))
    execute("UPDATE audit_head SET sequence = ?, row_hash = ?", [len(LOG), HEAD_V1])


def _columns_of_row(exported: bytes) -> Mapping[str, object]:
    """As the versions before there were others put a row there."""
    row: dict[str, Any] = json.loads(exported)
    pss = row.pop("pss") or {"mgf_hash": None, "salt_length": None}
    for name in ("digest", "signature"):
        row[name] = None if row[name] is None else b64decode(row[name])
    for name in ("client", "details"):
        text = json.dumps(row[name], ensure_ascii=False, separators=(",", ":"))
        row[name] = None if row[name] is None else text
    row["created_at"] = to_text(datetime.fromisoformat(row["created_at"]))
    return row | {f"pss_{name}": value for name, value in pss.items()}


def test_it_is_refused_until_it_is_upgraded(old: Old) -> None:
    with pytest.raises(Refused) as refused:
        open_services(old.location)
    assert refused.value.code == "migration_needed"
    upgrade(old.location, HEAD_V1)
    open_services(old.location).close()


@pytest.mark.parametrize("old", [("sqlite", OLDER[-1]), ("postgresql", OLDER[-1])], indirect=True)
def test_a_log_of_another_store_is_named(old: Old) -> None:
    with pytest.raises(Refused) as refused:
        upgrade(old.location)
    assert refused.value.code == "state_altered"
    assert "identity @bob is there, but no row made it" in refused.value.title
    assert f"--accept-rollback {HEAD_V1}" in refused.value.title


def test_an_upgrade_keeps_everything_and_leaves_a_row(old: Old) -> None:
    upgrade(old.location, HEAD_V1)
    with open_services(old.location) as services:
        ci = services.identities.authenticate(old.api_key)
        assert services.signing.sign(ci, a_call()).signature
        admin = services.identities.authenticate(old.admin_key)
        assert services.notices.unseen(admin) == ()  # what was before is no news
        everything = list(services.audit.export(admin))
    lines = [line(row) for row in everything]
    assert verify_lines(lines).intact
    assert len(lines) == len(LOG) + 2
    upgraded = everything[-2]
    assert isinstance(upgraded, Operation)
    entry = upgraded.entry
    assert (entry.action, entry.actor) == ("installation:upgrade", None)
    assert entry.details is not None
    assert entry.details["after"] == all_migrations()[-1].version
    assert entry.details["identities_named_as_groups"] == "@bob"
    assert entry.details["misfits"]


def test_a_store_whose_state_is_proven_is_not_believed_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was changed in it before an upgrade is as wrong after it."""
    world = World(tmp_path / "data")
    with world.services:
        world.identity("ci", IdentityKind.MACHINE)
    with closing(sqlite3.connect(world.location.store_path)) as connection:
        connection.execute("UPDATE identities SET role = 'admin' WHERE name = 'ci'")
        connection.commit()
    grown = "ALTER TABLE identities ADD COLUMN later TEXT"
    later = (*all_migrations(), Migration(99, lambda _: [grown]))
    for module in (migrations, installation):
        monkeypatch.setattr(module, "all_migrations", lambda: later)
    assert not upgrade(world.location)
    with open_services(world.location) as services:
        admin = services.identities.authenticate(world.admin_key)
        row = services.audit.list(admin, OperationFilter(), PageRequest(1)).items[0].entry
        assert (row.action, (row.details or {})["after"]) == ("installation:upgrade", 99)
        assert services.state.verify(admin).altered == ("identities/ci",)


@pytest.mark.parametrize("old", [("sqlite", OLDER[-1])], indirect=True)
def test_an_identity_that_is_named_as_a_group_stays_one(old: Old) -> None:
    upgrade(old.location, HEAD_V1)
    with open_services(old.location) as services:
        admin = services.identities.authenticate(old.admin_key)
        terms = Terms(None, 1, (Step("one", 1, ("@bob",)),))
        services.policies.create(admin, "one", terms)
        services.signers.set_policy(admin, "release", "one")
        services.members.add(admin, "release", "@bob", MemberRole.OPERATOR)
        bob = services.identities.get(admin, "@bob")
        with pytest.raises(Refused) as refused:
            services.groups.create(admin, "bob")
    assert (refused.value.code, bob.kind) == ("identity_exists", IdentityKind.USER)


def test_rows_of_version_1_stay_what_they_were_and_those_of_version_2_follow(old: Old) -> None:
    upgrade(old.location, HEAD_V1)
    lines = old.export()
    assert lines[: len(LOG)] == LOG
    (added,) = map(json.loads, lines[len(LOG) :])
    assert (added["version"], added["previous_hash"]) == (2, HEAD_V1)


@pytest.mark.parametrize("old", [("sqlite", OLDER[-1])], indirect=True)
@pytest.mark.parametrize("column", ["credential", "approvals", "proposal", "commitments"])
def test_a_row_of_version_1_has_nothing_of_version_2_put_into_it(old: Old, column: str) -> None:
    upgrade(old.location, HEAD_V1)
    with closing(sqlite3.connect(old.location.store_path)) as connection:
        connection.execute("DROP TRIGGER operations_never_updated")
        connection.execute(f"UPDATE operations SET {column} = '[]' WHERE sequence = 9")
        connection.commit()
    assert verify_lines(old.export()).first_bad_sequence == 9


def test_it_is_upgraded_once(old: Old) -> None:
    upgrade(old.location, HEAD_V1)
    before = old.export()
    upgrade(old.location)
    assert old.export() == before


@pytest.mark.parametrize("old", [("postgresql", OLDER[-1])], indirect=True, ids=["postgresql"])
def test_an_upgrade_of_a_long_log_takes_as_long_as_it_takes(
    old: Old, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = []

    def migrate_and_look(database: Database) -> None:
        migrate(database)
        limits.append(ask(database, "SHOW statement_timeout").fetchone())

    monkeypatch.setattr(installation, "migrate", migrate_and_look)
    upgrade(old.location, HEAD_V1)
    assert limits == [("0",)]

"""A store of each earlier version goes on: nothing is lost, the chain holds, signing works."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from controlplane.api.operations import line
from controlplane.audit.verification import verify_lines
from controlplane.domain.model import MemberRole
from controlplane.domain.operation import Operation
from controlplane.errors import Refused
from controlplane.service.installation import open_services, upgrade
from controlplane.service.location import Location
from controlplane.store.dialect import SQLITE
from controlplane.store.migrations import all_migrations
from tests.world import World, a_call

RENAMED = {"deleted_at": "deletes_at"}
OLDER = [migration.version for migration in all_migrations()[:-1]]


@dataclass(frozen=True)
class Old:
    location: Location
    api_key: str  # of an operator of the signer `release`
    admin_key: str
    rows: int


@pytest.fixture(params=OLDER, ids=lambda version: f"schema-{version}")
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Old:
    """A store with that schema, and what such a version had put there."""
    world = World(tmp_path / "data")
    with world.services:
        api_key = world.machine_key("ci")
        world.signer(ci=MemberRole.OPERATOR)
        world.services.signing.sign(world.services.identities.authenticate(api_key), a_call())
        rows = len(world.rows())
    path = world.location.store_path
    with closing(sqlite3.connect(tmp_path / "old.db")) as connection:
        _fill(connection, path, request.param)
    for end in ("", "-wal", "-shm"):
        path.with_name(path.name + end).unlink(missing_ok=True)
    (tmp_path / "old.db").rename(path)
    return Old(world.location, api_key, world.admin_key, rows)


def _fill(connection: sqlite3.Connection, newest: Path, version: int) -> None:
    """The old schema, and of each table of it the columns that it has."""
    for migration in all_migrations()[:version]:
        for statement in migration.statements(SQLITE):
            connection.execute(statement)
    connection.execute("CREATE TABLE schema_version (version INTEGER, applied_at TEXT)")
    connection.execute("ATTACH ? AS newest", (str(newest),))
    tables = "SELECT name FROM main.sqlite_master WHERE type = 'table'"
    for (table,) in connection.execute(tables).fetchall():
        names = [row[1] for row in connection.execute(f"PRAGMA main.table_info({table})")]
        columns, now = ", ".join(names), ", ".join(RENAMED.get(name, name) for name in names)
        if table == "audit_head":
            connection.execute(
                "UPDATE audit_head SET (sequence, row_hash) ="
                " (SELECT sequence, row_hash FROM newest.audit_head)"
            )
            continue
        connection.execute(f"INSERT INTO main.{table} ({columns}) SELECT {now} FROM newest.{table}")
    connection.execute("DELETE FROM schema_version WHERE version > ?", (version,))
    connection.commit()


def test_it_is_refused_until_it_is_upgraded(old: Old) -> None:
    with pytest.raises(Refused) as refused:
        open_services(old.location)
    assert refused.value.code == "migration_needed"
    upgrade(old.location)
    open_services(old.location).close()


def test_an_upgrade_keeps_everything_and_leaves_a_row(old: Old) -> None:
    upgrade(old.location)
    with open_services(old.location) as services:
        ci = services.identities.authenticate(old.api_key)
        assert services.signing.sign(ci, a_call()).signature
        admin = services.identities.authenticate(old.admin_key)
        everything = list(services.audit.export(admin))
    lines = [line(row) for row in everything]
    assert verify_lines(lines).intact
    assert len(lines) == old.rows + 2
    upgraded = everything[-2]
    assert isinstance(upgraded, Operation)
    entry = upgraded.entry
    assert (entry.action, entry.actor) == ("installation:upgrade", None)
    assert entry.details is not None
    assert entry.details["after"] == all_migrations()[-1].version


def test_it_is_upgraded_once(old: Old) -> None:
    upgrade(old.location)
    before = old.location.store_path.read_bytes()
    upgrade(old.location)
    assert old.location.store_path.read_bytes() == before

"""Which tables a store of a schema has: read off a database in memory that the migrations make."""

from dataclasses import dataclass
from typing import Any

from peewee import Database, SqliteDatabase

from controlplane.store.migrations import all_migrations, migrate

_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%'"
_TABLES += " ESCAPE '\\' ORDER BY rowid"


@dataclass(frozen=True, slots=True)
class Table:
    """`key`: the columns of its primary key; `booleans`: those that PostgreSQL has as such."""

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    booleans: frozenset[str]


def tables_of(version: int) -> tuple[Table, ...]:
    """Each stands after those that its rows refer to."""
    database = SqliteDatabase(":memory:")
    with database.connection_context():
        migrate(database, version)
        tables = {name: _table(database, name) for (name,) in _ask(database, _TABLES)}
        refers = {
            name: {row[2] for row in _ask(database, f"PRAGMA foreign_key_list({name})")} - {name}
            for name in tables
        }
    ordered: list[Table] = []
    while tables:
        following = next(name for name in tables if not refers[name] & tables.keys())
        ordered.append(tables.pop(following))
    return tuple(ordered)


def names_ever() -> frozenset[str]:
    """Of all tables that a store of any schema up to this version's has."""
    versions = (migration.version for migration in all_migrations())
    return frozenset(table.name for version in versions for table in tables_of(version))


def _table(database: Database, name: str) -> Table:
    rows = _ask(database, f"PRAGMA table_info({name})")
    keys = sorted((row[5], row[1]) for row in rows if row[5])
    return Table(
        name,
        tuple(row[1] for row in rows),
        tuple(column for _, column in keys),
        frozenset(row[1] for row in rows if row[2] == "BOOLEAN"),
    )


def _ask(database: Database, statement: str) -> list[tuple[Any, ...]]:
    cursor = database.execute_sql(statement)  # type: ignore[no-untyped-call]
    return list(cursor.fetchall())

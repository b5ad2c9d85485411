"""Whoever writes to the database past the server: triggers, references and checks do not stop
them."""

import json
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any, Protocol

import psycopg
from peewee import CompositeKey
from psycopg.rows import dict_row

from controlplane.service.location import Location
from controlplane.store.objects import KINDS, Kind
from tests.postgresql import PostgresqlServer

Row = dict[str, Any]


class Tables(Protocol):
    """What somebody with SQL sees and does; placeholders are question marks."""

    def ask(self, statement: str, values: Sequence[object] = ()) -> list[Row]: ...

    def attempt(self) -> AbstractContextManager[None]:
        """What is done within is undone where it raises."""


class OnSqlite:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        connection.row_factory = sqlite3.Row

    def ask(self, statement: str, values: Sequence[object] = ()) -> list[Row]:
        return [dict(row) for row in self._connection.execute(statement, tuple(values))]

    @contextmanager
    def attempt(self) -> Iterator[None]:
        self.ask("SAVEPOINT attempt")
        try:
            yield
        except sqlite3.IntegrityError:
            self.ask("ROLLBACK TO attempt")
            raise

    def disarm(self) -> None:
        self.ask("PRAGMA ignore_check_constraints = ON")
        for row in self.ask("SELECT name FROM sqlite_master WHERE type = 'trigger'"):
            self.ask(f"DROP TRIGGER {row['name']}")


class OnPostgresql:
    def __init__(self, connection: "psycopg.Connection[Row]") -> None:
        self._connection = connection

    def ask(self, statement: str, values: Sequence[object] = ()) -> list[Row]:
        query = statement.replace("?", "%s")
        done = self._connection.execute(query.encode(), tuple(values) or None)
        return done.fetchall() if done.description else []

    @contextmanager
    def attempt(self) -> Iterator[None]:
        with self._connection.transaction():
            yield

    def disarm(self) -> None:
        self.ask("SET session_replication_role = replica")  # no triggers, no references
        checks = (
            "SELECT conname, relname FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid"
            " WHERE contype = 'c'"
        )
        for row in self.ask(checks):
            self.ask(f"ALTER TABLE {row['relname']} DROP CONSTRAINT {row['conname']}")


@contextmanager
def looking(location: Location) -> Iterator[Tables]:
    with _connected(location) as tables:
        yield tables


@contextmanager
def tampering(location: Location) -> Iterator[Tables]:
    """Committed at its end."""
    with _connected(location) as tables:
        tables.disarm()
        yield tables


@contextmanager
def _connected(location: Location) -> Iterator[OnSqlite | OnPostgresql]:
    if location.database is None:
        with closing(sqlite3.connect(location.store_path)) as connection:
            yield OnSqlite(connection)
            connection.commit()
    else:
        with psycopg.connect(location.database, row_factory=dict_row) as session:
            yield OnPostgresql(session)


def copy_of(location: Location, folder: Path, server: PostgresqlServer | None) -> Location:
    """Another installation, as this one is on disk. Nobody has it open."""
    shutil.copytree(location.data_dir, folder)
    if location.database is None or server is None:
        return Location(folder)
    url = server.url(server.copy_database(location.database.rpartition("/")[2]))
    remembered = folder / "location.json"
    remembered.write_text(json.dumps(json.loads(remembered.read_text()) | {"database": url}))
    return Location(folder, url)


def rows_of(tables: Tables, kind: Kind) -> list[Row]:
    """In the order of their names."""
    order = ", ".join(kind.named_by)
    return tables.ask(f'SELECT * FROM "{kind.title}" ORDER BY {order}')


def key_of(kind: Kind) -> tuple[str, ...]:
    """The columns of the primary key."""
    key: Any = kind.table._meta.primary_key
    return tuple(key.field_names) if isinstance(key, CompositeKey) else (str(key.name),)


def put(tables: Tables, kind: Kind, row: Row, columns: Row) -> None:
    """Writes these columns of a row."""
    given = ", ".join(f"{name} = ?" for name in columns)
    where = " AND ".join(f"{name} = ?" for name in key_of(kind))
    values = [*columns.values(), *(row[name] for name in key_of(kind))]
    tables.ask(f'UPDATE "{kind.title}" SET {given} WHERE {where}', values)


def remove(tables: Tables, kind: Kind, row: Row) -> None:
    where = " AND ".join(f"{name} = ?" for name in key_of(kind))
    values = [row[name] for name in key_of(kind)]
    tables.ask(f'DELETE FROM "{kind.title}" WHERE {where}', values)


def add(tables: Tables, kind: Kind, row: Row) -> None:
    names, marks = ", ".join(row), ", ".join("?" * len(row))
    tables.ask(f'INSERT INTO "{kind.title}" ({names}) VALUES ({marks})', list(row.values()))


def all_objects(location: Location) -> dict[str, tuple[Kind, Row]]:
    """By name."""
    with looking(location) as tables:
        return {
            kind.name(row): (kind, row) for kind in KINDS.values() for row in rows_of(tables, kind)
        }

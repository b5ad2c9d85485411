"""Where the SQL of the databases differs: types, placeholders, and triggers that refuse."""

import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from peewee import Database

T = TypeVar("T")

Event = Literal["UPDATE", "DELETE", "INSERT", "TRUNCATE"]

_TYPE = re.compile(r"\b(?:TEXT|BLOB|INTEGER|WITHOUT ROWID)\b")


@dataclass(frozen=True, slots=True)
class Dialect:
    """`types`: for those of the migrations, which are SQLite's and BOOLEAN."""

    name: Literal["sqlite", "postgresql"]
    placeholder: str
    types: Mapping[str, str]

    def translate(self, statement: str) -> str:
        """A statement of a migration in this database's types."""
        return _TYPE.sub(lambda found: self.types.get(found[0], found[0]), statement)

    def refuse(self, trigger: str, event: Event, table: str, message: str, when: str = "") -> str:
        """A trigger that refuses the event: each row of it for which `when` is true."""
        condition = f"WHEN ({when})" if when else ""
        if self.name == "sqlite":
            return (
                f"CREATE TRIGGER {trigger} BEFORE {event} ON {table} {condition} "
                f"BEGIN SELECT RAISE(ABORT, '{message}'); END"
            )
        each = "STATEMENT" if event == "TRUNCATE" else "ROW"
        return (
            f"CREATE TRIGGER {trigger} BEFORE {event} ON {table} FOR EACH {each} {condition} "
            f"EXECUTE FUNCTION sealwright_refuse('{message}')"
        )


SQLITE = Dialect("sqlite", "?", {})
POSTGRESQL = Dialect(
    "postgresql",
    "%s",
    # Text compares octet by octet, as SQLite's does: cursors and times rest on its order.
    {"TEXT": 'TEXT COLLATE "C"', "BLOB": "BYTEA", "INTEGER": "BIGINT", "WITHOUT ROWID": ""},
)


def dialect_of(database: Database) -> Dialect:
    return SQLITE if database.param == SQLITE.placeholder else POSTGRESQL


def place(database: Database, statement: str) -> str:
    """The statement, written with `?`, with this database's placeholders."""
    return statement.replace(SQLITE.placeholder, database.param)


def readable(found: Iterable[T]) -> Iterator[T]:
    """The rows of a cursor. Raises ValueError at one with octets in it that are no text: SQLite
    keeps whatever somebody writes there, and its driver takes that for a fault of the store."""
    try:
        yield from found
    except sqlite3.OperationalError as error:
        if not is_no_text(error):
            raise
        raise ValueError(str(error)) from error


def is_no_text(error: Exception) -> bool:
    return "Could not decode to UTF-8" in str(error)


def ask(database: Database, statement: str, values: Sequence[object] = ()) -> Any:
    """A cursor. For statements of the sign path, written with this database's placeholders: their
    plan is made once for each connection, so it must hold however the tables grow."""
    if dialect_of(database) is SQLITE:  # whose driver keeps what it compiled by itself
        return database.execute_sql(statement, values)  # type: ignore[no-untyped-call]
    connection = database.connection()  # type: ignore[no-untyped-call]
    return connection.execute(statement, values, prepare=True)

"""Whole tables, row by row: out of a store, and into one that is new."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from peewee import Database

from controlplane.store.dialect import SQLITE, dialect_of, place
from controlplane.store.migrations import migrate
from controlplane.store.shape import Table, tables_of

Row = tuple[Any, ...]
"""Values in the order of a table's columns: text, integers, octets, None; on PostgreSQL booleans
besides."""

_ROWS_AT_ONCE = 500
_HEAD = "audit_head"  # a migration puts its one row there, and no trigger lets it be deleted


def read_table(database: Database, table: Table) -> Iterator[Row]:
    """By their key, in bounded memory; within a read."""
    order = f" ORDER BY {_listed(table.key)}" if table.key else ""
    select = f"SELECT {_listed(table.columns)} FROM {table.name}{order}"  # noqa: S608  # our names
    connection: Any = database.connection()  # type: ignore[no-untyped-call]
    if dialect_of(database) is SQLITE:
        yield from connection.execute(select)
        return
    with connection.cursor(name="copying") as cursor:
        cursor.itersize = _ROWS_AT_ONCE
        cursor.execute(select)
        yield from cursor


def fill(database: Database, schema: int, rows_of: Callable[[Table], Iterable[Row]]) -> None:
    """Within the write that makes a new store: tables and triggers of this schema, and all of these
    rows."""
    migrate(database, schema)
    database.execute_sql("DELETE FROM schema_version")  # type: ignore[no-untyped-call]
    tables = tables_of(schema)
    for table in tables:
        if table.name != _HEAD:
            _insert(database, table, rows_of(table))
    # Last, for the log's rows are compared with it when they come.
    for table in tables:
        if table.name == _HEAD:
            _set_head(database, table, rows_of(table))


def _insert(database: Database, table: Table, rows: Iterable[Row]) -> None:
    connection: Any = database.connection()  # type: ignore[no-untyped-call]
    columns = _listed(table.columns)
    if dialect_of(database) is SQLITE:
        values = ", ".join("?" * len(table.columns))
        statement = f"INSERT INTO {table.name} ({columns}) VALUES ({values})"  # noqa: S608
        connection.executemany(statement, rows)
        return
    # In one statement, so that a row may refer to one that comes after it.
    booleans = [place_ for place_, name in enumerate(table.columns) if name in table.booleans]
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY {table.name} ({columns}) FROM STDIN") as copy,
    ):
        for row in rows:
            values_ = list(row)
            for place_ in booleans:
                values_[place_] = None if row[place_] is None else bool(row[place_])
            copy.write_row(values_)


def _set_head(database: Database, table: Table, rows: Iterable[Row]) -> None:
    setters = ", ".join(f'"{name}" = ?' for name in table.columns)
    statement = place(database, f"UPDATE {table.name} SET {setters}")  # noqa: S608
    for row in rows:
        database.execute_sql(statement, row)  # type: ignore[no-untyped-call]


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)

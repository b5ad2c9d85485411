"""A backup: one SQLite file with the rows of every table, whatever database they come from, and a
row of what it is. No keys, references or triggers; those are made where it is restored."""

import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import astuple, fields
from itertools import islice
from pathlib import Path

from peewee import Database, SqliteDatabase

from controlplane.errors import Code, Refused
from controlplane.store.copying import Row, read_table
from controlplane.store.migrations import all_migrations
from controlplane.store.shape import Table, tables_of
from controlplane.store.summary import Summary

_APPLICATION = 0x53574250  # in the file's head, for `file` and for us
_FORMAT = 1
_ROWS_AT_ONCE = 500
_LOG = "operations"


_NAMES = tuple(field.name for field in fields(Summary))


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Where to write what becomes the file `path` (0600) when this ends without a fault, at once
    and whole. Refused backup_exists, backup_unwritable."""
    if os.path.lexists(path):
        raise _exists(path)
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        os.close(descriptor)
    except OSError as error:
        raise _unwritable(path, error) from error
    partial = Path(name)
    try:
        yield partial
        try:
            _sync(partial)
            _name(partial, path)
            _sync(path.parent)
        except OSError as error:
            raise _unwritable(path, error) from error
    finally:
        partial.unlink(missing_ok=True)


def write(path: Path, summary: Summary, rows_of: Callable[[Table], Iterable[Row]]) -> None:
    """Into an empty file. Refused backup_unwritable; what `rows_of` raises goes through."""
    with _told(path):
        # Nobody else has it; and it may lie on a disk of another machine, where locks fail.
        file = sqlite3.connect(f"{path.absolute().as_uri()}?nolock=1", uri=True)
    with closing(file):
        with _told(path):
            file.execute("PRAGMA journal_mode = OFF")
            file.execute("PRAGMA synchronous = OFF")
            file.execute(f"PRAGMA application_id = {_APPLICATION}")
            file.execute(f"PRAGMA user_version = {_FORMAT}")
            file.execute(f"CREATE TABLE backup ({', '.join(_NAMES)})")
            insert = f"INSERT INTO backup VALUES ({_places(_NAMES)})"  # noqa: S608  # our names
            file.execute(insert, astuple(summary))
        for table in tables_of(summary.schema):
            columns = ", ".join(_declared(table, name) for name in table.columns)
            with _told(path):
                file.execute(f"CREATE TABLE {table.name} ({columns})")
            rows = iter(rows_of(table))
            insert = f"INSERT INTO {table.name} VALUES ({_places(table.columns)})"  # noqa: S608
            while some := list(islice(rows, _ROWS_AT_ONCE)):
                with _told(path):
                    file.executemany(insert, some)
        with _told(path):
            file.commit()


class BackupFile:
    """One that is there, open for reading. Its methods are Refused backup_unreadable where it
    turns out to be damaged."""

    def __init__(self, path: Path, database: Database, summary: Summary) -> None:
        self.path = path
        self.log = database
        """With the table of the log in this version's shape, whatever version made the backup."""
        self.summary = summary

    def rows(self, table: Table) -> Iterator[Row]:
        with readable(self.path):
            yield from read_table(self.log, table)


@contextmanager
def open_file(path: Path) -> Iterator[BackupFile]:
    """Refused backup_unreadable: it is not there, not a backup, or damaged; store_too_new."""
    database = SqliteDatabase(
        f"{path.absolute().as_uri()}?immutable=1", uri=True, autoconnect=False
    )
    with readable(path), path.open("rb"):  # in words that name the cause
        database.connect()
    try:
        with readable(path):
            summary = _read_summary(path, database)
            newest = all_migrations()[-1].version
            if summary.schema < newest:
                _show_log_as_of(newest, summary.schema, database)
        yield BackupFile(path, database, summary)
    finally:
        with suppress(Exception):
            database.close()


@contextmanager
def readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        raise Refused(Code.BACKUP_UNREADABLE, f"{path} is no backup: {_why(error)}.") from error


def _read_summary(path: Path, database: Database) -> Summary:
    file: sqlite3.Connection = database.connection()  # type: ignore[no-untyped-call]
    (application,) = file.execute("PRAGMA application_id").fetchone()
    if application != _APPLICATION:
        raise Refused(
            Code.BACKUP_UNREADABLE,
            f"{path} was not made by sealwright backup. A copy of a stopped store's SQLite file is "
            "put in its place as it is.",
        )
    (format_,) = file.execute("PRAGMA user_version").fetchone()
    if format_ != _FORMAT:
        raise _too_new(path)
    (row,) = file.execute(f"SELECT {', '.join(_NAMES)} FROM backup").fetchall()  # noqa: S608
    summary = Summary(*row)
    if summary.schema > all_migrations()[-1].version:
        raise _too_new(path)
    return summary


def _show_log_as_of(newest: int, schema: int, database: Database) -> None:
    """An older log has fewer columns; a view of the same name, which comes first, has them all."""
    (has,) = (table.columns for table in tables_of(schema) if table.name == _LOG)
    (wanted,) = (table.columns for table in tables_of(newest) if table.name == _LOG)
    lacks = {"version": "1"}
    columns = ", ".join(
        f'"{name}"' if name in has else f'{lacks.get(name, "NULL")} AS "{name}"' for name in wanted
    )
    database.execute_sql(  # type: ignore[no-untyped-call]
        f"CREATE TEMP VIEW {_LOG} AS SELECT {columns} FROM main.{_LOG}"  # noqa: S608
    )


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Not to be taken for a fault of the store that is copied."""
    try:
        yield
    except sqlite3.Error as error:
        raise _unwritable(path, error) from error


def _name(partial: Path, path: Path) -> None:
    """Never over another file, but where the file system cannot tell."""
    try:
        os.link(partial, path)
    except FileExistsError:
        raise _exists(path) from None
    except OSError:
        partial.rename(path)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _declared(table: Table, column: str) -> str:
    """By its number a row of the log is found at once; all else is read from end to end."""
    is_number = table.name == _LOG and table.key == (column,)
    return f'"{column}" INTEGER PRIMARY KEY' if is_number else f'"{column}"'


def _places(names: Iterable[str]) -> str:
    return ", ".join("?" for _ in names)


def _why(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _exists(path: Path) -> Refused:
    return Refused(Code.BACKUP_EXISTS, f"There is a file {path} already; it is left alone.")


def _unwritable(path: Path, error: Exception) -> Refused:
    title = f"The backup {path} cannot be written: {_why(error)}."
    return Refused(Code.BACKUP_UNWRITABLE, title)


def _too_new(path: Path) -> Refused:
    title = f"{path} was made by a newer sealwright: restore it with that one."
    return Refused(Code.STORE_TOO_NEW, title)

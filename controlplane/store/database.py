"""One SQLite file: connections of its own for each thread, one writer at a time."""

import fcntl
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from peewee import SqliteDatabase

from controlplane.errors import Refused
from controlplane.store.tables import Installation

_URL = re.compile(r"sqlite:///(?P<path>[^?#]+)")
_BUSY_SECONDS = 30
_PRAGMAS = {
    "journal_mode": "wal",
    "synchronous": "full",
    "foreign_keys": "on",
    "recursive_triggers": "on",  # INSERT OR REPLACE must not slip past the audit log's triggers
    "secure_delete": "on",
}


def database_path(url: str | None, data_dir: Path) -> Path:
    """The file that `sqlite:///relative/path` or `sqlite:////absolute/path` names; without a URL,
    the one in the data directory. Refused unsupported_database."""
    if url is None:
        return data_dir / "sealwright.db"
    match = _URL.fullmatch(url)
    if match is None:
        scheme = url.partition(":")[0]
        raise Refused(
            "unsupported_database",
            f"The database URL starts with {scheme!r}; only sqlite:///PATH can be used so far.",
            status=400,
            field="database",
        )
    return Path(match["path"])


class Store:
    """Open it in the process that uses it: connections do not survive a fork."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.database = SqliteDatabase(
            str(path), pragmas=_PRAGMAS, timeout=_BUSY_SECONDS, autoconnect=False
        )
        self._lock_path = path.with_name(path.name + ".lock")

    @property
    def files(self) -> tuple[Path, ...]:
        """All that it keeps, the lock included."""
        beside = [self.path.with_name(self.path.name + end) for end in ("-wal", "-shm", ".lock")]
        return (self.path, *beside)

    def create_file(self) -> None:
        """Readable by its owner only; SQLite gives its other files the same mode. Refused
        store_unavailable."""
        try:
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except OSError as error:
            raise _unavailable(self.path, error) from error

    def connect(self) -> SqliteDatabase:
        """The database with a connection of this thread. Refused 503 store_unavailable."""
        try:
            self.database.connect(reuse_if_open=True)
        except Exception as error:
            raise _unavailable(self.path, error) from error
        return self.database

    @contextmanager
    def read(self) -> Iterator[SqliteDatabase]:
        """Queries within see one state of the store."""
        database = self.connect()
        with database.atomic("DEFERRED"):
            yield database

    @contextmanager
    def write(self) -> Iterator[SqliteDatabase]:
        """A durable transaction, alone in all processes.

        SQLite's own lock makes waiters sleep and poll; the file lock wakes the next one at once.
        """
        database = self.connect()
        with self._lock(), database.atomic("IMMEDIATE"):
            yield database

    @contextmanager
    def change(self) -> Iterator[SqliteDatabase]:
        """A write after which no process trusts what it remembers."""
        with self.write() as database:
            move_epoch(database)
            yield database

    def epoch(self) -> int:
        return read_epoch(self.connect())

    def close_thread(self) -> None:
        """Closes this thread's connection, if it has one."""
        if not self.database.is_closed():
            self.database.close()

    def roll_back_thread(self) -> None:
        """Ends a transaction that this thread left open, if there is one."""
        if not self.database.is_closed():
            connection: sqlite3.Connection = self.database.connection()  # type: ignore[no-untyped-call]
            if connection.in_transaction:
                connection.rollback()

    @contextmanager
    def closing(self) -> Iterator[None]:
        """Closes this thread's connection at the end."""
        try:
            yield
        finally:
            self.close_thread()

    @contextmanager
    def _lock(self) -> Iterator[None]:
        descriptor = os.open(self._lock_path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def move_epoch(database: SqliteDatabase) -> None:
    """Within a write: from its commit on no process trusts what it remembers."""
    Installation.update(epoch=Installation.epoch + 1).execute(database)


def read_epoch(database: SqliteDatabase) -> int:
    # Every request and every commit asks this; Peewee's query builder would cost most of it.
    cursor = database.execute_sql("SELECT epoch FROM installation")  # type: ignore[no-untyped-call]
    (epoch,) = cursor.fetchone()
    return int(epoch)


def _unavailable(path: Path, error: Exception) -> Refused:
    cause = error.__cause__ if isinstance(error.__cause__, sqlite3.Error) else error
    return Refused("store_unavailable", f"The store {path} cannot be opened: {cause}.", status=503)

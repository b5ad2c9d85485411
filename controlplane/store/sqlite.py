"""One SQLite file, and a lock beside it."""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from peewee import SqliteDatabase

from controlplane.store.database import Store
from controlplane.store.dialect import SQLITE

_BUSY_SECONDS = 30
_PRAGMAS = {
    "journal_mode": "wal",
    "synchronous": "full",
    "foreign_keys": "on",
    "recursive_triggers": "on",  # INSERT OR REPLACE must not slip past the audit log's triggers
    "secure_delete": "on",
}


class SqliteStore(Store):
    dialect = SQLITE

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = str(path)
        self.database = SqliteDatabase(
            str(path), pragmas=_PRAGMAS, timeout=_BUSY_SECONDS, autoconnect=False
        )
        self._lock_path = path.with_name(path.name + ".lock")

    @property
    def files(self) -> tuple[Path, ...]:
        """All that it keeps, the lock included."""
        beside = [self.path.with_name(self.path.name + end) for end in ("-wal", "-shm", ".lock")]
        return (self.path, *beside)

    def exists(self) -> bool:
        return self.path.exists()

    @contextmanager
    def prepare(self) -> Iterator[None]:
        """The file is readable by its owner only; SQLite gives its other files the same mode."""
        try:
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except OSError as error:
            raise self.unavailable(error) from error
        try:
            yield
        except BaseException:
            self.close_thread()
            for path in self.files:
                path.unlink(missing_ok=True)
            raise

    def _begin_read(self) -> AbstractContextManager[object]:
        transaction: AbstractContextManager[object] = self.database.atomic("DEFERRED")
        return transaction

    @contextmanager
    def _begin_write(self) -> Iterator[None]:
        """SQLite's own lock makes waiters sleep and poll; the file lock wakes the next at once."""
        with self._lock(), self.database.atomic("IMMEDIATE"):
            yield

    def _roll_back(self) -> None:
        connection: sqlite3.Connection = self.database.connection()  # type: ignore[no-untyped-call]
        if connection.in_transaction:
            connection.rollback()

    @contextmanager
    def _lock(self) -> Iterator[None]:
        descriptor = os.open(self._lock_path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

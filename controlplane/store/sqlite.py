"""One SQLite file, and a lock beside it."""

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

from peewee import Database, SqliteDatabase

from controlplane.domain.anchor import Place
from controlplane.store.database import WAIT_SECONDS, Store, StoreDatabase
from controlplane.store.dialect import SQLITE
from controlplane.store.file_lock import FileLock
from controlplane.store.outages import Use
from controlplane.store.state import READ_ROOT, Root, root_of
from controlplane.store.transaction import Transactions

_BEGIN: dict[Use, str] = {"read": "BEGIN DEFERRED", "write": "BEGIN IMMEDIATE"}
_ROOM = 256 * 1024  # octets that a store must find on its disk to be ready
_PRAGMAS = {
    "journal_mode": "wal",
    "synchronous": "full",
    "foreign_keys": "on",
    "recursive_triggers": "on",  # INSERT OR REPLACE must not slip past the audit log's triggers
    "secure_delete": "on",
}


class _Database(StoreDatabase, SqliteDatabase):
    pass


class SqliteStore(Store):
    """Each thread keeps a connection of its own: to open one takes longer than most queries."""

    dialect = SQLITE
    driver = sqlite3

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = str(path)
        # Never made by opening it: an empty file in the place of one that was moved away would have
        # SQLite delete the log (-wal) that those who have the other open go on to commit to.
        self.database = _Database(
            f"{path.absolute().as_uri()}?mode=rw",
            uri=True,
            pragmas=_PRAGMAS | _where_sorts_go(),
            timeout=WAIT_SECONDS,
            autoconnect=False,
        )
        self.database.transactions = Transactions()
        self._lock = FileLock(path.with_name(path.name + ".lock"))

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
            raise self.unavailable("write", error) from error
        try:
            yield
        except BaseException:
            self.close()
            for path in self.files:
                path.unlink(missing_ok=True)
            raise

    def connect(self) -> Database:
        """The database with a connection of this thread."""
        with self._told("read"):
            self.database.connect(reuse_if_open=True)
        return self.database

    def close(self) -> None:
        """Connections of other threads end with them."""
        self.close_thread()
        self._lock.close()

    def close_thread(self) -> None:
        with suppress(Exception):
            self.database.close()  # forgets the connection whatever comes of closing it

    def place(self) -> Place:
        path = self.path.resolve()
        facts = path.stat()
        return Place(inode=facts.st_ino, device=facts.st_dev, path=str(path))

    @contextmanager
    def _transaction(self, use: Use, wait: float) -> Iterator[Root | None]:
        """SQLite's own lock makes waiters sleep and poll; the file lock wakes the next at once."""
        connection = self._connection()
        if connection.in_transaction:
            raise RuntimeError("a transaction within another")
        with self._held(wait) if use == "write" else nullcontext():
            connection.execute(_BEGIN[use])
            try:
                yield self._read_root() if self.state is not None else None
                if use == "write":
                    connection.execute("COMMIT")
            finally:
                with suppress(sqlite3.Error):
                    connection.rollback()  # if it is still open: some errors end it by themselves

    @contextmanager
    def _held(self, wait: float) -> Iterator[None]:
        try:
            self._lock.acquire(wait)
        except OSError as error:
            raise self.unavailable("write", error) from error
        try:
            yield
        finally:
            self._lock.release()

    def _require_room(self) -> None:
        """A small write may find room within the files where the next signature finds none."""
        try:
            disk = os.statvfs(self.path)
        except OSError as error:
            raise sqlite3.OperationalError(str(error)) from error
        if disk.f_bavail * disk.f_frsize < _ROOM:
            raise sqlite3.OperationalError("the disk is full")

    def _read_root(self) -> Root:
        return root_of(self._connection().execute(READ_ROOT).fetchone())

    def _connection(self) -> sqlite3.Connection:
        self.database.connect(reuse_if_open=True)
        connection: sqlite3.Connection = self.database.connection()  # type: ignore[no-untyped-call]
        return connection


def _where_sorts_go() -> dict[str, str]:
    """Long sorts are done in a temporary file, or fail where there is no place for one."""
    try:
        tempfile.gettempdir()
    except FileNotFoundError:
        return {"temp_store": "memory"}
    return {}

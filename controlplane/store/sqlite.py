"""One SQLite file, and a lock beside it."""

import os
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, nullcontext, suppress
from pathlib import Path

from peewee import Database, SqliteDatabase

from controlplane.domain.anchor import Place
from controlplane.store.database import WAIT_SECONDS, Room, Store, StoreDatabase, in_use
from controlplane.store.dialect import SQLITE
from controlplane.store.election import Election, FileElection
from controlplane.store.file_lock import FileLock
from controlplane.store.file_system import require_local
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

    def __init__(
        self, path: Path, how: str = "mode=rw", pragmas: Mapping[str, str] = _PRAGMAS
    ) -> None:
        """`how`: parameters of SQLite's URI."""
        self.path = path
        self.name = str(path)
        # Never made by opening it: an empty file in the place of one that was moved away would have
        # SQLite delete the log (-wal) that those who have the other open go on to commit to.
        self.database = _Database(
            f"{path.absolute().as_uri()}?{how}",
            uri=True,
            pragmas={**_where_sorts_go(), **pragmas},
            timeout=WAIT_SECONDS,
            autoconnect=False,
        )
        self.database.transactions = Transactions()
        self._lock = FileLock(path.with_name(path.name + ".lock"))

    @property
    def files(self) -> tuple[Path, ...]:
        """All that it keeps, the locks included."""
        ends = ("-wal", "-shm", ".lock", ".elected")
        beside = [self.path.with_name(self.path.name + end) for end in ends]
        return (self.path, *beside)

    def exists(self) -> bool:
        return self.path.exists()

    def check_place(self) -> None:
        require_local(self.path)

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
            self._remove()
            raise

    def check_alone(self) -> None:
        """Whoever has the file open holds a lock of SQLite's on it."""
        with self._alone():
            pass

    @contextmanager
    def replacing(self) -> Iterator[Database]:
        """Made beside it, then renamed. Also over a file that is damaged."""
        self.close_thread()  # or we ourselves are in the way
        new = SqliteStore(self.path.with_name(f".{self.path.name}.new"))
        is_new_place = not self.exists()
        try:
            with self._told("write"), self._held(WAIT_SECONDS), self._alone():
                new._remove()  # what a restore left that was killed
                with new.prepare():
                    with new.write() as database:
                        yield database
                    new.close()  # all of it is in the one file then
                    self._take_from(new)
        except BaseException:
            if is_new_place and not self.exists():
                self._remove()
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

    def election(self) -> Election:
        return FileElection(self.path.with_name(self.path.name + ".elected"))

    def place(self) -> Place:
        path = self.path.resolve()
        facts = path.stat()
        return Place(inode=facts.st_ino, device=facts.st_dev, path=str(path))

    def lift_limits(self) -> None:
        """There is none but for locks."""

    def room(self) -> Room:
        """Its log (-wal) included."""
        try:
            return Room(sum(_size(each) for each in self.files[:2]), self._left())
        except OSError as error:
            raise self.unavailable("read", error) from error

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

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Nobody else has the file open, or opens it meanwhile."""
        if not self.exists():
            yield
            return
        uri = f"{self.path.absolute().as_uri()}?mode=rw"
        with closing(sqlite3.connect(uri, uri=True, timeout=0, isolation_level=None)) as file:
            try:
                file.execute("PRAGMA locking_mode = EXCLUSIVE")
                # What is in its log goes into the file: the log of one is never that of another.
                file.execute("PRAGMA journal_mode = DELETE")
                file.execute("BEGIN EXCLUSIVE")
            except sqlite3.DatabaseError as error:
                if error.sqlite_errorcode in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                    raise in_use(self.name) from error
                # Nobody works with it, then: it is damaged.
            yield

    def _take_from(self, new: "SqliteStore") -> None:
        try:
            for beside in (*self.files[1:3], *new.files[1:]):
                beside.unlink(missing_ok=True)
            new.path.replace(self.path)
            folder = os.open(self.path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise self.unavailable("write", error) from error

    def _remove(self) -> None:
        for path in self.files:
            path.unlink(missing_ok=True)

    def _require_room(self) -> None:
        """A small write may find room within the files where the next signature finds none."""
        try:
            left = self._left()
        except OSError as error:
            raise sqlite3.OperationalError(str(error)) from error
        if left < _ROOM:
            raise sqlite3.OperationalError("the disk is full")

    def _left(self) -> int:
        """Octets, for who is not root."""
        disk = os.statvfs(self.path)
        return disk.f_bavail * disk.f_frsize

    def _read_root(self) -> Root:
        return root_of(self._connection().execute(READ_ROOT).fetchone())

    def _connection(self) -> sqlite3.Connection:
        self.database.connect(reuse_if_open=True)
        connection: sqlite3.Connection = self.database.connection()  # type: ignore[no-untyped-call]
        return connection


def _size(path: Path) -> int:
    """In octets; 0 for a file that is not there."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _where_sorts_go() -> dict[str, str]:
    """Long sorts are done in a temporary file, or fail where there is no place for one."""
    try:
        tempfile.gettempdir()
    except FileNotFoundError:
        return {"temp_store": "memory"}
    return {}

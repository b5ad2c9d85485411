"""What the services need of a store, whatever database it is: connections of its own for each
thread, one writer at a time, and one state within a read."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TypeVar

from peewee import Database, InterfaceError, OperationalError

from controlplane.errors import Refused
from controlplane.store.dialect import Dialect
from controlplane.store.tables import Installation

T = TypeVar("T")

_RETRY_AFTER = 1  # seconds


class Store(ABC):
    """Open it in the process that uses it: connections do not survive a fork.

    Every method that reaches the database is Refused 503 store_unavailable when that cannot be
    done: it is gone, full, or too slow.
    """

    name: str  # for people: no password in it
    dialect: Dialect
    database: Database

    @abstractmethod
    def exists(self) -> bool:
        """Whether there is anything that a new store would destroy."""

    @abstractmethod
    def prepare(self) -> AbstractContextManager[None]:
        """Around the making of a new store; leaves nothing behind if that fails."""

    @abstractmethod
    def _begin_read(self) -> AbstractContextManager[object]:
        """A transaction that sees one state."""

    @abstractmethod
    def _begin_write(self) -> AbstractContextManager[object]:
        """A durable transaction, alone among all processes and nodes."""

    @abstractmethod
    def _roll_back(self) -> None:
        """Ends a transaction that this thread's connection has open, if there is one."""

    def connect(self) -> Database:
        """The database with a connection of this thread."""
        try:
            self.database.connect(reuse_if_open=True)
        except Exception as error:
            raise self.unavailable(error) from error
        return self.database

    @contextmanager
    def read(self) -> Iterator[Database]:
        """Queries within see one state of the store."""
        with self._told(), self._begun(self._begin_read):
            yield self.database

    @contextmanager
    def write(self) -> Iterator[Database]:
        """A durable transaction, alone in all processes."""
        with self._told(), self._begun(self._begin_write):
            yield self.database

    @contextmanager
    def change(self) -> Iterator[Database]:
        """A write after which no process trusts what it remembers."""
        with self.write() as database:
            move_epoch(database)
            yield database

    def epoch(self) -> int:
        with self._told():
            return self._with_fresh_connection(lambda: read_epoch(self.connect()))

    def close_thread(self) -> None:
        """Closes this thread's connection, if it has one."""
        if not self.database.is_closed():
            self.database.close()

    def roll_back_thread(self) -> None:
        """Ends a transaction that this thread left open, if there is one."""
        if not self.database.is_closed():
            self._roll_back()

    @contextmanager
    def closing(self) -> Iterator[None]:
        """Closes this thread's connection at the end."""
        try:
            yield
        finally:
            self.close_thread()

    def unavailable(self, error: Exception) -> Refused:
        cause = error.__cause__ or error
        return Refused(
            "store_unavailable",
            f"The store {self.name} cannot be used: {str(cause).strip()}.",
            status=503,
            retry_after=_RETRY_AFTER,
        )

    @contextmanager
    def _told(self) -> Iterator[None]:
        """A broken connection is dropped; the next call makes another."""
        try:
            yield
        except (OperationalError, InterfaceError) as error:
            self._drop_thread()
            raise self.unavailable(error) from error

    @contextmanager
    def _begun(self, begin: Callable[[], AbstractContextManager[object]]) -> Iterator[None]:
        def enter() -> AbstractContextManager[object]:
            self.connect()
            transaction = begin()
            transaction.__enter__()
            return transaction

        transaction = self._with_fresh_connection(enter)
        try:
            yield
        except BaseException as error:
            if not transaction.__exit__(type(error), error, error.__traceback__):
                raise
        else:
            transaction.__exit__(None, None, None)

    def _with_fresh_connection(self, first: Callable[[], T]) -> T:
        """`first` is the first thing that is asked of a connection: one that broke while it was
        idle is replaced, and nobody notices."""
        had_one = not self.database.is_closed()
        try:
            return first()
        except (OperationalError, InterfaceError):
            if not had_one:
                raise
            self._drop_thread()
            return first()

    def _drop_thread(self) -> None:
        try:
            self.close_thread()
        except Exception:  # noqa: BLE001  # it is broken already
            self.database._state.reset()  # type: ignore[attr-defined]  # forgets it all the same


def move_epoch(database: Database) -> None:
    """Within a write: from its commit on no process trusts what it remembers."""
    Installation.update(epoch=Installation.epoch + 1).execute(database)


def read_epoch(database: Database) -> int:
    # Every request and every commit asks this; Peewee's query builder would cost most of it.
    cursor = database.execute_sql("SELECT epoch FROM installation")  # type: ignore[no-untyped-call]
    (epoch,) = cursor.fetchone()
    return int(epoch)

"""What the services need of a store, whatever database it is: one writer at a time, one state
within a read, and nothing that stays open between two transactions but what the store keeps."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from types import ModuleType

from peewee import Database, PeeweeException

from controlplane.domain.anchor import Place
from controlplane.domain.operation import Head
from controlplane.errors import Code, Refused
from controlplane.store.dialect import Dialect
from controlplane.store.election import Election
from controlplane.store.furthest import Furthest, Mark
from controlplane.store.outages import OUTAGES, Use
from controlplane.store.state import Overtaken, Root, State, read_root
from controlplane.store.tables import Installation
from controlplane.store.transaction import Transaction, Transactional, transaction_of

WAIT_SECONDS = 10.0
"""For the other writers, and for a connection; then Refused."""

_RETRY_AFTER = 1  # seconds
_TRIES = 16


@dataclass(frozen=True, slots=True)
class Room:
    """`taken`: octets of the store. `left`: on its disk; None where that is another's affair."""

    taken: int
    left: int | None


class StoreDatabase(Transactional, Database):
    """Base of both."""


class Store(ABC):
    """Use it in the process that made it: nothing that it keeps open survives a fork.

    Every method that reaches the database is Refused 503 store_unavailable when that cannot be
    done: it is gone, full, or too slow. Whether a write was committed is then not known if it was
    the commit that failed. What fails while a transaction is cleaned up is told to nobody: what
    came before it counts.
    """

    name: str  # for people: no password in it
    dialect: Dialect
    database: StoreDatabase
    driver: ModuleType  # a DB-API module
    says_outages = False  # in the server's log
    state: State | None = None
    """What is read is checked against it, and what is written proven; None: it is not."""
    furthest: Furthest | None = None
    """That any process of this server has seen; None: there is but this one."""

    @abstractmethod
    def exists(self) -> bool:
        """Whether there is anything that a new store would destroy."""

    @abstractmethod
    def check_place(self) -> None:
        """Refused unsupported_file_system where the store would be lost."""

    @abstractmethod
    def prepare(self) -> AbstractContextManager[None]:
        """Around the making of a new store; leaves nothing behind if that fails."""

    @abstractmethod
    def check_alone(self) -> None:
        """Refused store_in_use where a server runs on it, as far as can be seen from here."""

    @abstractmethod
    def replacing(self) -> AbstractContextManager[Database]:
        """A write into a new, empty store, which takes the place of whatever is there when it ends
        without a fault: all or nothing, durable. Refused store_in_use."""

    @abstractmethod
    def close(self) -> None:
        """Closes what it keeps open; raises nothing. Another use would open it again."""

    @abstractmethod
    def close_thread(self) -> None:
        """Closes what it keeps open for this thread alone, as before its end; raises nothing."""

    @abstractmethod
    def election(self) -> Election:
        """Among all processes that work on it, on every node."""

    @abstractmethod
    def place(self) -> Place:
        """Which one it is. Within a transaction."""

    @abstractmethod
    def lift_limits(self) -> None:
        """This write may take as long as it takes, once it has begun: of an upgrade of a long log,
        for instance."""

    @abstractmethod
    def room(self) -> Room:
        """Within a transaction."""

    @abstractmethod
    def _transaction(self, use: Use, wait: float) -> AbstractContextManager[Root | None]:
        """Reading: sees one state. Writing: durable, and alone among all processes and nodes,
        after `wait` seconds at most. With a state, the root that it begins with."""

    @abstractmethod
    def _require_room(self) -> None:
        """Raises the driver's OperationalError where there is hardly any on the disk."""

    @abstractmethod
    def _read_root(self) -> Root:
        """In one step."""

    @contextmanager
    def read(self) -> Iterator[Database]:
        """Queries within see one state of the store."""
        with self._told("read"):
            for _ in range(_TRIES):
                floor = self._seen()
                with self._transaction("read", WAIT_SECONDS) as root:
                    transaction = self._begun(root, floor)
                    if transaction is not None:
                        with self.database.within(transaction):
                            yield self.database
                        return
        raise unavailable("The state went on again and again while it was read.")

    @contextmanager
    def evidence(self) -> Iterator[Database]:
        """A read of what is on record, also where the head of the log was written to, or the log
        lost rows: then other objects are held against what this process knew last. So it is for
        what shows that, and for nothing that is decided."""
        with self._told("read"):
            floor = self._seen()
            with self._transaction("read", WAIT_SECONDS) as root:
                try:
                    transaction = self._begun(root, floor)
                except Refused as refused:
                    if refused.code not in (Code.STATE_ALTERED, Code.STORE_ROLLED_BACK):
                        raise
                    transaction = None
                if transaction is None and self.state is not None:
                    transaction = Transaction(self.database, self.state, *self.state.last())
                with self.database.within(transaction or Transaction(self.database)):
                    yield self.database

    @contextmanager
    def write(self, wait: float = WAIT_SECONDS) -> Iterator[Database]:
        """A durable transaction, alone in all processes. `wait`: seconds for others to end
        theirs."""
        with self._told("write"):
            floor = self._seen()
            with self._transaction("write", wait) as root:
                transaction = self._begun(root, floor, is_write=True)
                if transaction is None:
                    raise AssertionError("a writer is alone")
                with self.database.within(transaction):
                    yield self.database
                    transaction.finish()
            transaction.committed()
            self._seen()  # before anybody hears of it

    @contextmanager
    def change(self) -> Iterator[Database]:
        """A write after which no process trusts what it remembers."""
        with self.write() as database:
            move_epoch(database)
            yield database

    @contextmanager
    def trial(self, wait: float) -> Iterator[Database]:
        """A write as any other, except that it changes nothing; Refused also where a large one
        could not be made."""
        with self.write(wait) as database:
            self._require_room()
            Installation.update(epoch=Installation.epoch).execute(database)
            yield database

    def epoch(self) -> int:
        with self._told("read"):
            root = self._read_root()
        if self.state is None or self.state.knows(root):
            return root.epoch
        with self.read() as database:
            return read_epoch(database)

    @contextmanager
    def closing(self) -> Iterator[None]:
        try:
            yield
        finally:
            self.close()

    def unavailable(self, use: Use, error: Exception) -> Refused:
        cause = f"The store {self.name} cannot be used: {str(_root(error)).strip()}."
        self._tell(use, cause)
        return unavailable(cause)

    def _tell(self, use: Use, cause: str) -> None:
        if self.says_outages:
            OUTAGES.failed(use, cause)

    def _seen(self) -> Mark:
        seen = (0, 0) if self.state is None else self.state.seen
        return seen if self.furthest is None else self.furthest.tell(seen)

    def _begun(
        self, root: Root | None, floor: Mark, *, is_write: bool = False
    ) -> Transaction | None:
        """The transaction of this thread; None where the state went on before it could begin."""
        if self.state is None or root is None:
            return Transaction(self.database, is_write=is_write)
        try:
            total = self.state.enter(self.database, root, floor)
        except Overtaken:
            return None
        self._seen()
        return Transaction(self.database, self.state, root, total, is_write=is_write)

    @contextmanager
    def _told(self, use: Use) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            if isinstance(error, Refused) and error.code is Code.STORE_TOO_NEW:
                self._tell(use, str(error))
            if not self._is_outage(_root(error)):
                raise
            self.close_thread()
            raise self.unavailable(use, error) from error
        OUTAGES.worked(use)

    def _is_outage(self, error: Exception) -> bool:
        """A fault of the store, and not of what was asked of it."""
        driver = self.driver
        asked = (driver.DataError, driver.IntegrityError, driver.ProgrammingError)
        return isinstance(error, driver.Error) and not isinstance(error, asked)


def _root(error: Exception) -> Exception:
    """What the driver raised: Peewee keeps that in its own exceptions."""
    origin = getattr(error, "orig", None) if isinstance(error, PeeweeException) else None
    return _root(origin) if isinstance(origin, Exception) else error


def unavailable(cause: str) -> Refused:
    """Refused 503 in words that name no path, host or user; those are its cause."""
    return Refused(
        Code.STORE_UNAVAILABLE,
        "The store cannot be used right now; the server's log has more. Try again.",
        retry_after=_RETRY_AFTER,
        cause=cause,
    )


def move_epoch(database: Database) -> None:
    """Within a write: from its commit on no process trusts what it remembers."""
    transaction_of(database).move_epoch()


def read_head(database: Database) -> Head:
    """As `read_epoch`."""
    return transaction_of(database).root.head


def read_noted_head(database: Database) -> Head:
    """What stands there, proven or not."""
    return read_root(database).head


def in_use(name: str) -> Refused:
    return Refused(
        Code.STORE_IN_USE, f"A server runs on the store {name}: stop it, on every node, and again."
    )


def read_epoch(database: Database) -> int:
    """That this transaction began with, or moved to."""
    return transaction_of(database).root.epoch

"""Rows of calls to sign, many of them in one synced commit.

Threads hand in what they decided and wait. One thread of the process takes whatever waits, alone
in all processes; while it waited for that, more may have come, so it takes these as well.
"""

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Condition, Lock, Thread

from peewee import Database

from controlplane.audit.log import append
from controlplane.domain.operation import Entry, Operation
from controlplane.errors import Refused
from controlplane.store import grants, operations
from controlplane.store.database import Store, read_epoch

MOST_WAITING = 1024
_RETRY_AFTER = 1  # seconds


@dataclass(frozen=True, slots=True)
class Written:
    """The row is durable."""

    operation: Operation


@dataclass(frozen=True, slots=True)
class Overtaken:
    """No row: something that the decision rests on has changed. Decide again."""


@dataclass(frozen=True, slots=True)
class Bound:
    """No row: the actor's idempotency key is bound to this success."""

    operation: Operation


@dataclass(frozen=True, slots=True)
class Exhausted:
    """No row: the grant that the signature was to use up has no signing left. Decide again."""


Result = Written | Overtaken | Bound | Exhausted


class _Pending:
    """A row that waits, and its caller with it: for a lock, which is the quickest way to wait."""

    __slots__ = ("_done", "_outcome", "entry", "epoch", "key")

    def __init__(self, entry: Entry, epoch: int | None, key: tuple[str, str] | None) -> None:
        self.entry = entry
        self.epoch = epoch
        self.key = key
        self._outcome: Result | Refused | None = None
        self._done = Lock()
        self._done.acquire()

    def settle(self, outcome: Result | Refused) -> None:
        """Once."""
        self._outcome = outcome
        self._done.release()

    def wait(self) -> Result:
        """Raises the Refused that it was settled with."""
        self._done.acquire()
        if isinstance(self._outcome, Refused):
            raise self._outcome
        assert self._outcome is not None  # noqa: S101  # settled
        return self._outcome


class Writer:
    """One a process. Its thread starts with the first row, so that it survives no fork."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: deque[_Pending] = deque()
        self._changed = Condition()
        self._thread: Thread | None = None
        self._closed = False

    def write(self, entry: Entry, *, epoch: int | None, bind: bool) -> Result:
        """Returns when the row is durable, or is not to be.

        `epoch`: that the decision was made under; None where none can overtake it. `bind`: look
        whether the entry's idempotency key is bound already, and bind it if the entry succeeded.
        An entry with a grant uses up one signing of it.
        Refused 503 overloaded, store_unavailable.
        """
        key = None
        if bind and entry.actor is not None and entry.idempotency_key is not None:
            key = (entry.actor, entry.idempotency_key)
        pending = _Pending(entry, epoch, key)
        with self._changed:
            if self._closed or len(self._waiting) >= MOST_WAITING:
                raise Refused(
                    "overloaded",
                    "Too many calls are waiting for the audit log; try again.",
                    status=503,
                    retry_after=_RETRY_AFTER,
                )
            if self._thread is None:
                self._thread = Thread(target=self._run, name="audit-writer", daemon=True)
                self._thread.start()
            self._waiting.append(pending)
            self._changed.notify()
        return pending.wait()

    def close(self) -> None:
        """Returns when everything handed in is written; refuses what comes later."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while self._await_work():
            taken: list[_Pending] = []
            try:
                with self._store.write() as database:
                    taken = self._take_waiting()
                    results = _write(database, taken)
            except Exception as error:  # noqa: BLE001  # whatever it is, the callers must hear it
                for pending in taken or self._take_waiting():
                    pending.settle(_unavailable(error))
                continue
            for pending, result in zip(taken, results, strict=True):
                pending.settle(result)
        self._store.close_thread()

    def _await_work(self) -> bool:
        with self._changed:
            while not self._waiting and not self._closed:
                self._changed.wait()
            return bool(self._waiting)

    def _take_waiting(self) -> list[_Pending]:
        with self._changed:
            taken = list(self._waiting)
            self._waiting.clear()
            return taken


def _write(database: Database, taken: Sequence[_Pending]) -> list[Result]:
    """One result for each, in order. Of two equal keys in one batch the second is Overtaken: it
    finds the first one's row when it comes again."""
    epoch = read_epoch(database)
    bound = operations.find_succeeded(database, [each.key for each in taken if each.key])
    named = {each.entry.grant_id for each in taken if each.entry.grant_id is not None}
    rooms = grants.read_rooms(database, named)
    results: list[Result | None] = []
    entries: list[Entry] = []
    binding: set[tuple[str, str]] = set()
    used: Counter[str] = Counter()
    for pending in taken:
        grant_id = pending.entry.grant_id
        if pending.epoch is not None and pending.epoch != epoch:
            results.append(Overtaken())
        elif pending.key in bound:
            results.append(Bound(bound[pending.key]))
        elif pending.key in binding:
            results.append(Overtaken())
        elif grant_id is not None and used[grant_id] == rooms[grant_id]:
            results.append(Exhausted())
        else:
            if pending.key is not None and pending.entry.signature is not None:
                binding.add(pending.key)
            if grant_id is not None:
                used[grant_id] += 1
            entries.append(pending.entry)
            results.append(None)
    grants.use_up(database, used)
    written = iter(append(database, entries))
    return [Written(next(written)) if result is None else result for result in results]


def _unavailable(error: Exception) -> Refused:
    """Whether the batch was committed may not be known; what was signed is not released."""
    cause = error.title if isinstance(error, Refused) else str(error)
    refused = Refused(
        "store_unavailable",
        f"The audit log cannot be written, so no signature is released: {cause}",
        status=503,
        retry_after=_RETRY_AFTER,
    )
    refused.__cause__ = error
    return refused

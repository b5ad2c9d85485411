"""Rows of calls to sign, many of them in one synced commit.

Callers hand in what they decided. One thread of the process takes whatever waits, alone in all
processes; while it waited for that, more may have come, so it takes these as well.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Lock, Thread

import structlog
from peewee import Database

from controlplane.audit.log import append_after
from controlplane.domain.operation import Entry, Operation
from controlplane.errors import Code, Refused
from controlplane.store import grants, operations
from controlplane.store.database import Store

MOST_WAITING = 1024
MOST_IN_A_BATCH = 256
_RETRY_AFTER = 1  # seconds
_log = structlog.get_logger()


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
Done = Callable[[Result | Refused], None]
"""Told once what became of a row; Refused 503 store_unavailable, 500 row_unwritable."""
Settled = Sequence[tuple[Done, Result | Refused]]


@dataclass(frozen=True, slots=True)
class Row:
    """A row to be written.

    `epoch`: that the decision was made under; None where none can overtake it. `bind`: look
    whether the entry's idempotency key is bound already, and bind it if the entry succeeded.
    An entry with a grant uses up one signing of it.
    """

    entry: Entry
    epoch: int | None
    bind: bool

    @property
    def key(self) -> tuple[str, str] | None:
        """What is looked up and bound: actor and idempotency key."""
        actor, key = self.entry.actor, self.entry.idempotency_key
        return (actor, key) if self.bind and actor is not None and key is not None else None


def settle(settled: Settled) -> None:
    for done, outcome in settled:
        done(outcome)


class Writer:
    """One a process. Its thread starts with the first row, so that it survives no fork."""

    def __init__(self, store: Store, deliver: Callable[[Settled], None] = settle) -> None:
        """`deliver` is called by the writer's thread, once a batch; it sees to it that each is
        told its outcome (`settle`)."""
        self._store = store
        self._deliver = deliver
        self._waiting: SimpleQueue[tuple[Row, Done] | None] = SimpleQueue()
        self._lock = Lock()
        self._thread: Thread | None = None
        self._closed = False

    def hand_in(self, row: Row, done: Done) -> None:
        """Returns at once. Refused 503 overloaded."""
        if self._closed or self._waiting.qsize() >= MOST_WAITING:
            raise _overloaded()
        if self._thread is None:
            self._start()
        self._waiting.put((row, done))

    def write(self, row: Row) -> Result:
        """Returns when the row is durable, or is not to be. Refused 503 overloaded, and as
        `Done`."""
        outcome: list[Result | Refused] = []
        written = Lock()
        written.acquire()

        def done(told: Result | Refused) -> None:
            outcome.append(told)
            written.release()

        self.hand_in(row, done)
        written.acquire()
        (told,) = outcome
        if isinstance(told, Refused):
            raise told
        return told

    def close(self) -> None:
        """Returns when everything handed in is written; refuses what comes later."""
        self._closed = True
        with self._lock:
            thread = self._thread
        if thread is not None:
            self._waiting.put(None)
            thread.join()
            late: list[tuple[Row, Done]] = []
            self._take_waiting(late)
            settle([(done, _overloaded()) for _, done in late])

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = Thread(target=self._run, name="audit-writer", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        is_last = False
        while not is_last:
            first = self._waiting.get()
            if first is None:
                break
            batch = [first]
            try:
                with self._store.write() as database:
                    is_last = self._take_waiting(batch)
                    results: Sequence[Result | Refused] = write_rows(
                        database, [row for row, _ in batch]
                    )
            except Refused as unavailable:
                results = [unavailable] * len(batch)
            except Exception:  # noqa: BLE001  # whatever it is, the callers must hear it
                results = self._write_one_by_one([row for row, _ in batch])
            told = [done for _, done in batch]
            self._deliver(list(zip(told, results, strict=True)))
        self._store.close_thread()

    def _take_waiting(self, batch: list[tuple[Row, Done]]) -> bool:
        """True: nothing comes after these."""
        while len(batch) < MOST_IN_A_BATCH:
            try:
                following = self._waiting.get_nowait()
            except Empty:
                return False
            if following is None:
                return True
            batch.append(following)
        return False

    def _write_one_by_one(self, rows: Sequence[Row]) -> list[Result | Refused]:
        """A batch that the store refused, and that was rolled back: the row that is at fault alone
        fails."""
        results: list[Result | Refused] = []
        for row in rows:
            try:
                with self._store.write() as database:
                    results += write_rows(database, [row])
            except Refused as unavailable:
                results.append(unavailable)
            except Exception:  # noqa: BLE001  # the same
                _log.exception("row_unwritable", operation_id=row.entry.id)
                title = "This call cannot be recorded, so no signature is released."
                results.append(Refused(Code.ROW_UNWRITABLE, title))
        return results


def write_rows(database: Database, taken: Sequence[Row]) -> list[Result]:
    """Within a write. One result for each, in order. Of two equal keys in one batch the second is
    Overtaken: it finds the first one's row when it comes again."""
    standing = operations.read_standing(database, [each.key for each in taken if each.key])
    bound = standing.bound
    named = {each.entry.grant_id for each in taken if each.entry.grant_id is not None}
    rooms = grants.read_rooms(database, named)
    results: list[Result | None] = []
    entries: list[Entry] = []
    binding: set[tuple[str, str]] = set()
    used: Counter[str] = Counter()
    for pending in taken:
        grant_id = pending.entry.grant_id
        if pending.epoch is not None and pending.epoch != standing.epoch:
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
    written = iter(append_after(standing.head, database, entries))
    return [Written(next(written)) if result is None else result for result in results]


def _overloaded() -> Refused:
    return Refused(
        Code.OVERLOADED,
        "Too many calls are waiting for the audit log; try again.",
        retry_after=_RETRY_AFTER,
    )

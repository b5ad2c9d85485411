"""Rows, many of them in one synced commit.

Callers hand in what they want recorded. One thread of the process takes whatever waits, alone in
all processes; while it waited for that, more may have come, so it takes these as well. What is
written of them, and what becomes of each, is not for the writer to decide.
"""

from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Any, Generic, Protocol, TypeVar

import structlog
from peewee import Database

from controlplane.domain.operation import Entry
from controlplane.errors import Code, Refused
from controlplane.store.database import Store

MOST_WAITING = 1024
MOST_IN_A_BATCH = 256
_RETRY_AFTER = 1  # seconds
_log = structlog.get_logger()


class HasEntry(Protocol):
    @property
    def entry(self) -> Entry: ...


R = TypeVar("R", bound=HasEntry)
T = TypeVar("T")

WriteRows = Callable[[Database, Sequence[R]], Sequence[T]]
"""Within a write: appends those that are to stand; what became of each, in order."""
Done = Callable[[T | Refused], None]
"""Told once what became of a row; Refused 503 store_unavailable, 500 row_unwritable."""
Settled = Sequence[tuple[Done[T], T | Refused]]


def settle(settled: Settled[Any]) -> None:
    for done, outcome in settled:
        done(outcome)


class Writer(Generic[R, T]):
    """One a process. Its thread starts with the first row, so that it survives no fork."""

    def __init__(
        self,
        store: Store,
        write_rows: WriteRows[R, T],
        deliver: Callable[[Settled[T]], None] = settle,
    ) -> None:
        """`deliver` is called by the writer's thread, once a batch; it sees to it that each is
        told its outcome (`settle`)."""
        self._store = store
        self._write_rows = write_rows
        self._deliver = deliver
        self._waiting: SimpleQueue[tuple[R, Done[T]] | None] = SimpleQueue()
        self._lock = Lock()
        self._thread: Thread | None = None
        self._closed = False

    def hand_in(self, row: R, done: Done[T]) -> None:
        """Returns at once. Refused 503 overloaded."""
        if self._closed or self._waiting.qsize() >= MOST_WAITING:
            raise _overloaded()
        if self._thread is None:
            self._start()
        self._waiting.put((row, done))

    def write(self, row: R) -> T:
        """Returns when the row is durable, or is not to be. Refused 503 overloaded, and as
        `Done`."""
        outcome: list[T | Refused] = []
        written = Lock()
        written.acquire()

        def done(told: T | Refused) -> None:
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
            late: list[tuple[R, Done[T]]] = []
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
                    results: Sequence[T | Refused] = self._write_rows(
                        database, [row for row, _ in batch]
                    )
            except Refused as unavailable:
                results = [unavailable] * len(batch)
            except Exception:  # noqa: BLE001  # whatever it is, the callers must hear it
                results = self._write_one_by_one([row for row, _ in batch])
            told = [done for _, done in batch]
            self._deliver(list(zip(told, results, strict=True)))
        self._store.close_thread()

    def _take_waiting(self, batch: list[tuple[R, Done[T]]]) -> bool:
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

    def _write_one_by_one(self, rows: Sequence[R]) -> list[T | Refused]:
        """A batch that the store refused, and that was rolled back: the row that is at fault alone
        fails."""
        results: list[T | Refused] = []
        for row in rows:
            try:
                with self._store.write() as database:
                    results += self._write_rows(database, [row])
            except Refused as unavailable:
                results.append(unavailable)
            except Exception:  # noqa: BLE001  # the same
                _log.exception("row_unwritable", operation_id=row.entry.id)
                title = "This call cannot be recorded, so no signature is released."
                results.append(Refused(Code.ROW_UNWRITABLE, title))
        return results


def _overloaded() -> Refused:
    return Refused(
        Code.OVERLOADED,
        "Too many calls are waiting for the audit log; try again.",
        retry_after=_RETRY_AFTER,
    )

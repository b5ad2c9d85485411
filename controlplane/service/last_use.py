"""When and from where each API key was used last, by the day.

For people who look which keys nobody needs: no decision rests on it, and no call waits for it. Each
process notes an address of a key once a day, and writes what it noted together, soon after.
"""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from threading import Event, Lock, Thread

import structlog

from controlplane.domain.instant import Clock
from controlplane.domain.model import Caller, LastUse
from controlplane.errors import Refused
from controlplane.store import identities
from controlplane.store.database import Store

MOST_ADDRESSES = 16  # of a key that a process notes in a day: callers may have any number of them
_GATHER_SECONDS = 1.0
_AGAIN_SECONDS = 60.0  # after a write that failed
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Day:
    """`seen`: addresses by the id of the key."""

    on: date
    ends: datetime
    seen: dict[str, set[str | None]] = field(default_factory=dict)


class LastUses:
    """One a process. Its thread starts with the first use, so that it survives no fork."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._lock = Lock()
        self._day = _Day(date.min, datetime.min.replace(tzinfo=UTC))
        self._noted: dict[str, LastUse] = {}  # not written yet
        self._any_noted = Event()
        self._closing = Event()
        self._thread: Thread | None = None

    def note(self, caller: Caller, address: str | None) -> None:
        """This key was used now. Returns at once. `address` None: not known."""
        key, now, day = caller.api_key_id, self._clock(), self._day
        if now < day.ends and address in day.seen.get(key, ()):
            return
        with self._lock:
            if now >= self._day.ends:
                midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
                self._day = _Day(now.date(), midnight + timedelta(days=1))
            seen = self._day.seen.setdefault(key, set())
            if len(seen) >= MOST_ADDRESSES:
                return
            seen.add(address)
            self._noted[key] = LastUse(self._day.on, address)
            self._any_noted.set()
            if self._thread is None and not self._closing.is_set():
                self._thread = Thread(target=self._run, name="last-uses", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """Returns when what was noted is written, or could not be."""
        with self._lock:
            self._closing.set()
            thread = self._thread
        if thread is not None:
            self._any_noted.set()
            thread.join()

    def _run(self) -> None:
        pause = _GATHER_SECONDS
        while self._any_noted.wait() and not self._closing.wait(pause):
            pause = _GATHER_SECONDS if self._write() else _AGAIN_SECONDS
        if pause == _GATHER_SECONDS:
            self._write()
        self._store.close_thread()

    def _write(self) -> bool:
        """False: it could not be done; what was noted is kept."""
        with self._lock:
            noted, self._noted = self._noted, {}
            self._any_noted.clear()
        if not noted:
            return True
        try:
            with self._store.write() as database:
                identities.note_uses(database, noted)
        except Exception as fault:  # noqa: BLE001  # whatever it is, callers must not hear it
            if not isinstance(fault, Refused):  # of which the store has told
                _log.exception("last_uses_unwritable")
            with self._lock:
                self._noted = noted | self._noted
                self._any_noted.set()
            return False
        return True

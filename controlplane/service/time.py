"""The time that decisions are judged by, which does not run backwards: what ended stays ended."""

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import structlog

from controlplane.domain.clock import NOTICED, TRUSTED, AcceptedClock, least_time
from controlplane.domain.instant import Clock
from controlplane.errors import Altered, Code, Refused
from controlplane.store import accepted_clock
from controlplane.store.database import Store

_TELL_AGAIN_SECONDS = 60.0
_RETRY_AFTER = 60  # seconds
_NEVER = datetime.min.replace(tzinfo=UTC)
_log = structlog.get_logger()


class Time:
    """Of one process. The clock, or the time of the log's last row where the clock stands behind
    that: so nothing is judged by a time at which what is on record had not happened yet."""

    def __init__(
        self, store: Store, clock: Clock, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """`clock`: of the machine. Looks into the store."""
        self._store = store
        self._clock = clock
        self._monotonic = monotonic
        self._told: float | None = None
        self.accepted: AcceptedClock | None = None
        self.look()

    def look(self) -> None:
        """Whether a clock was accepted meanwhile. Outside a transaction. Refused
        store_unavailable."""
        accepted = None
        with suppress(Altered), self._store.read() as database:  # of which the log has heard
            accepted = accepted_clock.read(database)
        self.accepted = accepted

    def __call__(self) -> datetime:
        """The log hears, once a minute, of a clock that is far behind."""
        now, least = self._clock(), self._least()
        if now >= least:
            return now
        if least - now > NOTICED:
            self._tell(least - now)
        return least

    def behind(self) -> timedelta:
        """How far the clock stands behind the last row, unless that was accepted."""
        return max(self._least() - self._clock(), timedelta())

    def check(self) -> None:
        """For what gives somebody something, now or later. Refused 503 clock_behind: while the
        clock is so far behind, nobody knows what has ended since."""
        behind = self.behind()
        if behind > TRUSTED:
            self._tell(behind)
            raise Refused(
                Code.CLOCK_BEHIND,
                f"The server's clock stands {round(behind.total_seconds())} s behind the last row "
                "of the audit log: nothing is signed or allowed until it is set right. If it was "
                "ahead before and is right now, an admin says so: sealwright recovery accept-clock",
                retry_after=_RETRY_AFTER,
            )

    def _least(self) -> datetime:
        state = self._store.state
        last = None if state is None else state.last_row_at
        return least_time(last, self.accepted) or _NEVER

    def _tell(self, behind: timedelta) -> None:
        now = self._monotonic()
        if self._told is None or now >= self._told + _TELL_AGAIN_SECONDS:
            self._told = now
            _log.warning("clock_behind", seconds=round(behind.total_seconds(), 1))

"""Background work: one process of all that work on a store does it, elected by a lock of the store;
when it dies, another takes over."""

from collections.abc import Sequence
from threading import Event, Thread

import structlog

from controlplane.background.job import Job
from controlplane.background.term import Term
from controlplane.domain.job import Observer
from controlplane.errors import Refused
from controlplane.service.jobs import Jobs

_SECONDS = 1.0  # between two looks at the election
_LEAVE_SECONDS = 5.0  # for runs under way when the process ends
_log = structlog.get_logger()


class Background:
    """A thread of each process, which is elected or waits to be."""

    def __init__(self, wanted: Sequence[Job], jobs: Jobs, observer: Observer) -> None:
        self._wanted = wanted
        self._jobs = jobs
        self._observer = observer
        self._election = jobs.election()
        self._term: Term | None = None
        self._stop = Event()
        self._thread = Thread(target=self._run, name="background", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Returns when runs under way have ended, or take too long: they are at least once."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._look()
            except Exception as fault:  # noqa: BLE001  # whatever it is, it is tried again
                if not isinstance(fault, Refused):  # of which the store has told
                    _log.exception("election_failed")
            self._stop.wait(_SECONDS)
        if self._term is not None:
            self._term.end()
            self._term.wait(_LEAVE_SECONDS)
        self._election.close()
        self._jobs.leave()

    def _look(self) -> None:
        """One term ends before another begins, so that no job runs twice at once here."""
        if self._term is None:
            if self._election.wins():
                self._begin()
        elif not self._election.holds() or self._jobs.are_anothers():
            self._term.end()
            if self._term.has_ended():
                self._election.close()
                _log.warning("election_lost")
                self._term = None

    def _begin(self) -> None:
        try:
            self._term = Term(self._wanted, self._jobs, self._observer)
        except BaseException:
            self._election.close()
            raise
        _log.info("elected", jobs=len(self._wanted))

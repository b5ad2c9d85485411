"""Runs one job, again and again, as long as this process is the elected one."""

import random
import time
from dataclasses import replace
from datetime import timedelta
from threading import Event

import structlog

from controlplane.background import pause
from controlplane.background.job import Job
from controlplane.domain.job import JobRecord, Observer
from controlplane.domain.text import shorten, storable
from controlplane.errors import Refused
from controlplane.service.jobs import Jobs

TELL_SECONDS = 30.0
"""What is on record of a job that goes well is as old as that at most."""
_LONGEST = 500  # characters of a failure
_KEEPS_CONNECTION = timedelta(seconds=5)  # to the store, which takes memory, between two runs
_log = structlog.get_logger()


class Runner:
    def __init__(self, job: Job, record: JobRecord, jobs: Jobs, observer: Observer) -> None:
        """`record`: where it goes on from; `next_at` of it says when it is due."""
        self._job = job
        self._record = record
        self._jobs = jobs
        self._observer = observer
        self._due = time.monotonic() + (record.next_at - jobs.now()).total_seconds()
        self._tell_at = 0.0

    def run(self, over: Event) -> None:
        """Returns when it is over, after the run that is under way."""
        while not over.wait(max(0.0, self._due - time.monotonic())):
            self._run_once()
            if self._job.every > _KEEPS_CONNECTION:
                self._jobs.leave()
        self._jobs.leave()

    def _run_once(self) -> None:
        began = time.monotonic()
        failure = self._try()
        ended, at = time.monotonic(), self._jobs.now()
        record = replace(self._record, ran_at=at)
        wait = self._job.every
        if failure is None:
            record = replace(record, succeeded_at=at, failures=0)
        else:
            record = replace(record, failures=record.failures + 1, failed_at=at, failure=failure)
            wait = pause.back_off(record.failures, random.random())  # noqa: S311  # no secret
            self._log_failure(failure, record.failures, wait)
        self._observer.observe_run(
            self._job.name,
            failed=failure is not None,
            seconds=ended - began,
            late=max(0.0, began - self._due),
        )
        self._due = ended + wait.total_seconds()
        self._note(replace(record, next_at=at + wait))

    def _try(self) -> str | None:
        """How it failed."""
        try:
            self._job.run()
        except (Refused, OSError) as fault:
            words = getattr(fault, "cause", None) or str(fault)
            return shorten(storable(words), _LONGEST)
        except Exception as fault:  # noqa: BLE001  # whatever it is, it is tried again
            _log.exception("job_fault", job=self._job.name)
            return f"It failed unexpectedly ({type(fault).__name__}); the server's log has more."
        return None

    def _log_failure(self, failure: str, failures: int, wait: timedelta) -> None:
        _log.error(
            "job_failed",
            job=self._job.name,
            cause=failure,
            failures=failures,
            again_in_seconds=round(wait.total_seconds(), 1),
        )

    def _note(self, record: JobRecord) -> None:
        """Each failure, and the end of them, at once."""
        before, self._record = self._record, record
        is_news = record.failures != before.failures
        if not is_news and time.monotonic() < self._tell_at:
            return
        try:
            self._jobs.note(record)
        except Exception as fault:  # noqa: BLE001  # the job itself went on
            self._tell_at = 0.0
            if not isinstance(fault, Refused):  # of which the store has told
                _log.exception("job_not_noted", job=self._job.name)
        else:
            self._tell_at = time.monotonic() + TELL_SECONDS

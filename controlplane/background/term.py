"""The time for which this process is the elected one."""

import os
import socket
import time
from collections.abc import Sequence
from datetime import datetime
from threading import Event, Thread

from controlplane.background import pause
from controlplane.background.job import Job
from controlplane.background.runner import Runner
from controlplane.domain.job import JobRecord, Observer
from controlplane.domain.text import storable
from controlplane.service.jobs import Jobs


class Term:
    """A thread for each job: one that waits for others keeps no other from running."""

    def __init__(self, wanted: Sequence[Job], jobs: Jobs, observer: Observer) -> None:
        """Refused store_unavailable; then nothing has begun."""
        before = {each.name: each for each in jobs.on_record()}
        records = [_taken_over(each, before.get(each.name), jobs.now()) for each in wanted]
        jobs.take_over(records)
        self._over = Event()
        self._threads = [
            Thread(
                target=Runner(job, record, jobs, observer).run,
                args=(self._over,),
                name=f"job-{job.name}",
                daemon=True,
            )
            for job, record in zip(wanted, records, strict=True)
        ]
        for each in self._threads:
            each.start()

    def end(self) -> None:
        """No run begins any more."""
        self._over.set()

    def has_ended(self) -> bool:
        return not any(each.is_alive() for each in self._threads)

    def wait(self, seconds: float) -> None:
        """For its end, so long at most."""
        end = time.monotonic() + seconds
        for each in self._threads:
            each.join(max(0.0, end - time.monotonic()))


def _taken_over(job: Job, before: JobRecord | None, now: datetime) -> JobRecord:
    """Due at once, but for one that failed: however often it is taken over, it is not tried more
    often. What is on record may be anything: it delays nothing by more than `pause.MOST`."""
    due = now
    if before is not None and before.failures and before.failed_at is not None:
        again = before.failed_at + pause.back_off(before.failures, 1.0)
        due = max(now, min(again, now + pause.MOST))
    return JobRecord(
        name=job.name,
        does=job.does,
        every_seconds=round(job.every.total_seconds()),
        next_at=due,
        node=storable(socket.gethostname()),
        process=os.getpid(),
        ran_at=None if before is None else before.ran_at,
        succeeded_at=None if before is None else before.succeeded_at,
        failures=0 if before is None else before.failures,
        failed_at=None if before is None else before.failed_at,
        failure=None if before is None else before.failure,
    )

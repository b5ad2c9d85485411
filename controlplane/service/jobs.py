"""What runs in the background: told by the elected process, read by who reads everything."""

from collections.abc import Collection
from datetime import datetime

from controlplane.domain import permissions
from controlplane.domain.instant import Clock
from controlplane.domain.job import JobRecord
from controlplane.domain.model import Caller
from controlplane.domain.page import Page, PageRequest
from controlplane.errors import Code, Refused
from controlplane.service import cursor
from controlplane.store import jobs as rows
from controlplane.store.database import Store
from controlplane.store.election import Election


class Jobs:
    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def now(self) -> datetime:
        return self._clock()

    def list(self, caller: Caller, page: PageRequest) -> Page[JobRecord]:
        """By name. Refused 403 reader_required."""
        permissions.require_reader(caller.identity, "read what runs in the background")
        after = cursor.read_text(page, "")
        found = [each for each in self.on_record() if each.name > after]
        return cursor.cut(found[: page.limit + 1], page, lambda job: job.name)

    def on_record(self) -> tuple[JobRecord, ...]:
        with self._store.read() as database:
            return tuple(rows.list_all(database))

    def election(self) -> Election:
        """Of the process that runs them."""
        return self._store.election()

    def are_anothers(self) -> bool:
        """Whether a later version of the server has brought the store up to date."""
        try:
            self._store.epoch()
        except Refused as refused:
            return refused.code is Code.STORE_TOO_NEW
        return False

    def take_over(self, jobs: Collection[JobRecord]) -> None:
        """These there are from now on, and no others."""
        with self._store.write() as database:
            rows.keep_only(database, [each.name for each in jobs])
            rows.put(database, jobs)

    def note(self, job: JobRecord) -> None:
        with self._store.write() as database:
            rows.put(database, [job])

    def leave(self) -> None:
        """Before a thread ends that used these."""
        self._store.close_thread()

"""What is to be watched of a store: how large it is, what waits in it, and what is late."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from controlplane.domain.instant import Clock
from controlplane.domain.job import JobRecord
from controlplane.domain.operation import Head
from controlplane.errors import Altered
from controlplane.service.authority import Authority
from controlplane.service.published_log import PublishedLog
from controlplane.store import jobs, witnesses
from controlplane.store.ballots import Pending
from controlplane.store.database import Room, Store, read_head
from controlplane.store.proposals import PROPOSALS
from controlplane.store.requests import REQUESTS


@dataclass(frozen=True, slots=True)
class Found:
    """`at` one moment. `checkpoint`: rows of the published one, and when it was published; None:
    there is none. `authority_ends`: the first of the built-in CA's certificates; None: they were
    altered, which the log has heard.
    `failing_witnesses`: those with which the last try failed."""

    at: datetime
    room: Room
    head: Head
    requests: Pending
    proposals: Pending
    checkpoint: tuple[int, datetime] | None
    authority_ends: datetime | None
    failing_witnesses: int
    jobs: tuple[JobRecord, ...]


class Figures:
    def __init__(
        self, store: Store, authority: Authority, published: PublishedLog, clock: Clock
    ) -> None:
        self._store = store
        self._authority = authority
        self._published = published
        self._clock = clock

    def read(self) -> Found:
        """By indexes: it takes no longer for a long log. Refused store_unavailable, state_altered,
        store_rolled_back, store_too_new."""
        now = self._clock()
        authority_ends = None
        with suppress(Altered):
            authority_ends = self._authority.usable_until()
        with self._store.read() as database:
            standings = witnesses.standings(database).values()
            return Found(
                at=now,
                room=self._store.room(),
                head=read_head(database),
                requests=REQUESTS.count_pending(database, now),
                proposals=PROPOSALS.count_pending(database, now),
                checkpoint=self._published.last(database),
                authority_ends=authority_ends,
                failing_witnesses=sum(each.failure is not None for each in standings),
                jobs=tuple(jobs.list_all(database)),
            )

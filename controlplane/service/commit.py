"""What becomes of calls to sign that were decided: each leaves its row if what it rests on still
stands, if its idempotency key is free, and if its grant has a signing left."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from peewee import Database

from controlplane.audit import writer
from controlplane.audit.log import append
from controlplane.domain.clock import NOTICED, AcceptedClock, least_time
from controlplane.domain.model import Grant
from controlplane.domain.operation import Entry, Operation
from controlplane.domain.tree import Growth
from controlplane.store import grants, operations
from controlplane.store.database import read_epoch, read_head
from controlplane.store.grants import ALTERED
from controlplane.store.transaction import transaction_of


@dataclass(frozen=True, slots=True)
class Written:
    """The row is durable once the write it was made in is. `growth`: what its batch made of the
    log's tree."""

    operation: Operation
    growth: Growth | None


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


@dataclass(frozen=True, slots=True)
class Altered:
    """No row: what the store says of this grant is not what the server wrote."""

    grant_id: str


Result = Written | Overtaken | Bound | Exhausted | Altered


@dataclass(frozen=True, slots=True)
class Row:
    """A row to be written.

    `epoch`: that the decision was made under; None where none can overtake it. `bind`: look
    whether the entry's idempotency key is bound already, and bind it if the entry succeeded.
    `grant`: that the entry names, of which it uses up one signing. `accepted`: the clock by whose
    acceptance it was judged, under this epoch.
    """

    entry: Entry
    epoch: int | None
    bind: bool
    grant: Grant | None = None
    accepted: AcceptedClock | None = None

    @property
    def key(self) -> tuple[str, str] | None:
        """What is looked up and bound: actor and idempotency key."""
        actor, key = self.entry.actor, self.entry.idempotency_key
        return (actor, key) if self.bind and actor is not None and key is not None else None


Done = writer.Done[Result]
Settled = writer.Settled[Result]
Writer = writer.Writer[Row, Result]


def write_rows(database: Database, taken: Sequence[Row]) -> list[Result]:
    """Within a write. One result for each, in order. Of two equal keys in one batch the second is
    Overtaken: it finds the first one's row when it comes again."""
    bound = operations.find_bound(database, [each.key for each in taken if each.key])
    epoch, latest = read_epoch(database), read_head(database).at
    rooms = grants.read_rooms(database, {each.grant.id: each.grant for each in taken if each.grant})
    results: list[Result | None] = []
    entries: list[Entry] = []
    binding: set[tuple[str, str]] = set()
    used: Counter[str] = Counter()
    for pending in taken:
        grant_id = None if pending.grant is None else pending.grant.id
        can_be_overtaken = pending.epoch is not None
        if can_be_overtaken and (pending.epoch != epoch or _is_too_early(pending, latest)):
            results.append(Overtaken())
        elif pending.key in bound:
            results.append(Bound(bound[pending.key]))
        elif pending.key in binding:
            results.append(Overtaken())
        elif grant_id is not None and rooms[grant_id] is ALTERED:
            results.append(Altered(grant_id))
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
    growth = transaction_of(database).growth
    return [Written(next(written), growth) if result is None else result for result in results]


def _is_too_early(row: Row, latest: datetime | None) -> bool:
    """It was judged by a clock that is behind, before this process knew of the last row."""
    least = least_time(latest, row.accepted)
    return least is not None and row.entry.created_at + NOTICED < least

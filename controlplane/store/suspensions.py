"""What is suspended stands in the rows themselves, so that whoever reads one sees it.

A table of its own would say the same until somebody deleted a row of it.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import Any

from peewee import Database

from controlplane.domain.instant import from_text, to_text
from controlplane.domain.model import Verdict
from controlplane.domain.suspension import Suspension, SuspensionKind
from controlplane.store import rows
from controlplane.store.batches import batches
from controlplane.store.grants import is_open
from controlplane.store.proposals import PROPOSALS
from controlplane.store.requests import REQUESTS
from controlplane.store.state import altered
from controlplane.store.tables import ApiKeyRow, GrantRow, IdentityRow
from controlplane.store.transaction import transaction_of

_BALLOTS = (REQUESTS, PROPOSALS)


def suspend(
    database: Database, kept: Collection[str], now: datetime
) -> Iterator[Mapping[SuspensionKind, int]]:
    """Every API key that works but those of these ids, every open grant, and every approval that
    counts on something pending. In parts, of each how many of a kind: a row is to list each, before
    the next is asked for. Within a write."""
    wanted = [each for each in _find(database, now, suspended=False) if each.id not in kept]
    for some in list(batches(wanted)) or [[]]:
        _mark(database, some, to_text(now))
        yield {kind: sum(each.kind is kind for each in some) for kind in SuspensionKind}


def find_all(database: Database, now: datetime) -> list[Suspension]:
    """In order of their positions: those that would count if they were confirmed."""
    return _find(database, now, suspended=True)


def confirm(database: Database, confirmed: Sequence[Suspension]) -> None:
    """They count again. Within a write."""
    _mark(database, confirmed, None)


def _find(database: Database, now: datetime, *, suspended: bool) -> list[Suspension]:
    """What could count now."""
    found = chain(
        _keys(database, now, suspended),
        _grants(database, now, suspended),
        *(_approvals(database, ballots, now, suspended) for ballots in _BALLOTS),
    )
    return sorted(found, key=lambda each: each.position)


def _keys(database: Database, now: datetime, suspended: bool) -> Iterator[Suspension]:
    not_ended = ApiKeyRow.expires_at.is_null() | (ApiKeyRow.expires_at > to_text(now))
    open_ = ApiKeyRow.revoked_at.is_null() & not_ended
    open_ &= ApiKeyRow.suspended_at.is_null(not suspended)
    holders = IdentityRow.select()
    names = {row.id: row.name for row in rows.select_sound(database, holders)}
    for row in _look(database, ApiKeyRow, open_, suspended):
        if row.identity_id in names:
            at = _since(row, now)
            name = names[row.identity_id]
            yield Suspension(SuspensionKind.API_KEY, row.id, name, None, at)


def _grants(database: Database, now: datetime, suspended: bool) -> Iterator[Suspension]:
    open_ = is_open(now) & GrantRow.suspended_at.is_null(not suspended)
    for row in _look(database, GrantRow, open_, suspended):
        at = _since(row, now)
        yield Suspension(SuspensionKind.GRANT, row.id, row.grantee, row.signer, at)


def _approvals(
    database: Database, ballots: Any, now: datetime, suspended: bool
) -> Iterator[Suspension]:
    pending = _look(database, ballots.table, ballots.is_pending(now), suspended)
    signers = {row.id: row.signer for row in pending}
    decisions = ballots.decisions
    counting = (
        _reference(ballots).in_(list(signers))
        & (decisions.verdict == Verdict.APPROVED.value)
        & decisions.withdrawn_at.is_null()
        & decisions.suspended_at.is_null(not suspended)
    )
    for row in _look(database, decisions, counting, suspended):
        ballot = getattr(row, ballots.reference)
        if ballot in signers:
            named = f"{ballot}:{row.step + 1}:{row.approver}"
            signer, at = signers[ballot], _since(row, now)
            yield Suspension(SuspensionKind.APPROVAL, named, row.approver, signer, at)


def _look(database: Database, table: Any, condition: Any, suspended: bool) -> list[Any]:
    """Of what is suspended, those that are sound; of what is to be suspended, all, and none may
    hide: raises Altered."""
    if suspended:
        return rows.select_sound(database, table.select().where(condition))

    def check(row: Any) -> None:
        if table is GrantRow:
            transaction_of(database).check_used(row.id, row.used)

    return rows.matching(database, table, condition, check)


def _since(row: Any, now: datetime) -> datetime:
    return now if row.suspended_at is None else from_text(row.suspended_at)


def _mark(database: Database, which: Iterable[Suspension], since: str | None) -> None:
    ids: dict[SuspensionKind, list[str]] = {kind: [] for kind in SuspensionKind}
    for each in which:
        ids[each.kind].append(each.id)
    columns = {"suspended_at": since}
    for table, kind in ((ApiKeyRow, SuspensionKind.API_KEY), (GrantRow, SuspensionKind.GRANT)):
        for some in batches(ids[kind]):
            if rows.update(database, table, table.id.in_(some), columns) != len(some):
                raise altered(str(table._meta.table_name))
    for approval in ids[SuspensionKind.APPROVAL]:
        ballot, step, approver = approval.split(":")
        marked = 0
        for ballots in _BALLOTS:
            decisions: Any = ballots.decisions
            same = (
                (_reference(ballots) == ballot)
                & (decisions.step == int(step) - 1)
                & (decisions.approver == approver)
            )
            marked += rows.update(database, decisions, same, columns, may_lack=True)
        if marked != 1:
            raise altered(f"decisions/{ballot}")


def _reference(ballots: Any) -> Any:
    """The column by which a decision names its ballot."""
    return getattr(ballots.decisions, ballots.reference)

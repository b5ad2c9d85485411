"""Requests as rows."""

from datetime import datetime
from typing import Any

from peewee import Database, ModelSelect

from controlplane.domain.instant import to_text
from controlplane.domain.model import Identity, Request, RequestState
from controlplane.store import rows
from controlplane.store.ballots import Ballots
from controlplane.store.mapping import shared
from controlplane.store.policies import TERMS
from controlplane.store.signers import names_seen_by
from controlplane.store.tables import DecisionRow, RequestApproverRow, RequestRow

REQUESTS = Ballots(
    shared(Request, RequestRow, terms=TERMS),
    RequestRow,
    RequestApproverRow,
    DecisionRow,
    "request_id",
    endings=("grant_id",),
)


def is_visible(database: Database, request_id: str, identity: Identity, now: datetime) -> bool:
    query = RequestRow.select().where(RequestRow.id == request_id)
    return bool(_visible(database, query, identity, now).exists(database))


def for_signer(name: str) -> Any:
    """A condition."""
    return RequestRow.signer == name


def by_requester(name: str) -> Any:
    """A condition."""
    return RequestRow.requester == name


def under_policy(policy_id: str) -> Any:
    """A condition."""
    return RequestRow.policy_id == policy_id


def cancel_pending(
    database: Database, now: datetime, which: Any, *, by: str
) -> list[tuple[str, str, str]]:
    """Those of everybody for which a condition holds; id, signer and requester of each, oldest
    first."""
    found = rows.matching(database, RequestRow, which & REQUESTS.is_pending(now))
    found.sort(key=lambda row: str(row.id))
    ended = {"ended": RequestState.CANCELLED.value, "ended_at": to_text(now), "ended_by": by}
    rows.update_all(database, RequestRow, found, ended)
    return [(row.id, row.signer, row.requester) for row in found]


def find_pending(
    database: Database, now: datetime, *, signer: str, requester: str
) -> list[Request]:
    """Oldest first."""
    query = RequestRow.select().where(
        (RequestRow.signer == signer)
        & (RequestRow.requester == requester)
        & REQUESTS.is_pending(now)
    )
    return REQUESTS.load(database, rows.select(database, query.order_by(RequestRow.id)))


def list_before(
    database: Database,
    request_id: str | None,
    limit: int,
    now: datetime,
    *,
    signer: str | None,
    requester: str | None,
    state: RequestState | None,
    ending: str | None,
    seen_by: Identity | None,
) -> list[Request]:
    """Newest first, those before this one. `seen_by`: only those that it may read."""
    query = RequestRow.select()
    if signer is not None:
        query = query.where(RequestRow.signer == signer)
    if requester is not None:
        query = query.where(RequestRow.requester == requester)
    if seen_by is not None:
        query = _visible(database, query, seen_by, now)
    return REQUESTS.list_before(database, query, request_id, limit, now, state, ending)


def _visible(
    database: Database, query: "ModelSelect[Any]", identity: Identity, now: datetime
) -> "ModelSelect[Any]":
    """Its own, those of the signers that it may read, and those whose terms name it."""
    return query.where(
        (RequestRow.requester == identity.name)
        | RequestRow.signer.in_(names_seen_by(database, identity, now))
        | RequestRow.id.in_(REQUESTS.ids_naming(database, identity))
    )

"""Requests and the decisions on them as rows. A decision is written once; an approval can be
withdrawn."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from peewee import Database, ModelSelect

from controlplane.domain.instant import to_text
from controlplane.domain.model import Decision, Identity, Request, RequestState, Verdict
from controlplane.store.batches import batches
from controlplane.store.mapping import shared
from controlplane.store.policies import TERMS
from controlplane.store.signers import names_seen_by
from controlplane.store.tables import DecisionRow, RequestApproverRow, RequestRow

_REQUEST = shared(Request, RequestRow, terms=TERMS)
_DECISION = shared(Decision, DecisionRow)
_ENDING = ("ended", "ended_at", "ended_by", "comment", "grant_id")


def insert(database: Database, request: Request) -> None:
    """As it stands, decisions apart."""
    RequestRow.insert(_REQUEST.write(request)).execute(database)
    for names in batches(sorted(request.terms.approvers)):
        RequestApproverRow.insert_many(
            [{"request_id": request.id, "identity": name} for name in names]
        ).execute(database)


def end(database: Database, request: Request) -> None:
    """Writes how it ended."""
    RequestRow.update(_REQUEST.write(request, *_ENDING)).where(
        (RequestRow.id == request.id) & RequestRow.ended.is_null()
    ).execute(database)


def insert_decision(database: Database, request_id: str, decision: Decision) -> None:
    """In the place of one by the same approver on the same step that was withdrawn."""
    columns = {"request_id": request_id} | _DECISION.write(decision)
    before = _is_decision(request_id, decision) & DecisionRow.withdrawn_at.is_null(False)
    if not DecisionRow.update(columns).where(before).execute(database):
        DecisionRow.insert(columns).execute(database)


def withdraw_decision(database: Database, request_id: str, decision: Decision) -> None:
    DecisionRow.update(_DECISION.write(decision, "withdrawn_at")).where(
        _is_decision(request_id, decision)
    ).execute(database)


def _is_decision(request_id: str, decision: Decision) -> Any:
    return (
        (DecisionRow.request_id == request_id)
        & (DecisionRow.step == decision.step)
        & (DecisionRow.approver == decision.approver)
    )


def find(database: Database, request_id: str) -> Request | None:
    rows = RequestRow.select().where(RequestRow.id == request_id).execute(database)
    found = _load(database, list(rows))
    return found[0] if found else None


def is_visible(database: Database, request_id: str, identity: Identity, now: datetime) -> bool:
    query = RequestRow.select().where(RequestRow.id == request_id)
    return bool(_visible(query, identity, now).exists(database))


def cancel_pending(
    database: Database,
    now: datetime,
    *,
    by: str,
    signer: str | None = None,
    requester: str | None = None,
) -> list[tuple[str, str, str]]:
    """Those of everybody, or of one requester; on one signer, or on all. The id, signer and
    requester of each, oldest first."""
    pending = _is_pending(now)
    if signer is not None:
        pending &= RequestRow.signer == signer
    if requester is not None:
        pending &= RequestRow.requester == requester
    query = RequestRow.select(RequestRow.id, RequestRow.signer, RequestRow.requester).where(pending)
    cancelled = list(query.order_by(RequestRow.id).tuples().execute(database))
    RequestRow.update(ended=RequestState.CANCELLED.value, ended_at=to_text(now), ended_by=by).where(
        pending
    ).execute(database)
    return cancelled


def find_pending(
    database: Database, now: datetime, *, signer: str, requester: str
) -> list[Request]:
    """Oldest first."""
    query = RequestRow.select().where(
        (RequestRow.signer == signer) & (RequestRow.requester == requester) & _is_pending(now)
    )
    return _load(database, list(query.order_by(RequestRow.id).execute(database)))


def find_approved_by(database: Database, now: datetime, approver: str) -> list[Request]:
    """Pending ones, oldest first, on which an approval by this identity counts."""
    approved = DecisionRow.select(DecisionRow.request_id).where(
        (DecisionRow.approver == approver)
        & (DecisionRow.verdict == Verdict.APPROVED.value)
        & DecisionRow.withdrawn_at.is_null()
    )
    query = RequestRow.select().where(_is_pending(now) & RequestRow.id.in_(approved))
    return _load(database, list(query.order_by(RequestRow.id).execute(database)))


def list_before(
    database: Database,
    request_id: str | None,
    limit: int,
    now: datetime,
    *,
    signer: str | None,
    requester: str | None,
    state: RequestState | None,
    seen_by: Identity | None,
) -> list[Request]:
    """Newest first, those before this one. `seen_by`: only those that it may read."""
    query = RequestRow.select()
    if signer is not None:
        query = query.where(RequestRow.signer == signer)
    if requester is not None:
        query = query.where(RequestRow.requester == requester)
    if state is RequestState.PENDING:
        query = query.where(_is_pending(now))
    elif state is RequestState.EXPIRED:
        query = query.where(RequestRow.ended.is_null() & (RequestRow.expires_at <= to_text(now)))
    elif state is not None:
        query = query.where(RequestRow.ended == state.value)
    if request_id is not None:
        query = query.where(RequestRow.id < request_id)
    if seen_by is not None:
        query = _visible(query, seen_by, now)
    rows = query.order_by(RequestRow.id.desc()).limit(limit).execute(database)
    return _load(database, list(rows))


def _is_pending(now: datetime) -> Any:
    not_expired = RequestRow.expires_at.is_null() | (RequestRow.expires_at > to_text(now))
    return RequestRow.ended.is_null() & not_expired


def _visible(query: "ModelSelect[Any]", identity: Identity, now: datetime) -> "ModelSelect[Any]":
    """Its own, those of the signers that it may read, and those whose terms name it."""
    named = RequestApproverRow.select(RequestApproverRow.request_id).where(
        RequestApproverRow.identity == identity.name
    )
    return query.where(
        (RequestRow.requester == identity.name)
        | RequestRow.signer.in_(names_seen_by(identity, now))
        | RequestRow.id.in_(named)
    )


def _load(database: Database, rows: Sequence[RequestRow]) -> list[Request]:
    ids = [row.id for row in rows]
    decisions: dict[str, list[Decision]] = {request_id: [] for request_id in ids}
    found = DecisionRow.select().where(DecisionRow.request_id.in_(ids))
    for row in found.order_by(DecisionRow.at).execute(database) if ids else ():
        decisions[row.request_id].append(_DECISION.read(row))
    return [_REQUEST.read(row, decisions=tuple(decisions[row.id])) for row in rows]

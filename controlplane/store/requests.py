"""Requests and the decisions on them as rows. A decision is written once and never changed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from peewee import Database, ModelSelect

from controlplane.domain.instant import from_text, to_text
from controlplane.domain.model import Decision, Identity, Request, RequestState, Verdict
from controlplane.store.batches import batches
from controlplane.store.policies import decode_terms, encode_terms
from controlplane.store.signers import names_seen_by
from controlplane.store.tables import DecisionRow, RequestApproverRow, RequestRow


def insert(database: Database, request: Request) -> None:
    """As it stands, decisions apart."""
    RequestRow.insert(
        id=request.id,
        signer=request.signer,
        requester=request.requester,
        policy_id=request.policy_id,
        policy=request.policy,
        terms=encode_terms(request.terms),
        justification=request.justification,
        window_seconds=request.window_seconds,
        signings=request.signings,
        created_at=to_text(request.created_at),
        expires_at=to_text(request.expires_at) if request.expires_at else None,
        **_ending(request),
    ).execute(database)
    for names in batches(sorted(request.terms.approvers)):
        RequestApproverRow.insert_many(
            [{"request_id": request.id, "identity": name} for name in names]
        ).execute(database)


def end(database: Database, request: Request) -> None:
    """Writes how it ended."""
    RequestRow.update(**_ending(request)).where(
        (RequestRow.id == request.id) & RequestRow.ended.is_null()
    ).execute(database)


def insert_decision(database: Database, request_id: str, decision: Decision) -> None:
    DecisionRow.insert(
        request_id=request_id,
        step=decision.step,
        approver=decision.approver,
        verdict=decision.verdict.value,
        comment=decision.comment,
        at=to_text(decision.at),
    ).execute(database)


def find(database: Database, request_id: str) -> Request | None:
    rows = RequestRow.select().where(RequestRow.id == request_id).execute(database)
    found = _load(database, list(rows))
    return found[0] if found else None


def is_visible(database: Database, request_id: str, identity: Identity) -> bool:
    query = RequestRow.select().where(RequestRow.id == request_id)
    return bool(_visible(query, identity).exists(database))


def cancel_pending(
    database: Database, now: datetime, *, signer: str, by: str
) -> list[tuple[str, str]]:
    """Those of everybody; the id and requester of each, oldest first."""
    pending = (RequestRow.signer == signer) & _is_pending(now)
    query = RequestRow.select(RequestRow.id, RequestRow.requester).where(pending)
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
        query = _visible(query, seen_by)
    rows = query.order_by(RequestRow.id.desc()).limit(limit).execute(database)
    return _load(database, list(rows))


def _is_pending(now: datetime) -> Any:
    not_expired = RequestRow.expires_at.is_null() | (RequestRow.expires_at > to_text(now))
    return RequestRow.ended.is_null() & not_expired


def _visible(query: "ModelSelect[Any]", identity: Identity) -> "ModelSelect[Any]":
    """Its own, those of the signers that it may read, and those whose terms name it."""
    named = RequestApproverRow.select(RequestApproverRow.request_id).where(
        RequestApproverRow.identity == identity.name
    )
    return query.where(
        (RequestRow.requester == identity.name)
        | RequestRow.signer.in_(names_seen_by(identity))
        | RequestRow.id.in_(named)
    )


def _ending(request: Request) -> dict[str, str | None]:
    return {
        "ended": request.ended.value if request.ended else None,
        "ended_at": to_text(request.ended_at) if request.ended_at else None,
        "ended_by": request.ended_by,
        "comment": request.comment,
        "grant_id": request.grant_id,
    }


def _load(database: Database, rows: Sequence[RequestRow]) -> list[Request]:
    ids = [row.id for row in rows]
    decisions: dict[str, list[Decision]] = {request_id: [] for request_id in ids}
    found = DecisionRow.select().where(DecisionRow.request_id.in_(ids))
    for row in found.order_by(DecisionRow.at).execute(database) if ids else ():
        decisions[row.request_id].append(
            Decision(row.step, row.approver, Verdict(row.verdict), row.comment, from_text(row.at))
        )
    return [_request(row, tuple(decisions[row.id])) for row in rows]


def _request(row: RequestRow, decisions: tuple[Decision, ...]) -> Request:
    return Request(
        id=row.id,
        signer=row.signer,
        requester=row.requester,
        policy_id=row.policy_id,
        policy=row.policy,
        terms=decode_terms(row.terms),
        justification=row.justification,
        window_seconds=row.window_seconds,
        signings=row.signings,
        created_at=from_text(row.created_at),
        expires_at=from_text(row.expires_at) if row.expires_at else None,
        decisions=decisions,
        ended=RequestState(row.ended) if row.ended else None,
        ended_at=from_text(row.ended_at) if row.ended_at else None,
        ended_by=row.ended_by,
        comment=row.comment,
        grant_id=row.grant_id,
    )

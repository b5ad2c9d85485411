"""Grants as rows: inserted, used up, revoked; the database refuses anything else."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from msgspec import json
from peewee import Database, ModelSelect

from controlplane.domain.instant import from_text, to_text
from controlplane.domain.model import (
    Approval,
    Grant,
    GrantState,
    HashAlgorithm,
    Identity,
    Policy,
    Revocation,
    Terms,
)
from controlplane.store.dialect import ask, place
from controlplane.store.mapping import Form, as_json, shared
from controlplane.store.signers import names_seen_by
from controlplane.store.tables import GrantRow, RequestRow

_HASHES = Form(
    ",".join, lambda text: tuple(HashAlgorithm(each) for each in text.split(",") if each)
)
_GRANT = shared(Grant, GrantRow, hashes=_HASHES, approvals=as_json(tuple[Approval, ...]))


def insert(database: Database, grant: Grant) -> None:
    GrantRow.insert(_GRANT.write(grant)).execute(database)


def revoke(database: Database, grant_id: str, revocation: Revocation) -> None:
    _revoke(database, GrantRow.id == grant_id, revocation)


def for_signer(name: str) -> Any:
    """A condition."""
    return GrantRow.signer == name


def given_past(database: Database, policy: Policy) -> Any:
    """A condition: given under the policy without the approvals that its steps ask for now, because
    there was no request, or one under other steps."""
    asked = RequestRow.policy_id == policy.id
    different = RequestRow.select(RequestRow.terms).where(asked).distinct()
    terms, people = (row.terms for row in different.execute(database)), policy.people.steps
    same = [each for each in terms if json.decode(each, type=Terms).steps == people]
    by_them = RequestRow.select(RequestRow.id).where(asked & RequestRow.terms.in_(same))
    is_past = GrantRow.request_id.is_null() | GrantRow.request_id.not_in(by_them)
    return (GrantRow.policy_id == policy.id) & is_past


def revoke_active(database: Database, which: Any, revocation: Revocation) -> tuple[Grant, ...]:
    """Those of everybody for which a condition holds; as they were, oldest first."""
    active = which & _is(GrantState.ACTIVE, revocation.at)
    query = GrantRow.select().where(active).order_by(GrantRow.id)
    revoked = tuple(_grant(row) for row in query.execute(database))
    _revoke(database, active, revocation)
    return revoked


def read_rooms(database: Database, grant_ids: Collection[str]) -> dict[str, int | None]:
    """How many signings each has left; None: any number."""
    if not grant_ids:
        return {}
    marks = ", ".join("?" * len(grant_ids))  # plain SQL: this is on the sign path
    statement = f"SELECT id, max_signings - used FROM grants WHERE id IN ({marks})"  # noqa: S608
    return dict(ask(database, place(database, statement), tuple(grant_ids)).fetchall())


def use_up(database: Database, signings: Mapping[str, int]) -> None:
    """`signings`: how many by the id of each grant, within its room. Within the transaction that
    read the rooms."""
    if not signings:
        return
    marks = ", ".join("?" * len(signings))
    numbers = " ".join(["WHEN ? THEN ?"] * len(signings))
    statement = f"UPDATE grants SET used = used + CASE id {numbers} END WHERE id IN ({marks})"  # noqa: S608
    pairs = [value for pair in signings.items() for value in pair]
    ask(database, place(database, statement), (*pairs, *signings))


def find(database: Database, grant_id: str) -> Grant | None:
    row = GrantRow.select().where(GrantRow.id == grant_id).first(database)
    return _grant(row) if row is not None else None


def is_visible(database: Database, grant_id: str, identity: Identity, now: datetime) -> bool:
    query = GrantRow.select().where(GrantRow.id == grant_id)
    return bool(_visible(query, identity, now).exists(database))


def find_active(
    database: Database, now: datetime, *, signer: str, grantee: str
) -> tuple[Grant, ...]:
    """Oldest first."""
    query = GrantRow.select().where(
        (GrantRow.signer == signer) & (GrantRow.grantee == grantee) & _is(GrantState.ACTIVE, now)
    )
    return tuple(_grant(row) for row in query.order_by(GrantRow.id).execute(database))


def find_latest(database: Database, signer: str, grantee: str) -> Grant | None:
    """The one issued last, whatever became of it."""
    query = GrantRow.select().where((GrantRow.signer == signer) & (GrantRow.grantee == grantee))
    row = query.order_by(GrantRow.id.desc()).first(database)
    return _grant(row) if row is not None else None


def list_before(
    database: Database,
    grant_id: str | None,
    limit: int,
    now: datetime,
    *,
    signer: str | None,
    grantee: str | None,
    state: GrantState | None,
    seen_by: Identity | None,
) -> list[Grant]:
    """Newest first, those before this one. `seen_by`: its own, and those of the signers that it
    may read."""
    query = GrantRow.select()
    if signer is not None:
        query = query.where(GrantRow.signer == signer)
    if grantee is not None:
        query = query.where(GrantRow.grantee == grantee)
    if state is not None:
        query = query.where(_is(state, now))
    if grant_id is not None:
        query = query.where(GrantRow.id < grant_id)
    if seen_by is not None:
        query = _visible(query, seen_by, now)
    rows = query.order_by(GrantRow.id.desc()).limit(limit).execute(database)
    return [_grant(row) for row in rows]


def _revoke(database: Database, which: Any, revocation: Revocation) -> None:
    GrantRow.update(
        revoked_at=to_text(revocation.at),
        revoked_by=revocation.by,
        revoke_reason=revocation.reason,
    ).where(which).execute(database)


def _is(state: GrantState, now: datetime) -> Any:
    """As Grant.state has it."""
    revoked = GrantRow.revoked_at.is_null(False)
    used_up = GrantRow.max_signings.is_null(False) & (GrantRow.used >= GrantRow.max_signings)
    over = GrantRow.not_after.is_null(False) & (GrantRow.not_after <= to_text(now))
    match state:
        case GrantState.REVOKED:
            return revoked
        case GrantState.EXHAUSTED:
            return ~revoked & used_up
        case GrantState.EXPIRED:
            return ~revoked & ~used_up & over
        case GrantState.ACTIVE:
            return ~revoked & ~used_up & ~over


def _visible(query: "ModelSelect[Any]", identity: Identity, now: datetime) -> "ModelSelect[Any]":
    own = GrantRow.grantee == identity.name
    return query.where(own | GrantRow.signer.in_(names_seen_by(identity, now)))


def _grant(row: GrantRow) -> Grant:
    revocation = None
    if row.revoked_at and row.revoked_by and row.revoke_reason:
        revocation = Revocation(from_text(row.revoked_at), row.revoked_by, row.revoke_reason)
    return _GRANT.read(row, revocation=revocation)

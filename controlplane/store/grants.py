"""Grants as rows: inserted, used up, revoked; the database refuses anything else."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from msgspec import MsgspecError, json
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
from controlplane.errors import Altered
from controlplane.store import rows
from controlplane.store.batches import batches
from controlplane.store.conditions import ends_with
from controlplane.store.dialect import ask, place
from controlplane.store.mapping import Form, as_json, shared
from controlplane.store.signers import names_seen_by
from controlplane.store.state import altered
from controlplane.store.tables import GrantRow, OperationRow, RequestRow
from controlplane.store.transaction import transaction_of

_HASHES = Form(
    ",".join, lambda text: tuple(HashAlgorithm(each) for each in text.split(",") if each)
)
_GRANT = shared(Grant, GrantRow, hashes=_HASHES, approvals=as_json(tuple[Approval, ...]))


def insert(database: Database, grant: Grant) -> None:
    rows.insert(database, GrantRow, _GRANT.write(grant))


def announce(database: Database, grant: Grant) -> None:
    """For the row that lists it, and whose hash it will name; that may be anything yet."""
    rows.announce(database, GrantRow, _GRANT.write(grant))


def insert_announced(database: Database, grant: Grant) -> None:
    rows.insert(database, GrantRow, _GRANT.write(grant), announced=True)


def revoke(database: Database, grant_id: str, revocation: Revocation) -> None:
    rows.update(database, GrantRow, GrantRow.id == grant_id, _columns_of(revocation))


def for_signer(name: str) -> Any:
    """A condition."""
    return GrantRow.signer == name


def given_past(database: Database, policy: Policy) -> Any:
    """A condition: given under the policy without the approvals that its steps ask for now, because
    there was no request, or one under other steps."""
    asked = rows.matching(database, RequestRow, RequestRow.policy_id == policy.id)
    steps = {terms: json.decode(terms, type=Terms).steps for terms in {row.terms for row in asked}}
    by_them = [row.id for row in asked if steps[row.terms] == policy.people.steps]
    is_past = GrantRow.request_id.is_null() | GrantRow.request_id.not_in(by_them)
    return (GrantRow.policy_id == policy.id) & is_past


def revoke_active(database: Database, which: Any, revocation: Revocation) -> tuple[Grant, ...]:
    """Those of everybody for which a condition holds, suspended ones too; as they were, oldest
    first."""

    def check(row: GrantRow) -> None:  # that it is not said to be used up
        transaction_of(database).check_used(row.id, row.used)

    active = rows.matching(database, GrantRow, which & is_open(revocation.at), check)
    active.sort(key=lambda row: str(row.id))
    revoked = tuple(map(_grant, active))
    rows.update_all(database, GrantRow, active, _columns_of(revocation))
    return revoked


ALTERED = -1
"""The room of a grant of which the store says something else than the server wrote."""


def read_rooms(database: Database, grants: Mapping[str, Grant]) -> dict[str, int | None]:
    """How many signings each of these has left, by id; None: any number."""
    if not grants:
        return {}
    marks = ", ".join("?" * len(grants))  # plain SQL: this is on the sign path
    statement = f"SELECT id, used FROM grants WHERE id IN ({marks})"  # noqa: S608
    used = dict(ask(database, place(database, statement), tuple(grants)).fetchall())
    return {each.id: _room(database, each, used.get(each.id)) for each in grants.values()}


def _room(database: Database, grant: Grant, used: Any) -> int | None:
    try:
        transaction_of(database).check_used(grant.id, used)
    except Altered:
        return ALTERED
    return None if grant.max_signings is None else grant.max_signings - int(used)


def use_up(database: Database, signings: Mapping[str, int]) -> None:
    """`signings`: how many by the id of each grant, within its room. Within the transaction that
    read the rooms."""
    if not signings:
        return
    transaction_of(database).use_up(signings)
    marks = ", ".join("?" * len(signings))
    numbers = " ".join(["WHEN ? THEN ?"] * len(signings))
    statement = f"UPDATE grants SET used = used + CASE id {numbers} END WHERE id IN ({marks})"  # noqa: S608
    pairs = [value for pair in signings.items() for value in pair]
    ask(database, place(database, statement), (*pairs, *signings))


def find(database: Database, grant_id: str) -> Grant | None:
    row = rows.find(database, GrantRow, grant_id)
    return _checked(database, row) if row is not None else None


def is_visible(database: Database, grant_id: str, identity: Identity, now: datetime) -> bool:
    query = GrantRow.select().where(GrantRow.id == grant_id)
    return bool(_visible(database, query, identity, now).exists(database))


def find_active(
    database: Database, now: datetime, *, signer: str, grantee: str
) -> tuple[Grant, ...]:
    """Oldest first."""
    query = GrantRow.select().where(
        (GrantRow.signer == signer) & (GrantRow.grantee == grantee) & _is(GrantState.ACTIVE, now)
    )
    found = [_checked(database, row) for row in rows.select(database, query.order_by(GrantRow.id))]
    for grant_id in _misquoting(database, {each.id: each.approvals or () for each in found}):
        raise altered(f"grants/{grant_id}")
    return tuple(found)


def find_misquoting(database: Database) -> list[str]:
    """The ids of those whose approvals name rows that the log has not. Each stands with its number
    in what is proven of a grant, and with its hash in the column alone."""
    query = GrantRow.select(GrantRow.id, GrantRow.approvals).where(
        GrantRow.approvals.is_null(False)
    )
    quoted: dict[str, Sequence[Approval]] = {}
    for grant_id, text in query.tuples().iterator(database):
        with suppress(MsgspecError, TypeError):  # which is no object that anybody left
            quoted[grant_id] = json.decode(text, type=list[Approval])
    return _misquoting(database, quoted)


def _misquoting(database: Database, quoted: Mapping[str, Sequence[Approval]]) -> list[str]:
    numbers = sorted({each.sequence for approvals in quoted.values() for each in approvals})
    hashes: dict[int, str] = {}
    for some in batches(numbers):
        query = OperationRow.select(OperationRow.sequence, OperationRow.row_hash).where(
            OperationRow.sequence.in_(some)
        )
        hashes.update(query.tuples().execute(database))
    return [
        grant_id
        for grant_id, approvals in quoted.items()
        if any(hashes.get(each.sequence) != each.row_hash for each in approvals)
    ]


def signers_of_open(database: Database, now: datetime, *, grantee: str) -> frozenset[str]:
    """The names of the signers that it has grants for, active or suspended."""
    query = GrantRow.select().where((GrantRow.grantee == grantee) & is_open(now))
    return frozenset(row.signer for row in rows.select(database, query))


def find_latest(database: Database, signer: str, grantee: str) -> Grant | None:
    """The one issued last, whatever became of it."""
    query = GrantRow.select().where((GrantRow.signer == signer) & (GrantRow.grantee == grantee))
    row = rows.first(database, query.order_by(GrantRow.id.desc()))
    return _checked(database, row) if row is not None else None


def list_before(
    database: Database,
    grant_id: str | None,
    limit: int,
    now: datetime,
    *,
    signer: str | None,
    grantee: str | None,
    state: GrantState | None,
    ending: str | None = None,
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
    if ending is not None:
        query = query.where(ends_with(GrantRow.id, ending))
    if grant_id is not None:
        query = query.where(GrantRow.id < grant_id)
    if seen_by is not None:
        query = _visible(database, query, seen_by, now)
    query = query.order_by(GrantRow.id.desc()).limit(limit)
    return rows.load_sound(
        database, query, lambda found: [_checked(database, row) for row in found]
    )


def _columns_of(revocation: Revocation) -> dict[str, object]:
    return {
        "revoked_at": to_text(revocation.at),
        "revoked_by": revocation.by,
        "revoke_reason": revocation.reason,
    }


def _is(state: GrantState, now: datetime) -> Any:
    """As Grant.state has it."""
    match state:
        case GrantState.REVOKED:
            return GrantRow.revoked_at.is_null(False)
        case GrantState.EXHAUSTED:
            return GrantRow.revoked_at.is_null() & _is_used_up()
        case GrantState.EXPIRED:
            return GrantRow.revoked_at.is_null() & ~_is_used_up() & _is_over(now)
        case GrantState.SUSPENDED:
            return is_open(now) & GrantRow.suspended_at.is_null(False)
        case GrantState.ACTIVE:
            return is_open(now) & GrantRow.suspended_at.is_null()


def is_open(now: datetime) -> Any:
    """A condition: active, or suspended."""
    return GrantRow.revoked_at.is_null() & ~_is_used_up() & ~_is_over(now)


def _is_used_up() -> Any:
    return GrantRow.max_signings.is_null(False) & (GrantRow.used >= GrantRow.max_signings)


def _is_over(now: datetime) -> Any:
    return GrantRow.not_after.is_null(False) & (GrantRow.not_after <= to_text(now))


def _visible(
    database: Database, query: "ModelSelect[Any]", identity: Identity, now: datetime
) -> "ModelSelect[Any]":
    own = GrantRow.grantee == identity.name
    return query.where(own | GrantRow.signer.in_(names_seen_by(database, identity, now)))


def _checked(database: Database, row: GrantRow) -> Grant:
    """With how much of it is used, as far as that is known here."""
    transaction_of(database).check_used(row.id, row.used)
    return _grant(row)


def _grant(row: GrantRow) -> Grant:
    revocation = None
    if row.revoked_at and row.revoked_by and row.revoke_reason:
        revocation = Revocation(from_text(row.revoked_at), row.revoked_by, row.revoke_reason)
    return _GRANT.read(row, revocation=revocation)

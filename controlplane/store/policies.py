"""Policies as rows, and what was done with them."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from peewee import Database, ModelSelect

from controlplane.domain.identifier import new_id
from controlplane.domain.instant import to_text
from controlplane.domain.model import Identity, Policy, PolicyChange, Terms
from controlplane.store.batches import batches
from controlplane.store.mapping import as_json, shared
from controlplane.store.tables import (
    MemberRow,
    PolicyApproverRow,
    PolicyChangeRow,
    PolicyRow,
    SignerRow,
)

_MOST_CHANGES = 20  # that one answer shows

TERMS = as_json(Terms)

_POLICY = shared(Policy, PolicyRow, terms=TERMS)
_CHANGE = shared(PolicyChange, PolicyChangeRow, what=as_json(tuple[str, ...]))


def insert(database: Database, policy: Policy) -> None:
    PolicyRow.insert(_POLICY.write(policy)).execute(database)
    _insert_approvers(database, policy)


def update(database: Database, policy: Policy) -> None:
    """Its terms: nothing else changes."""
    PolicyRow.update(_POLICY.write(policy, "terms")).where(PolicyRow.id == policy.id).execute(
        database
    )
    _delete_approvers(database, policy.id)
    _insert_approvers(database, policy)


def delete(database: Database, policy_id: str) -> None:
    """That no signer has but those that are gone and not erased yet."""
    _delete_approvers(database, policy_id)
    SignerRow.update(policy_id=None).where(SignerRow.policy_id == policy_id).execute(database)
    PolicyRow.delete().where(PolicyRow.id == policy_id).execute(database)


def find(database: Database, name: str) -> Policy | None:
    row = PolicyRow.select().where(PolicyRow.name == name).first(database)
    return _POLICY.read(row) if row is not None else None


def find_all(database: Database, policy_ids: Collection[str]) -> dict[str, Policy]:
    """By id."""
    if not policy_ids:
        return {}
    rows = PolicyRow.select().where(PolicyRow.id.in_(list(policy_ids))).execute(database)
    return {row.id: _POLICY.read(row) for row in rows}


def attached_naming(database: Database, identity: str, now: datetime) -> list[Policy]:
    """By name, those that a signer has and that name this identity as an approver."""
    named = PolicyApproverRow.select(PolicyApproverRow.policy_id).where(
        PolicyApproverRow.identity == identity
    )
    there = SignerRow.deletes_at.is_null() | (SignerRow.deletes_at > to_text(now))
    attached = SignerRow.select(SignerRow.policy_id).where(SignerRow.policy_id.in_(named) & there)
    query = PolicyRow.select().where(PolicyRow.id.in_(attached)).order_by(PolicyRow.name)
    return [_POLICY.read(row) for row in query.execute(database)]


def list_after(
    database: Database, name: str, limit: int, now: datetime, *, seen_by: Identity | None
) -> list[Policy]:
    """By name, those after this one. `seen_by` leaves those that name this identity as an
    approver, or that are attached to a signer that it is a member of."""
    query = PolicyRow.select().where(PolicyRow.name > name)
    if seen_by is not None:
        approver = PolicyApproverRow.select(PolicyApproverRow.policy_id).where(
            PolicyApproverRow.identity == seen_by.name
        )
        member = (
            SignerRow.select(SignerRow.policy_id)
            .join(MemberRow, on=(MemberRow.signer_id == SignerRow.id))
            .where((MemberRow.identity_id == seen_by.id) & SignerRow.policy_id.is_null(False))
            .where(SignerRow.deletes_at.is_null() | (SignerRow.deletes_at > to_text(now)))
        )
        query = query.where(PolicyRow.id.in_(approver | member))
    rows = query.order_by(PolicyRow.name).limit(limit).execute(database)
    return [_POLICY.read(row) for row in rows]


def insert_change(database: Database, change: PolicyChange) -> None:
    PolicyChangeRow.insert({"id": new_id()} | _CHANGE.write(change)).execute(database)


def changes_of_policy(
    database: Database, policy_id: str, signers: "ModelSelect[Any] | None"
) -> tuple[PolicyChange, ...]:
    """The latest, newest first; with `signers`, a query for names, none that tells of others."""
    condition = PolicyChangeRow.policy_id == policy_id
    if signers is not None:
        condition &= PolicyChangeRow.signer.is_null() | PolicyChangeRow.signer.in_(signers)
    return _changes(database, condition)


def changes_of_signer(
    database: Database, signer: str, policy: Policy | None
) -> tuple[PolicyChange, ...]:
    """The latest, newest first: what was attached and detached, and edits of the policy that it
    has now."""
    condition = PolicyChangeRow.signer == signer
    if policy is not None:
        edits = (PolicyChangeRow.policy_id == policy.id) & PolicyChangeRow.signer.is_null()
        condition |= edits
    return _changes(database, condition)


def _changes(database: Database, condition: object) -> tuple[PolicyChange, ...]:
    rows = (
        PolicyChangeRow.select()
        .where(condition)
        .order_by(PolicyChangeRow.id.desc())
        .limit(_MOST_CHANGES)
        .execute(database)
    )
    return tuple(_CHANGE.read(row) for row in rows)


def _insert_approvers(database: Database, policy: Policy) -> None:
    for names in batches(sorted(policy.terms.approvers)):
        PolicyApproverRow.insert_many(
            [{"policy_id": policy.id, "identity": name} for name in names]
        ).execute(database)


def _delete_approvers(database: Database, policy_id: str) -> None:
    PolicyApproverRow.delete().where(PolicyApproverRow.policy_id == policy_id).execute(database)

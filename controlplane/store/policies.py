"""Policies as rows, and what was done with them."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from peewee import Database, ModelSelect

from controlplane.domain.identifier import new_id
from controlplane.domain.instant import to_text
from controlplane.domain.model import Group, Identity, Policy, PolicyChange, Terms
from controlplane.store import groups
from controlplane.store.batches import batches
from controlplane.store.mapping import as_json, shared
from controlplane.store.tables import (
    MembershipRow,
    PolicyApproverRow,
    PolicyChangeRow,
    PolicyGroupRow,
    PolicyPersonRow,
    PolicyRow,
    SignerRow,
)

_MOST_CHANGES = 20  # that one answer shows

TERMS = as_json(Terms)

_POLICY = shared(Policy, PolicyRow, terms=TERMS)
_CHANGE = shared(PolicyChange, PolicyChangeRow, what=as_json(tuple[str, ...]))


def insert(database: Database, policy: Policy) -> None:
    PolicyRow.insert(_POLICY.write(policy)).execute(database)
    _insert_named(database, policy)


def update(database: Database, policy: Policy) -> None:
    """Its terms, and with them the groups that it names: nothing else changes."""
    PolicyRow.update(_POLICY.write(policy, "terms")).where(PolicyRow.id == policy.id).execute(
        database
    )
    _delete_named(database, policy.id)
    _insert_named(database, policy)


def delete(database: Database, policy_id: str) -> None:
    """That no signer has but those that are gone and not erased yet."""
    _delete_named(database, policy_id)
    SignerRow.update(policy_id=None).where(SignerRow.policy_id == policy_id).execute(database)
    PolicyRow.delete().where(PolicyRow.id == policy_id).execute(database)


def find(database: Database, name: str) -> Policy | None:
    row = PolicyRow.select().where(PolicyRow.name == name).first(database)
    return _load(database, [row])[0] if row is not None else None


def find_all(database: Database, policy_ids: Collection[str]) -> dict[str, Policy]:
    """By id."""
    if not policy_ids:
        return {}
    rows = PolicyRow.select().where(PolicyRow.id.in_(list(policy_ids))).execute(database)
    return {policy.id: policy for policy in _load(database, list(rows))}


def naming_group(database: Database, group: Group) -> list[Policy]:
    """By name."""
    named = PolicyGroupRow.select(PolicyGroupRow.policy_id).where(
        PolicyGroupRow.group_id == group.id
    )
    rows = PolicyRow.select().where(PolicyRow.id.in_(named)).order_by(PolicyRow.name)
    return _load(database, list(rows.execute(database)))


def attached_naming(database: Database, identity: str, now: datetime) -> list[Policy]:
    """By name, those that a signer has and that name this identity, or a group of it, as an
    approver."""
    named = PolicyPersonRow.select(PolicyPersonRow.policy_id).where(
        PolicyPersonRow.identity == identity
    )
    there = SignerRow.deletes_at.is_null() | (SignerRow.deletes_at > to_text(now))
    attached = SignerRow.select(SignerRow.policy_id).where(SignerRow.policy_id.in_(named) & there)
    query = PolicyRow.select().where(PolicyRow.id.in_(attached)).order_by(PolicyRow.name)
    return _load(database, list(query.execute(database)))


def list_after(
    database: Database, name: str, limit: int, now: datetime, *, seen_by: Identity | None
) -> list[Policy]:
    """By name, those after this one. `seen_by` leaves those that name this identity, or a group of
    it, as an approver, or that are attached to a signer that it is a member of."""
    query = PolicyRow.select().where(PolicyRow.name > name)
    if seen_by is not None:
        approver = PolicyPersonRow.select(PolicyPersonRow.policy_id).where(
            PolicyPersonRow.identity == seen_by.name
        )
        member = (
            SignerRow.select(SignerRow.policy_id)
            .join(MembershipRow, on=(MembershipRow.signer_id == SignerRow.id))
            .where((MembershipRow.identity_id == seen_by.id) & SignerRow.policy_id.is_null(False))
            .where(SignerRow.deletes_at.is_null() | (SignerRow.deletes_at > to_text(now)))
        )
        query = query.where(PolicyRow.id.in_(approver | member))
    rows = query.order_by(PolicyRow.name).limit(limit).execute(database)
    return _load(database, list(rows))


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


def _load(database: Database, rows: list[PolicyRow]) -> list[Policy]:
    """In the same order, with their groups."""
    named = groups.of_policies(database, [row.id for row in rows])
    return [_POLICY.read(row, groups=named.get(row.id, ())) for row in rows]


def _insert_named(database: Database, policy: Policy) -> None:
    for some in batches(policy.groups):
        PolicyGroupRow.insert_many(
            [{"policy_id": policy.id, "group_id": group.id} for group in some]
        ).execute(database)
    mentions = {group.mention for group in policy.groups}
    for names in batches(sorted(policy.terms.approvers - mentions)):
        PolicyApproverRow.insert_many(
            [{"policy_id": policy.id, "identity": name} for name in names]
        ).execute(database)


def _delete_named(database: Database, policy_id: str) -> None:
    for named in (PolicyApproverRow, PolicyGroupRow):
        named.delete().where(named.policy_id == policy_id).execute(database)

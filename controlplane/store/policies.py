"""Policies as rows, and what was done with them."""

from collections.abc import Collection
from datetime import datetime
from functools import partial
from typing import Any

from peewee import Database, ModelSelect

from controlplane.domain.identifier import new_id
from controlplane.domain.instant import to_text
from controlplane.domain.model import Group, Identity, Policy, PolicyChange, Terms
from controlplane.store import groups, rows
from controlplane.store.mapping import as_json, shared
from controlplane.store.members import roles_of
from controlplane.store.named import policies_naming
from controlplane.store.state import altered
from controlplane.store.tables import (
    PolicyApproverRow,
    PolicyChangeRow,
    PolicyGroupRow,
    PolicyRow,
    SignerRow,
)

_MOST_CHANGES = 20  # that one answer shows

TERMS = as_json(Terms)

_POLICY = shared(Policy, PolicyRow, terms=TERMS)
_CHANGE = shared(PolicyChange, PolicyChangeRow, what=as_json(tuple[str, ...]))


def insert(database: Database, policy: Policy) -> None:
    rows.insert(database, PolicyRow, _POLICY.write(policy))
    _insert_named(database, policy)


def update(database: Database, policy: Policy) -> None:
    """Its terms, and with them the groups that it names: nothing else changes."""
    columns = _POLICY.write(policy, "terms")
    rows.update(database, PolicyRow, PolicyRow.id == policy.id, columns)
    _delete_named(database, policy.id)
    _insert_named(database, policy)


def delete(database: Database, policy_id: str) -> None:
    """That no signer has but those that are gone and not erased yet."""
    _delete_named(database, policy_id)
    having = SignerRow.policy_id == policy_id
    rows.update(database, SignerRow, having, {"policy_id": None}, may_lack=True)
    rows.delete(database, PolicyRow, PolicyRow.id == policy_id)


def find(database: Database, name: str) -> Policy | None:
    row = rows.find(database, PolicyRow, name)
    return _load(database, [row])[0] if row is not None else None


def find_all(database: Database, policy_ids: Collection[str]) -> dict[str, Policy]:
    """By id."""
    if not policy_ids:
        return {}
    query = PolicyRow.select().where(PolicyRow.id.in_(list(policy_ids)))
    found = {policy.id: policy for policy in _load(database, rows.select(database, query))}
    for policy_id in {*policy_ids} - found.keys():
        raise altered(f"policies ({policy_id})")
    return found


def naming_group(database: Database, group: Group) -> list[Policy]:
    """By name."""
    named = [
        row.policy_id
        for row in rows.everything(database, PolicyGroupRow)
        if row.group_id == group.id
    ]
    query = PolicyRow.select().where(PolicyRow.id.in_(named)).order_by(PolicyRow.name)
    return _load(database, rows.select(database, query))


def attached_naming(database: Database, identity: str, now: datetime) -> list[Policy]:
    """By name, those that a signer has and that name this identity, or a group of it, as an
    approver."""
    loaded = _load(database, rows.everything(database, PolicyRow))
    naming = [policy for policy in loaded if identity in policy.people.approvers]
    if not naming:
        return []
    gone = to_text(now)
    attached = {
        row.policy_id
        for row in rows.everything(database, SignerRow)
        if row.deletes_at is None or row.deletes_at > gone
    }
    return sorted((each for each in naming if each.id in attached), key=lambda each: each.name)


def list_after(
    database: Database, name: str, limit: int, now: datetime, *, seen_by: Identity | None
) -> list[Policy]:
    """By name, those after this one. `seen_by` leaves those that name this identity, or a group of
    it, as an approver, or that are attached to a signer that it is a member of."""
    query = PolicyRow.select().where(PolicyRow.name > name)
    if seen_by is not None:
        signers = list(roles_of(database, seen_by.id))
        member = (
            SignerRow.select(SignerRow.policy_id)
            .where(SignerRow.id.in_(signers) & SignerRow.policy_id.is_null(False))
            .where(SignerRow.deletes_at.is_null() | (SignerRow.deletes_at > to_text(now)))
        )
        approver = PolicyRow.id.in_(policies_naming(database, seen_by))
        query = query.where(approver | PolicyRow.id.in_(member))
    query = query.order_by(PolicyRow.name).limit(limit)
    return rows.load_sound(database, query, partial(_load, database))


def insert_change(database: Database, change: PolicyChange) -> None:
    rows.insert(database, PolicyChangeRow, {"id": new_id()} | _CHANGE.write(change))


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
    query = PolicyChangeRow.select().where(condition)
    latest = query.order_by(PolicyChangeRow.id.desc()).limit(_MOST_CHANGES)
    return tuple(_CHANGE.read(row) for row in rows.select_sound(database, latest))


def _load(database: Database, loaded: list[PolicyRow]) -> list[Policy]:
    """In the same order, with their groups."""
    named = groups.of_policies(database, [row.id for row in loaded])
    return [_POLICY.read(row, groups=named.get(row.id, ())) for row in loaded]


def _insert_named(database: Database, policy: Policy) -> None:
    named = [{"policy_id": policy.id, "group_id": group.id} for group in policy.groups]
    rows.insert_many(database, PolicyGroupRow, named)
    mentions = {group.mention for group in policy.groups}
    names = sorted(policy.terms.approvers - mentions)
    alone = [{"policy_id": policy.id, "identity": name} for name in names]
    rows.insert_many(database, PolicyApproverRow, alone)


def _delete_named(database: Database, policy_id: str) -> None:
    for named in (PolicyApproverRow, PolicyGroupRow):
        rows.delete(database, named, named.policy_id == policy_id, may_lack=True)

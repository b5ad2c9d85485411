"""Groups and their users as rows."""

from collections.abc import Collection
from datetime import datetime
from functools import partial

from peewee import Database

from controlplane.domain.instant import to_text
from controlplane.domain.model import Group, Identity
from controlplane.domain.names import GROUP_MARK
from controlplane.store import rows
from controlplane.store.batches import batches
from controlplane.store.mapping import shared
from controlplane.store.state import altered
from controlplane.store.tables import (
    GroupMemberRow,
    GroupRow,
    GroupUserRow,
    IdentityRow,
    PolicyGroupRow,
)

_GROUP = shared(Group, GroupRow)


def insert(database: Database, group: Group) -> None:
    """Without users."""
    rows.insert(database, GroupRow, _GROUP.write(group))


def delete(database: Database, group_id: str) -> None:
    """That no policy names, and no signer but those that are gone and not erased yet."""
    for table in (GroupMemberRow, GroupUserRow):
        rows.delete(database, table, table.group_id == group_id, may_lack=True)
    rows.delete(database, GroupRow, GroupRow.id == group_id)


def add(database: Database, group: Group, user: Identity, at: datetime) -> None:
    columns = {"group_id": group.id, "identity_id": user.id, "added_at": to_text(at)}
    rows.insert(database, GroupUserRow, columns)


def remove(database: Database, group: Group, user: Identity) -> None:
    theirs = (GroupUserRow.group_id == group.id) & (GroupUserRow.identity_id == user.id)
    rows.delete(database, GroupUserRow, theirs)


def find(database: Database, name: str) -> Group | None:
    row = rows.find(database, GroupRow, name)
    return _load(database, [row])[0] if row is not None else None


def mentioned(database: Database, mentions: Collection[str]) -> tuple[Group, ...]:
    """By name, those that there are of what names groups or identities."""
    names = sorted(each.removeprefix(GROUP_MARK) for each in mentions if each[:1] == GROUP_MARK)
    found = []
    for some in batches(names):
        query = GroupRow.select().where(GroupRow.name.in_(some)).order_by(GroupRow.name)
        there = rows.select(database, query)
        for name in {*some} - {row.name for row in there}:
            rows.require_absent(database, GroupRow, name)
        found += _load(database, there)
    return tuple(found)


def of_policies(database: Database, policy_ids: Collection[str]) -> dict[str, tuple[Group, ...]]:
    """By the id of each of these policies that names some; by name."""
    listed = rows.families(database, PolicyGroupRow, policy_ids)
    named = [(row.policy_id, row.group_id) for some in listed.values() for row in some]
    found: dict[str, Group] = {}
    for some in batches(sorted({group_id for _, group_id in named})):
        meant = GroupRow.select().where(GroupRow.id.in_(some))
        loaded = _load(database, rows.select(database, meant))
        found.update((each.id, each) for each in loaded)
        for group_id in {*some} - found.keys():
            raise altered(f"groups ({group_id})")
    groups: dict[str, list[Group]] = {}
    for policy_id, group_id in named:
        groups.setdefault(policy_id, []).append(found[group_id])
    return {
        policy_id: tuple(sorted(some, key=lambda group: group.name))
        for policy_id, some in groups.items()
    }


def list_after(
    database: Database, name: str, limit: int, *, seen_by: Identity | None
) -> list[Group]:
    """By name, those after this one. `seen_by`: only those that it is in."""
    query = GroupRow.select().where(GroupRow.name > name)
    if seen_by is not None:
        own = GroupUserRow.select(GroupUserRow.group_id).where(
            GroupUserRow.identity_id == seen_by.id
        )
        query = query.where(GroupRow.id.in_(own))
    query = query.order_by(GroupRow.name).limit(limit)
    return rows.load_sound(database, query, partial(_load, database))


def _load(database: Database, loaded: list[GroupRow]) -> list[Group]:
    listed = rows.families(database, GroupUserRow, [row.id for row in loaded])
    ids = sorted({each.identity_id for users in listed.values() for each in users})
    names: dict[str, str] = {}
    for some in batches(ids):
        query = IdentityRow.select().where(IdentityRow.id.in_(some))
        names.update((each.id, each.name) for each in rows.select(database, query))
    for identity_id in {*ids} - names.keys():
        raise altered(f"identities ({identity_id})")
    users = {
        group_id: sorted(names[each.identity_id] for each in some)
        for group_id, some in listed.items()
    }
    return [_GROUP.read(row, users=tuple(users[row.id])) for row in loaded]

"""Groups and their users as rows."""

from collections.abc import Collection
from datetime import datetime

from peewee import Database

from controlplane.domain.instant import to_text
from controlplane.domain.model import Group, Identity
from controlplane.domain.names import GROUP_MARK
from controlplane.store.batches import batches
from controlplane.store.mapping import shared
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
    GroupRow.insert(_GROUP.write(group)).execute(database)


def delete(database: Database, group_id: str) -> None:
    """That no policy names, and no signer but those that are gone and not erased yet."""
    for table in (GroupMemberRow, GroupUserRow):
        table.delete().where(table.group_id == group_id).execute(database)
    GroupRow.delete().where(GroupRow.id == group_id).execute(database)


def add(database: Database, group: Group, user: Identity, at: datetime) -> None:
    GroupUserRow.insert(group_id=group.id, identity_id=user.id, added_at=to_text(at)).execute(
        database
    )


def remove(database: Database, group: Group, user: Identity) -> None:
    GroupUserRow.delete().where(
        (GroupUserRow.group_id == group.id) & (GroupUserRow.identity_id == user.id)
    ).execute(database)


def find(database: Database, name: str) -> Group | None:
    row = GroupRow.select().where(GroupRow.name == name).first(database)
    return _load(database, [row])[0] if row is not None else None


def mentioned(database: Database, mentions: Collection[str]) -> tuple[Group, ...]:
    """By name, those that there are of what names groups or identities."""
    names = sorted(each.removeprefix(GROUP_MARK) for each in mentions if each[:1] == GROUP_MARK)
    found = []
    for some in batches(names):
        query = GroupRow.select().where(GroupRow.name.in_(some)).order_by(GroupRow.name)
        found += _load(database, list(query.execute(database)))
    return tuple(found)


def of_policies(database: Database, policy_ids: Collection[str]) -> dict[str, tuple[Group, ...]]:
    """By the id of each of these policies that names some; by name."""
    named: list[tuple[str, str]] = []
    for some in batches(sorted(policy_ids)):
        query = PolicyGroupRow.select().where(PolicyGroupRow.policy_id.in_(some))
        named += [(row.policy_id, row.group_id) for row in query.execute(database)]
    found: dict[str, Group] = {}
    for some in batches(sorted({group_id for _, group_id in named})):
        rows = GroupRow.select().where(GroupRow.id.in_(some)).execute(database)
        found.update((each.id, each) for each in _load(database, list(rows)))
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
    return _load(database, list(query.order_by(GroupRow.name).limit(limit).execute(database)))


def _load(database: Database, rows: list[GroupRow]) -> list[Group]:
    users: dict[str, list[str]] = {row.id: [] for row in rows}
    for some in batches(sorted(users)):
        query = (
            GroupUserRow.select(GroupUserRow.group_id, IdentityRow.name)
            .join(IdentityRow, on=(IdentityRow.id == GroupUserRow.identity_id))
            .where(GroupUserRow.group_id.in_(some))
            .order_by(IdentityRow.name)
            .tuples()
        )
        for group_id, name in query.execute(database):
            users[group_id].append(name)
    return [_GROUP.read(row, users=tuple(users[row.id])) for row in rows]

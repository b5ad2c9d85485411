"""Memberships as rows: of identities, and of groups, whose users have their roles."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from peewee import Database

from controlplane.domain.instant import from_text, to_text
from controlplane.domain.model import Group, Identity, Member, MemberRole, Signer
from controlplane.domain.names import GROUP_MARK
from controlplane.domain.permissions import settle_role
from controlplane.store import rows
from controlplane.store.batches import ASKED_AT_ONCE, batches
from controlplane.store.tables import (
    GroupMemberRow,
    GroupRow,
    GroupUserRow,
    IdentityRow,
    MemberRow,
    SignerRow,
)


def find_role(database: Database, signer_id: str, identity_id: str) -> MemberRole | None:
    """Its own or by its groups, as `settle_role` has it; so do the others here that tell roles."""
    member = rows.find(database, MemberRow, signer_id, identity_id)
    through = {
        MemberRole(each.role)
        for each in rows.family(database, GroupMemberRow, signer_id)
        if rows.find(database, GroupUserRow, each.group_id, identity_id) is not None
    }
    return settle_role(None if member is None else MemberRole(member.role), through)


def find_role_by_name(database: Database, signer: str, identity_id: str) -> MemberRole | None:
    """None also for a signer that was erased."""
    row = rows.find(database, SignerRow, signer)
    return None if row is None else find_role(database, row.id, identity_id)


def roles_of(database: Database, identity_id: str) -> dict[str, MemberRole]:
    """By signer id."""
    alone = MemberRow.select().where(MemberRow.identity_id == identity_id)
    own = {row.signer_id: MemberRole(row.role) for row in rows.select(database, alone)}
    through: dict[str, set[MemberRole]] = {}
    users = GroupUserRow.select().where(GroupUserRow.identity_id == identity_id)
    groups = sorted({row.group_id for row in rows.select(database, users)})
    for some in batches(groups, ASKED_AT_ONCE):
        query = GroupMemberRow.select().where(GroupMemberRow.group_id.in_(some))
        for row in rows.select(database, query):
            through.setdefault(row.signer_id, set()).add(MemberRole(row.role))
    settled = (
        (signer_id, settle_role(own.get(signer_id), through.get(signer_id, set())))
        for signer_id in own.keys() | through.keys()
    )
    return {signer_id: role for signer_id, role in settled if role is not None}


def check_memberships(database: Database, identity_ids: Collection[str]) -> None:
    """What the view of memberships has of these identities was put there by the server. Raises
    Altered."""
    for some in batches(sorted(identity_ids)):
        rows.select(database, MemberRow.select().where(MemberRow.identity_id.in_(some)))
        users = GroupUserRow.select().where(GroupUserRow.identity_id.in_(some))
        groups = sorted({row.group_id for row in rows.select(database, users)})
        for few in batches(groups):
            rows.select(database, GroupMemberRow.select().where(GroupMemberRow.group_id.in_(few)))


def auditors_of(database: Database, signer_id: str) -> frozenset[str]:
    """Their ids."""
    return auditors_of_each(database, [signer_id])[signer_id]


def auditors_of_each(database: Database, signer_ids: Collection[str]) -> dict[str, frozenset[str]]:
    """By the id of each of these signers."""
    auditor = MemberRole.AUDITOR.value
    found: dict[str, set[str]] = {signer_id: set() for signer_id in signer_ids}
    for members in rows.families(database, MemberRow, signer_ids).values():
        for member in members:
            if member.role == auditor:
                found[member.signer_id].add(member.identity_id)
    groups = [
        each
        for members in rows.families(database, GroupMemberRow, signer_ids).values()
        for each in members
        if each.role == auditor
    ]
    users = rows.families(database, GroupUserRow, {each.group_id for each in groups})
    for each in groups:
        found[each.signer_id].update(user.identity_id for user in users[each.group_id])
    return {signer_id: frozenset(auditors) for signer_id, auditors in found.items()}


def put(
    database: Database, signer: Signer, who: Identity | Group, role: MemberRole, at: datetime
) -> None:
    """A member already keeps the time it was added."""
    table, column = _place(who)
    if not rows.update(database, table, _is(signer, who), {"role": role.value}, may_lack=True):
        columns = {"signer_id": signer.id, column: who.id}
        rows.insert(database, table, columns | {"role": role.value, "added_at": to_text(at)})


def delete(database: Database, signer: Signer, who: Identity | Group) -> None:
    table, _ = _place(who)
    rows.delete(database, table, _is(signer, who))


def list_after(database: Database, signer: Signer, mention: str, limit: int) -> list[Member]:
    """By name, a group's with its mark, those after this one. Who is one by a group is not
    listed."""
    for table in (MemberRow, GroupMemberRow):
        rows.family(database, table, signer.id)
    found = _groups(database, signer) + _identities_after(database, signer, mention, limit)
    following = (member for member in found if member.identity > mention)
    return sorted(following, key=lambda member: member.identity)[:limit]


def _groups(database: Database, signer: Signer) -> list[Member]:
    query = (
        GroupMemberRow.select(GroupMemberRow.role, GroupMemberRow.added_at, GroupRow.name)
        .join(GroupRow, on=(GroupRow.id == GroupMemberRow.group_id))
        .where(GroupMemberRow.signer_id == signer.id)
        .tuples()
    )
    return [
        Member(signer.name, f"{GROUP_MARK}{name}", MemberRole(role), from_text(added_at))
        for role, added_at, name in query.execute(database)
    ]


def _identities_after(
    database: Database, signer: Signer, identity: str, limit: int
) -> list[Member]:
    query = (
        MemberRow.select(MemberRow.role, MemberRow.added_at, IdentityRow.name)
        .join(IdentityRow, on=(IdentityRow.id == MemberRow.identity_id))
        .where((MemberRow.signer_id == signer.id) & (IdentityRow.name > identity))
        .order_by(IdentityRow.name)
        .limit(limit)
        .tuples()
        .execute(database)
    )
    return [
        Member(signer.name, name, MemberRole(role), from_text(added_at))
        for role, added_at, name in query
    ]


def find(database: Database, signer: Signer, who: Identity | Group) -> Member | None:
    """As it is named itself."""
    table, _ = _place(who)
    row = rows.find(database, table, signer.id, who.id)
    if row is None:
        return None
    return Member(signer.name, who.mention, MemberRole(row.role), from_text(row.added_at))


def _place(who: Identity | Group) -> tuple[Any, str]:
    """The table of such members, and its column for who it is."""
    if isinstance(who, Group):
        return GroupMemberRow, "group_id"
    return MemberRow, "identity_id"


def _is(signer: Signer, who: Identity | Group) -> Any:
    """A condition."""
    table, column = _place(who)
    return (table.signer_id == signer.id) & (table._meta.fields[column] == who.id)

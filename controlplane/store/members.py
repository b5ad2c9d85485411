"""Memberships as rows: of identities, and of groups, whose users have their roles."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from peewee import Database

from controlplane.domain.instant import from_text, to_text
from controlplane.domain.model import Group, Identity, Member, MemberRole, Signer
from controlplane.domain.names import GROUP_MARK
from controlplane.domain.permissions import settle_role
from controlplane.store.tables import (
    GroupMemberRow,
    GroupRow,
    IdentityRow,
    MemberRow,
    MembershipRow,
    SignerRow,
)


def find_role(database: Database, signer_id: str, identity_id: str) -> MemberRole | None:
    """Its own or by its groups, as `settle_role` has it; so do the others here that tell roles."""
    query = MembershipRow.select().where(
        (MembershipRow.signer_id == signer_id) & (MembershipRow.identity_id == identity_id)
    )
    return _settled(query.execute(database))


def find_role_by_name(database: Database, signer: str, identity_id: str) -> MemberRole | None:
    """None also for a signer that was erased."""
    # First by itself: of a view that is joined a planner may look at all that the identity is in.
    row = SignerRow.select(SignerRow.id).where(SignerRow.name == signer).first(database)
    return None if row is None else find_role(database, row.id, identity_id)


def roles_of(database: Database, identity_id: str) -> dict[str, MemberRole]:
    """By signer id."""
    rows: dict[str, list[MembershipRow]] = {}
    query = MembershipRow.select().where(MembershipRow.identity_id == identity_id)
    for row in query.execute(database):
        rows.setdefault(row.signer_id, []).append(row)
    settled = ((signer_id, _settled(some)) for signer_id, some in rows.items())
    return {signer_id: role for signer_id, role in settled if role is not None}


def auditors_of(database: Database, signer_id: str) -> frozenset[str]:
    """Their ids."""
    rows = MembershipRow.select(MembershipRow.identity_id).where(
        (MembershipRow.signer_id == signer_id) & (MembershipRow.role == MemberRole.AUDITOR.value)
    )
    return frozenset(row.identity_id for row in rows.execute(database))


def put(
    database: Database, signer: Signer, who: Identity | Group, role: MemberRole, at: datetime
) -> None:
    """A member already keeps the time it was added."""
    table, column = _place(who)
    changed = table.update(role=role.value).where(_is(signer, who)).execute(database)
    if not changed:
        columns = {"signer_id": signer.id, column: who.id}
        table.insert(columns | {"role": role.value, "added_at": to_text(at)}).execute(database)


def delete(database: Database, signer: Signer, who: Identity | Group) -> None:
    table, _ = _place(who)
    table.delete().where(_is(signer, who)).execute(database)


def list_after(database: Database, signer: Signer, mention: str, limit: int) -> list[Member]:
    """By name, a group's with its mark, those after this one. Who is one by a group is not
    listed."""
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
    rows = (
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
        for role, added_at, name in rows
    ]


def find(database: Database, signer: Signer, who: Identity | Group) -> Member | None:
    """As it is named itself."""
    table, _ = _place(who)
    row = table.select().where(_is(signer, who)).first(database)
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


def _settled(rows: Iterable[MembershipRow]) -> MemberRole | None:
    """Of the roles of one identity on one signer."""
    own, through = None, set()
    for row in rows:
        role = MemberRole(row.role)
        if row.group_id is None:
            own = role
        else:
            through.add(role)
    return settle_role(own, through)

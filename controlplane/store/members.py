"""Memberships as rows."""

from datetime import datetime

from peewee import Database

from controlplane.domain.instant import from_text, to_text
from controlplane.domain.model import Identity, Member, MemberRole, Signer
from controlplane.store.tables import IdentityRow, MemberRow, SignerRow


def find_role(database: Database, signer_id: str, identity_id: str) -> MemberRole | None:
    row = (
        MemberRow.select()
        .where((MemberRow.signer_id == signer_id) & (MemberRow.identity_id == identity_id))
        .first(database)
    )
    return MemberRole(row.role) if row is not None else None


def find_role_by_name(database: Database, signer: str, identity_id: str) -> MemberRole | None:
    """None also for a signer that was erased."""
    row = (
        MemberRow.select()
        .join(SignerRow, on=(SignerRow.id == MemberRow.signer_id))
        .where((SignerRow.name == signer) & (MemberRow.identity_id == identity_id))
        .first(database)
    )
    return MemberRole(row.role) if row is not None else None


def roles_of(database: Database, identity_id: str) -> dict[str, MemberRole]:
    """By signer id."""
    rows = MemberRow.select().where(MemberRow.identity_id == identity_id)
    return {row.signer_id: MemberRole(row.role) for row in rows.execute(database)}


def auditors_of(database: Database, signer_id: str) -> frozenset[str]:
    """Their ids."""
    rows = MemberRow.select(MemberRow.identity_id).where(
        (MemberRow.signer_id == signer_id) & (MemberRow.role == MemberRole.AUDITOR.value)
    )
    return frozenset(row.identity_id for row in rows.execute(database))


def put(
    database: Database, signer: Signer, identity: Identity, role: MemberRole, at: datetime
) -> None:
    """A member already keeps the time it was added."""
    changed = (
        MemberRow.update(role=role.value)
        .where((MemberRow.signer_id == signer.id) & (MemberRow.identity_id == identity.id))
        .execute(database)
    )
    if not changed:
        MemberRow.insert(
            signer_id=signer.id, identity_id=identity.id, role=role.value, added_at=to_text(at)
        ).execute(database)


def delete(database: Database, signer_id: str, identity_id: str) -> None:
    MemberRow.delete().where(
        (MemberRow.signer_id == signer_id) & (MemberRow.identity_id == identity_id)
    ).execute(database)


def list_after(database: Database, signer: Signer, identity: str, limit: int) -> list[Member]:
    """By identity name, those after this one."""
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


def find(database: Database, signer: Signer, identity: Identity) -> Member | None:
    row = (
        MemberRow.select()
        .where((MemberRow.signer_id == signer.id) & (MemberRow.identity_id == identity.id))
        .first(database)
    )
    if row is None:
        return None
    return Member(signer.name, identity.name, MemberRole(row.role), from_text(row.added_at))

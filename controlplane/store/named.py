"""By what an identity finds what it may read: rows that name it, or a group of it."""

from peewee import Database

from controlplane.domain.model import Identity
from controlplane.store import rows
from controlplane.store.batches import batches
from controlplane.store.members import check_memberships
from controlplane.store.tables import GroupUserRow, PolicyApproverRow, PolicyGroupRow


def check_named(database: Database, identity: Identity) -> None:
    """What memberships and policies have of it was put there by the server. Raises Altered."""
    check_memberships(database, [identity.id])
    alone = PolicyApproverRow.select().where(PolicyApproverRow.identity == identity.name)
    rows.select(database, alone)
    users = GroupUserRow.select().where(GroupUserRow.identity_id == identity.id)
    groups = sorted({row.group_id for row in rows.select(database, users)})
    for some in batches(groups):
        named = PolicyGroupRow.select().where(PolicyGroupRow.group_id.in_(some))
        rows.select(database, named)

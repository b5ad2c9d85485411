"""By what an identity finds what it may read: rows that name it, or a group of it."""

from peewee import Database

from controlplane.domain.model import Identity
from controlplane.store import rows
from controlplane.store.batches import batches
from controlplane.store.tables import GroupUserRow, PolicyApproverRow, PolicyGroupRow


def policies_naming(database: Database, identity: Identity) -> list[str]:
    """Ids of the policies whose steps mean it, itself or by a group. Raises Altered."""
    alone = PolicyApproverRow.select().where(PolicyApproverRow.identity == identity.name)
    found = {row.policy_id for row in rows.select(database, alone)}
    users = GroupUserRow.select().where(GroupUserRow.identity_id == identity.id)
    groups = sorted({row.group_id for row in rows.select(database, users)})
    for some in batches(groups):
        named = PolicyGroupRow.select().where(PolicyGroupRow.group_id.in_(some))
        found.update(row.policy_id for row in rows.select(database, named))
    return sorted(found)

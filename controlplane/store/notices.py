"""Rows about identities, and which of them the holder of a key was told of."""

import msgspec
from peewee import EXCLUDED, Database

from controlplane.domain.action import Action
from controlplane.domain.instant import from_text, to_text
from controlplane.domain.model import ApiKey, Identity
from controlplane.domain.notice import ACTIONS, MOST_AT_ONCE, Notice
from controlplane.store.tables import IdentityRow, NoticeSeenRow, OperationRow


def find_unseen(database: Database, identity: Identity, key: ApiKey) -> tuple[Notice, ...]:
    """About it, its machines and those that are to be its own, since this key of it was made; the
    oldest first, not all of many. What it did to its machines itself is no news."""
    seen = NoticeSeenRow.select().where(NoticeSeenRow.api_key_id == key.id).first(database)
    own = identity.name
    theirs = IdentityRow.select(IdentityRow.name).where(
        (IdentityRow.name == own) | (IdentityRow.owner == own) | (IdentityRow.proposed_owner == own)
    )
    query = OperationRow.select().where(
        OperationRow.object.is_null(False)
        & OperationRow.object.in_(theirs)
        & OperationRow.action.in_([action.value for action in ACTIONS])
        & (OperationRow.sequence > (0 if seen is None else seen.sequence))
        & (OperationRow.created_at > to_text(key.created_at))
        & (
            (OperationRow.object == own)
            | OperationRow.actor.is_null()
            | (OperationRow.actor != own)
        )
    )
    rows = query.order_by(OperationRow.sequence).limit(MOST_AT_ONCE).execute(database)
    return tuple(map(_notice, rows))


def mark_seen(database: Database, key_id: str, sequence: int) -> None:
    """Up to this row."""
    NoticeSeenRow.insert(api_key_id=key_id, sequence=sequence).on_conflict(
        conflict_target=[NoticeSeenRow.api_key_id],
        preserve=[NoticeSeenRow.sequence],
        where=(EXCLUDED.sequence > NoticeSeenRow.sequence),
    ).execute(database)


def _notice(row: OperationRow) -> Notice:
    details = msgspec.json.decode(row.details) if row.details else {}
    return Notice(
        id=row.id,
        sequence=row.sequence,
        at=from_text(row.created_at),
        by=row.actor,
        action=Action(str(row.action)),
        about=row.object or "",
        api_key_id=details.get("api_key_id"),
    )

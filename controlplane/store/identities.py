"""Identities and API keys as rows."""

from collections.abc import Collection

from peewee import Database

from controlplane.domain.instant import from_text, to_text
from controlplane.domain.model import ApiKey, Identity, IdentityKind, ServerRole
from controlplane.store.batches import batches
from controlplane.store.tables import ApiKeyRow, IdentityRow


def insert(database: Database, identity: Identity) -> None:
    IdentityRow.insert(
        id=identity.id,
        name=identity.name,
        kind=identity.kind.value,
        role=identity.role.value if identity.role else None,
        owner=identity.owner,
        disabled=identity.disabled,
        created_at=to_text(identity.created_at),
    ).execute(database)


def update(database: Database, identity: Identity) -> None:
    """Role and disabled: nothing else changes."""
    IdentityRow.update(
        role=identity.role.value if identity.role else None, disabled=identity.disabled
    ).where(IdentityRow.id == identity.id).execute(database)


def find(database: Database, name: str) -> Identity | None:
    row = IdentityRow.select().where(IdentityRow.name == name).first(database)
    return _identity(row) if row is not None else None


def find_by_id(database: Database, identity_id: str) -> Identity | None:
    row = IdentityRow.select().where(IdentityRow.id == identity_id).first(database)
    return _identity(row) if row is not None else None


def find_all(database: Database, names: Collection[str]) -> dict[str, Identity]:
    """By name, those that there are."""
    found: dict[str, Identity] = {}
    for some in batches(sorted(names)):
        query = IdentityRow.select().where(IdentityRow.name.in_(some))
        found.update((row.name, _identity(row)) for row in query.execute(database))
    return found


def list_after(database: Database, name: str, limit: int) -> list[Identity]:
    """By name, those after this one."""
    rows = IdentityRow.select().where(IdentityRow.name > name).order_by(IdentityRow.name)
    return [_identity(row) for row in rows.limit(limit).execute(database)]


def insert_key(database: Database, key: ApiKey, digest: bytes) -> None:
    ApiKeyRow.insert(
        id=key.id,
        identity_id=key.identity_id,
        hash=digest,
        created_at=to_text(key.created_at),
        revoked_at=None,
    ).execute(database)


def revoke_key(database: Database, key: ApiKey) -> None:
    revoked_at = to_text(key.revoked_at) if key.revoked_at is not None else None
    ApiKeyRow.update(revoked_at=revoked_at).where(ApiKeyRow.id == key.id).execute(database)


def find_key(database: Database, digest: bytes) -> ApiKey | None:
    row = ApiKeyRow.select().where(ApiKeyRow.hash == digest).first(database)
    return _key(row) if row is not None else None


def find_key_by_id(database: Database, key_id: str) -> ApiKey | None:
    row = ApiKeyRow.select().where(ApiKeyRow.id == key_id).first(database)
    return _key(row) if row is not None else None


def keys_of(database: Database, identity_id: str) -> tuple[ApiKey, ...]:
    """Oldest first."""
    rows = ApiKeyRow.select().where(ApiKeyRow.identity_id == identity_id).order_by(ApiKeyRow.id)
    return tuple(_key(row) for row in rows.execute(database))


def count_other_admins(database: Database, identity_id: str) -> int:
    """Enabled admins with a key that is not revoked, this one not counted."""
    with_key = ApiKeyRow.select(ApiKeyRow.identity_id).where(ApiKeyRow.revoked_at.is_null())
    admins = IdentityRow.select().where(
        (IdentityRow.role == ServerRole.ADMIN.value)
        & (IdentityRow.disabled == False)  # noqa: E712  # SQL, not Python
        & (IdentityRow.id != identity_id)
        & IdentityRow.id.in_(with_key)
    )
    return int(admins.count(database))


def _identity(row: IdentityRow) -> Identity:
    return Identity(
        id=row.id,
        name=row.name,
        kind=IdentityKind(row.kind),
        role=ServerRole(row.role) if row.role else None,
        disabled=row.disabled,
        owner=row.owner,
        created_at=from_text(row.created_at),
    )


def _key(row: ApiKeyRow) -> ApiKey:
    return ApiKey(
        id=row.id,
        identity_id=row.identity_id,
        created_at=from_text(row.created_at),
        revoked_at=from_text(row.revoked_at) if row.revoked_at else None,
    )

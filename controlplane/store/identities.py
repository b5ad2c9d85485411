"""Identities and API keys as rows."""

from collections.abc import Collection
from datetime import datetime
from ipaddress import ip_network

from peewee import Database

from controlplane.domain.instant import to_text
from controlplane.domain.model import ApiKey, Identity, ServerRole
from controlplane.store.batches import batches
from controlplane.store.mapping import Form, shared
from controlplane.store.tables import ApiKeyRow, IdentityRow

_IDENTITY = shared(Identity, IdentityRow)
_NETWORKS = Form(
    lambda networks: " ".join(map(str, networks)),
    lambda text: tuple(ip_network(each) for each in text.split()),
)
_KEY = shared(ApiKey, ApiKeyRow, allowed_addresses=_NETWORKS)


def insert(database: Database, identity: Identity) -> None:
    IdentityRow.insert(_IDENTITY.write(identity)).execute(database)


def update(database: Database, identity: Identity) -> None:
    """Role and disabled: nothing else changes."""
    IdentityRow.update(_IDENTITY.write(identity, "role", "disabled")).where(
        IdentityRow.id == identity.id
    ).execute(database)


def find(database: Database, name: str) -> Identity | None:
    row = IdentityRow.select().where(IdentityRow.name == name).first(database)
    return _IDENTITY.read(row) if row is not None else None


def find_by_id(database: Database, identity_id: str) -> Identity | None:
    row = IdentityRow.select().where(IdentityRow.id == identity_id).first(database)
    return _IDENTITY.read(row) if row is not None else None


def find_all(database: Database, names: Collection[str]) -> dict[str, Identity]:
    """By name, those that there are."""
    found: dict[str, Identity] = {}
    for some in batches(sorted(names)):
        query = IdentityRow.select().where(IdentityRow.name.in_(some))
        found.update((row.name, _IDENTITY.read(row)) for row in query.execute(database))
    return found


def list_after(database: Database, name: str, limit: int) -> list[Identity]:
    """By name, those after this one."""
    rows = IdentityRow.select().where(IdentityRow.name > name).order_by(IdentityRow.name)
    return [_IDENTITY.read(row) for row in rows.limit(limit).execute(database)]


def insert_key(database: Database, key: ApiKey, digest: bytes) -> None:
    ApiKeyRow.insert(_KEY.write(key) | {"hash": digest}).execute(database)


def revoke_key(database: Database, key: ApiKey) -> None:
    ApiKeyRow.update(_KEY.write(key, "revoked_at")).where(ApiKeyRow.id == key.id).execute(database)


def find_key(database: Database, digest: bytes) -> ApiKey | None:
    row = ApiKeyRow.select().where(ApiKeyRow.hash == digest).first(database)
    return _KEY.read(row) if row is not None else None


def find_key_by_id(database: Database, key_id: str) -> ApiKey | None:
    row = ApiKeyRow.select().where(ApiKeyRow.id == key_id).first(database)
    return _KEY.read(row) if row is not None else None


def keys_of(database: Database, identity_id: str) -> tuple[ApiKey, ...]:
    """Oldest first."""
    rows = ApiKeyRow.select().where(ApiKeyRow.identity_id == identity_id).order_by(ApiKeyRow.id)
    return tuple(_KEY.read(row) for row in rows.execute(database))


def count_other_admins(database: Database, identity_id: str, now: datetime) -> int:
    """Enabled admins with a key that is not revoked and has not ended, this one not counted."""
    with_key = ApiKeyRow.select(ApiKeyRow.identity_id).where(
        ApiKeyRow.revoked_at.is_null()
        & (ApiKeyRow.expires_at.is_null() | (ApiKeyRow.expires_at > to_text(now)))
    )
    admins = IdentityRow.select().where(
        (IdentityRow.role == ServerRole.ADMIN.value)
        & (IdentityRow.disabled == False)  # noqa: E712  # SQL, not Python
        & (IdentityRow.id != identity_id)
        & IdentityRow.id.in_(with_key)
    )
    return int(admins.count(database))

"""Identities and API keys as rows."""

from collections.abc import Collection, Mapping
from datetime import date, datetime
from ipaddress import ip_network

from peewee import EXCLUDED, Database

from controlplane.domain.instant import to_text
from controlplane.domain.model import ApiKey, Identity, LastUse, ServerRole
from controlplane.store.batches import batches
from controlplane.store.mapping import Form, shared
from controlplane.store.tables import ApiKeyRow, ApiKeyUseRow, IdentityRow

_IDENTITY = shared(Identity, IdentityRow)
_CHANGING = ("role", "disabled", "owner", "proposed_owner", "email")
NETWORKS = Form(
    lambda networks: " ".join(map(str, networks)),
    lambda text: tuple(ip_network(each) for each in text.split()),
)
_KEY = shared(ApiKey, ApiKeyRow, allowed_addresses=NETWORKS)


def insert(database: Database, identity: Identity) -> None:
    IdentityRow.insert(_IDENTITY.write(identity)).execute(database)


def update(database: Database, identity: Identity) -> None:
    """What can change: not its name and kind."""
    IdentityRow.update(_IDENTITY.write(identity, *_CHANGING)).where(
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


def names_beginning(database: Database, text: str) -> list[str]:
    query = IdentityRow.select(IdentityRow.name).where(IdentityRow.name.startswith(text))
    return [name for (name,) in query.order_by(IdentityRow.name).tuples().execute(database)]


def machines_of(database: Database, user: str) -> list[Identity]:
    """By name, those that the user owns or is to own."""
    theirs = (IdentityRow.owner == user) | (IdentityRow.proposed_owner == user)
    rows = IdentityRow.select().where(theirs).order_by(IdentityRow.name)
    return [_IDENTITY.read(row) for row in rows.execute(database)]


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
    """Oldest first, with their last uses."""
    of_it = ApiKeyRow.identity_id == identity_id
    ids = ApiKeyRow.select(ApiKeyRow.id).where(of_it)
    uses = ApiKeyUseRow.select().where(ApiKeyUseRow.api_key_id.in_(ids)).execute(database)
    used = {row.api_key_id: LastUse(date.fromisoformat(row.used_on), row.used_from) for row in uses}
    keys = ApiKeyRow.select().where(of_it).order_by(ApiKeyRow.id).execute(database)
    return tuple(_KEY.read(row, last_use=used.get(row.id)) for row in keys)


def with_enrolled_key(database: Database, identity_ids: Collection[str]) -> frozenset[str]:
    """Those of these that have one which is not revoked."""
    found: set[str] = set()
    for some in batches(sorted(identity_ids)):
        query = ApiKeyRow.select(ApiKeyRow.identity_id).where(
            ApiKeyRow.identity_id.in_(some)
            & ApiKeyRow.revoked_at.is_null()
            & (ApiKeyRow.enrolled == True)  # noqa: E712  # SQL, not Python
        )
        found.update(row.identity_id for row in query.execute(database))
    return frozenset(found)


def had_key_before(database: Database, key: ApiKey) -> bool:
    """Whether its identity had another one when it was made, whatever became of that."""
    others = ApiKeyRow.select().where(
        (ApiKeyRow.identity_id == key.identity_id)
        & (ApiKeyRow.id != key.id)
        & (ApiKeyRow.created_at <= to_text(key.created_at))
    )
    return bool(others.exists(database))


def note_uses(database: Database, uses: Mapping[str, LastUse]) -> None:
    """By the ids of keys. A later day that was noted before stays."""
    for some in batches(sorted(uses)):
        rows = [
            {
                "api_key_id": key_id,
                "used_on": uses[key_id].on.isoformat(),
                "used_from": uses[key_id].address,
            }
            for key_id in some
        ]
        ApiKeyUseRow.insert_many(rows).on_conflict(
            conflict_target=[ApiKeyUseRow.api_key_id],
            preserve=[ApiKeyUseRow.used_on, ApiKeyUseRow.used_from],
            where=(EXCLUDED.used_on >= ApiKeyUseRow.used_on),
        ).execute(database)


def admins(database: Database) -> list[Identity]:
    """By name, those that are enabled."""
    query = IdentityRow.select().where(
        (IdentityRow.role == ServerRole.ADMIN.value) & (IdentityRow.disabled == False)  # noqa: E712  # SQL, not Python
    )
    return [_IDENTITY.read(row) for row in query.order_by(IdentityRow.name).execute(database)]


def count_other_admins(database: Database, but: Collection[str], now: datetime) -> int:
    """Enabled admins with a key that is not revoked and has not ended; `but`: ids of those that are
    not counted."""
    with_key = ApiKeyRow.select(ApiKeyRow.identity_id).where(
        ApiKeyRow.revoked_at.is_null()
        & (ApiKeyRow.expires_at.is_null() | (ApiKeyRow.expires_at > to_text(now)))
    )
    admins = IdentityRow.select().where(
        (IdentityRow.role == ServerRole.ADMIN.value)
        & (IdentityRow.disabled == False)  # noqa: E712  # SQL, not Python
        & IdentityRow.id.not_in(list(but))
        & IdentityRow.id.in_(with_key)
    )
    return int(admins.count(database))

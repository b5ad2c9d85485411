"""Identities and API keys as rows."""

from collections.abc import Collection, Mapping
from datetime import date, datetime
from ipaddress import ip_network

from peewee import EXCLUDED, Database

from controlplane.domain.instant import to_text
from controlplane.domain.model import ApiKey, Identity, LastUse, ServerRole
from controlplane.store import rows
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
    rows.insert(database, IdentityRow, _IDENTITY.write(identity))


def update(database: Database, identity: Identity) -> None:
    """What can change: not its name and kind."""
    columns = _IDENTITY.write(identity, *_CHANGING)
    rows.update(database, IdentityRow, IdentityRow.id == identity.id, columns)


def find(database: Database, name: str) -> Identity | None:
    row = rows.find(database, IdentityRow, name)
    return _IDENTITY.read(row) if row is not None else None


def find_by_id(database: Database, identity_id: str) -> Identity | None:
    row = rows.first(database, IdentityRow.select().where(IdentityRow.id == identity_id))
    return _IDENTITY.read(row) if row is not None else None


def find_all(database: Database, names: Collection[str]) -> dict[str, Identity]:
    """By name, those that there are."""
    found: dict[str, Identity] = {}
    for some in batches(sorted(names)):
        query = IdentityRow.select().where(IdentityRow.name.in_(some))
        found.update((row.name, _IDENTITY.read(row)) for row in rows.select(database, query))
        for name in some:
            if name not in found:
                rows.require_absent(database, IdentityRow, name)
    return found


def list_after(database: Database, name: str, limit: int) -> list[Identity]:
    """By name, those after this one."""
    query = IdentityRow.select().where(IdentityRow.name > name).order_by(IdentityRow.name)
    return rows.load_sound(
        database, query.limit(limit), lambda found: [_IDENTITY.read(row) for row in found]
    )


def names_beginning(database: Database, text: str) -> list[str]:
    query = IdentityRow.select(IdentityRow.name).where(IdentityRow.name.startswith(text))
    return [name for (name,) in query.order_by(IdentityRow.name).tuples().execute(database)]


def machines_of(database: Database, user: str) -> list[Identity]:
    """By name, those that the user owns or is to own."""
    theirs = [
        row
        for row in rows.everything(database, IdentityRow)
        if user in (row.owner, row.proposed_owner)
    ]
    return [_IDENTITY.read(row) for row in sorted(theirs, key=lambda row: str(row.name))]


def insert_key(database: Database, key: ApiKey, digest: bytes) -> None:
    rows.insert(database, ApiKeyRow, _KEY.write(key) | {"hash": digest})


def revoke_key(database: Database, key: ApiKey) -> None:
    rows.update(database, ApiKeyRow, ApiKeyRow.id == key.id, _KEY.write(key, "revoked_at"))


def find_key(database: Database, digest: bytes) -> ApiKey | None:
    row = rows.first(database, ApiKeyRow.select().where(ApiKeyRow.hash == digest))
    return _KEY.read(row) if row is not None else None


def find_key_by_id(database: Database, key_id: str) -> ApiKey | None:
    row = rows.first(database, ApiKeyRow.select().where(ApiKeyRow.id == key_id))
    return _KEY.read(row) if row is not None else None


def keys_of(database: Database, identity_id: str) -> tuple[ApiKey, ...]:
    """Oldest first, with their last uses."""
    of_it = ApiKeyRow.identity_id == identity_id
    ids = ApiKeyRow.select(ApiKeyRow.id).where(of_it)
    uses = ApiKeyUseRow.select().where(ApiKeyUseRow.api_key_id.in_(ids)).execute(database)
    used = {row.api_key_id: LastUse(date.fromisoformat(row.used_on), row.used_from) for row in uses}
    keys = sorted(rows.family(database, ApiKeyRow, identity_id), key=lambda row: row.id)
    return tuple(_KEY.read(row, last_use=used.get(row.id)) for row in keys)


def with_enrolled_key(database: Database, identity_ids: Collection[str]) -> frozenset[str]:
    """Those of these that have one which is not revoked."""
    return frozenset(
        identity_id
        for identity_id, keys in rows.families(database, ApiKeyRow, identity_ids).items()
        if any(row.revoked_at is None and row.enrolled for row in keys)
    )


def had_key_before(database: Database, key: ApiKey) -> bool:
    """Whether its identity had another one when it was made, whatever became of that."""
    made = to_text(key.created_at)
    keys = rows.family(database, ApiKeyRow, key.identity_id)
    return any(row.id != key.id and row.created_at <= made for row in keys)


def note_uses(database: Database, uses: Mapping[str, LastUse]) -> None:
    """By the ids of keys. A later day that was noted before stays."""
    for some in batches(sorted(uses)):
        noted = [
            {
                "api_key_id": key_id,
                "used_on": uses[key_id].on.isoformat(),
                "used_from": uses[key_id].address,
            }
            for key_id in some
        ]
        ApiKeyUseRow.insert_many(noted).on_conflict(
            conflict_target=[ApiKeyUseRow.api_key_id],
            preserve=[ApiKeyUseRow.used_on, ApiKeyUseRow.used_from],
            where=(EXCLUDED.used_on >= ApiKeyUseRow.used_on),
        ).execute(database)


def admins(database: Database) -> list[Identity]:
    """By name, those that are enabled."""
    query = IdentityRow.select().where(
        (IdentityRow.role == ServerRole.ADMIN.value) & (IdentityRow.disabled == False)  # noqa: E712  # SQL, not Python
    )
    query = query.order_by(IdentityRow.name)
    return [_IDENTITY.read(row) for row in rows.select(database, query)]


def ids_of_admin_keys(database: Database, now: datetime) -> tuple[str, ...]:
    """In order: of the API keys by which an enabled admin can call, as far as they are sound."""
    query = IdentityRow.select().where(
        (IdentityRow.role == ServerRole.ADMIN.value) & (IdentityRow.disabled == False)  # noqa: E712  # SQL, not Python
    )
    ids = [row.id for row in rows.select_sound(database, query)]
    keys = ApiKeyRow.select().where(
        ApiKeyRow.identity_id.in_(ids)
        & ApiKeyRow.revoked_at.is_null()
        & ApiKeyRow.suspended_at.is_null()
        & (ApiKeyRow.expires_at.is_null() | (ApiKeyRow.expires_at > to_text(now)))
    )
    return tuple(sorted(row.id for row in rows.select_sound(database, keys)))


def count_other_admins(database: Database, but: Collection[str], now: datetime) -> int:
    """Enabled admins with a key that is not revoked or suspended and has not ended; `but`: ids of
    those that are not counted."""
    with_key = ApiKeyRow.select(ApiKeyRow.identity_id).where(
        ApiKeyRow.revoked_at.is_null()
        & ApiKeyRow.suspended_at.is_null()
        & (ApiKeyRow.expires_at.is_null() | (ApiKeyRow.expires_at > to_text(now)))
    )
    admins = IdentityRow.select().where(
        (IdentityRow.role == ServerRole.ADMIN.value)
        & (IdentityRow.disabled == False)  # noqa: E712  # SQL, not Python
        & IdentityRow.id.not_in(list(but))
        & IdentityRow.id.in_(with_key)
    )
    found = rows.select(database, admins)
    keys = ApiKeyRow.select().where(ApiKeyRow.identity_id.in_([row.id for row in found]))
    rows.select(database, keys)
    return len(found)

"""The built-in CA as rows: the root at position 0, then the intermediate that issues."""

from dataclasses import dataclass

from peewee import Database

from controlplane.domain.keys import KeyReference, Purpose
from controlplane.store import rows
from controlplane.store.tables import AuthorityRow


@dataclass(frozen=True, slots=True)
class StoredAuthority:
    certificate: bytes  # DER
    key: KeyReference


def insert(database: Database, position: int, authority: StoredAuthority) -> None:
    columns = {
        "id": authority.key.owner,
        "position": position,
        "certificate": authority.certificate,
        "public_key": authority.key.public_key,
        "handle": authority.key.handle,
    }
    rows.insert(database, AuthorityRow, columns)


def load_all(database: Database) -> list[StoredAuthority]:
    """Root first."""
    found = sorted(rows.everything(database, AuthorityRow), key=lambda row: int(row.position))
    return [
        StoredAuthority(
            bytes(row.certificate),
            KeyReference(
                row.id, row.id, Purpose.AUTHORITY, bytes(row.public_key), bytes(row.handle)
            ),
        )
        for row in found
    ]

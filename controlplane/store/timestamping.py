"""Keys of timestamping as rows: the authority's, and those of the units that sign."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from peewee import Database

from controlplane.domain.instant import from_text, to_text
from controlplane.domain.keys import KeyReference, Purpose
from controlplane.store import rows
from controlplane.store.tables import TimestampingRow


class Role(StrEnum):
    AUTHORITY = "authority"
    UNIT = "unit"


@dataclass(frozen=True, slots=True)
class TimestampingKey:
    """`key` None: it was destroyed."""

    id: str
    role: Role
    certificate: bytes  # DER
    key: KeyReference | None
    created_at: datetime


def insert(
    database: Database, role: Role, certificate: bytes, key: KeyReference, at: datetime
) -> None:
    columns = {
        "id": key.owner,
        "role": role.value,
        "certificate": certificate,
        "public_key": key.public_key,
        "handle": key.handle,
        "created_at": to_text(at),
    }
    rows.insert(database, TimestampingRow, columns)


def load_all(database: Database) -> list[TimestampingKey]:
    """Oldest first."""
    found = sorted(rows.everything(database, TimestampingRow), key=lambda row: str(row.created_at))
    return [_read(row) for row in found]


def destroy(database: Database, id_: str) -> None:
    """The private half."""
    rows.update(database, TimestampingRow, TimestampingRow.id == id_, {"handle": None})


def _read(row: TimestampingRow) -> TimestampingKey:
    key = None
    if row.handle is not None:
        purpose = Purpose.TIMESTAMPING
        key = KeyReference(row.id, row.id, purpose, bytes(row.public_key), bytes(row.handle))
    at = from_text(row.created_at)
    return TimestampingKey(row.id, Role(row.role), bytes(row.certificate), key, at)

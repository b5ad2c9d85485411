"""The checkpoint that was published last: a signed note, which proves itself."""

from dataclasses import dataclass
from datetime import datetime

from peewee import Database

from controlplane.domain.instant import from_text, to_text
from controlplane.errors import Altered
from controlplane.store.dialect import place
from controlplane.store.rows import fetch
from controlplane.store.tables import CheckpointRow

_ID = 1
_PUT = """
    INSERT INTO checkpoints (id, note, published_at) VALUES (?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET note = excluded.note, published_at = excluded.published_at
"""


@dataclass(frozen=True, slots=True)
class Published:
    note: str  # whoever reads it holds it against the log's key
    at: datetime


def read(database: Database) -> Published | None:
    """None also where what stands there cannot be read."""
    try:
        found = fetch(database, CheckpointRow.select().where(CheckpointRow.id == _ID))
        return Published(found[0].note, from_text(found[0].published_at)) if found else None
    except (Altered, ValueError, TypeError):
        return None


def put(database: Database, published: Published) -> None:
    values = (_ID, published.note, to_text(published.at))
    database.execute_sql(place(database, _PUT), values)  # type: ignore[no-untyped-call]

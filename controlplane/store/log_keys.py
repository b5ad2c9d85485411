"""Keys of the log as rows: one for each instance of the store."""

from datetime import datetime

from peewee import Database

from controlplane.domain.instant import from_text, to_text
from controlplane.domain.keys import KeyReference, Purpose
from controlplane.domain.log_key import LogKey, make_origin
from controlplane.domain.settings import LOG_ORIGIN
from controlplane.store import rows
from controlplane.store.settings import read_setting
from controlplane.store.tables import LogKeyRow


def insert(database: Database, key: KeyReference, at: datetime) -> None:
    """`key.owner`: the instance that it is for."""
    columns = {
        "id": key.id,
        "instance": key.owner,
        "public_key": key.public_key,
        "handle": key.handle,
        "created_at": to_text(at),
    }
    rows.insert(database, LogKeyRow, columns)


def list_all(database: Database) -> list[LogKey]:
    """The newest first. Raises Altered."""
    found = sorted(rows.everything(database, LogKeyRow), key=_made, reverse=True)
    taken = {row.origin for row in found if row.origin is not None}
    wanted = read_setting(database, LOG_ORIGIN)
    return [
        LogKey(
            KeyReference(
                row.id,
                row.instance,
                Purpose.LOG,
                bytes(row.public_key),
                b"" if row.handle is None else bytes(row.handle),
            ),
            row.instance,
            make_origin(wanted, row.instance, taken) if row.origin is None else row.origin,
            from_text(row.created_at),
            None if row.begun_at is None else from_text(row.begun_at),
            None if row.ended_at is None else from_text(row.ended_at),
        )
        for row in found
    ]


def begin(database: Database, key: LogKey, at: datetime) -> None:
    """Its origin is fixed."""
    columns = {"origin": key.origin, "begun_at": to_text(at)}
    rows.update(database, LogKeyRow, LogKeyRow.id == key.key.id, columns)


def end_all(database: Database, at: datetime) -> None:
    """Those that have not ended; of their private halves nothing is kept."""
    open_ = [row for row in rows.everything(database, LogKeyRow) if row.ended_at is None]
    rows.update_all(database, LogKeyRow, open_, {"ended_at": to_text(at), "handle": None})


def _made(row: LogKeyRow) -> tuple[bool, str]:
    return row.ended_at is None, str(row.created_at)

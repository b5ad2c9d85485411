"""The clock that was accepted last, if any."""

from peewee import Database

from controlplane.domain.clock import AcceptedClock
from controlplane.store import rows
from controlplane.store.mapping import shared
from controlplane.store.tables import AcceptedClockRow

_ID = 1
_CLOCK = shared(AcceptedClock, AcceptedClockRow)


def read(database: Database) -> AcceptedClock | None:
    row = rows.find(database, AcceptedClockRow, _ID)
    return None if row is None else _CLOCK.read(row)


def write(database: Database, accepted: AcceptedClock) -> None:
    columns = {"id": _ID, **_CLOCK.write(accepted)}
    if not rows.update(
        database, AcceptedClockRow, AcceptedClockRow.id == _ID, columns, may_lack=True
    ):
        rows.insert(database, AcceptedClockRow, columns)

"""The one row of the installation: which instance of its store this is, and whether that is noted
outside."""

from dataclasses import dataclass
from datetime import datetime

from peewee import Database

from controlplane.domain.instant import to_text
from controlplane.store import rows
from controlplane.store.tables import Installation
from controlplane.store.transaction import transaction_of

_ID = 1


@dataclass(frozen=True, slots=True)
class InstallationFacts:
    """`former`: instances that ended when somebody accepted a rollback."""

    is_anchored: bool
    former: frozenset[str]


def read(database: Database) -> InstallationFacts:
    row = _row(database)
    return InstallationFacts(row.anchored_at is not None, frozenset(_former(row)))


def mark_anchored(database: Database, now: datetime) -> None:
    """From now on an anchor that is missing is missed. Within a write."""
    rows.update(database, Installation, Installation.id == _ID, {"anchored_at": to_text(now)})


def begin_instance(database: Database, instance: str, now: datetime) -> None:
    """The store goes on as another one. Within a write."""
    row = _row(database)
    columns = {
        "instance": instance,
        "former_instances": " ".join([*_former(row), row.instance]),
        "anchored_at": to_text(now),
    }
    rows.update(database, Installation, Installation.id == _ID, columns)
    transaction_of(database).begin_instance(instance)


def _row(database: Database) -> Installation:
    row = rows.find(database, Installation, _ID)
    if row is None:
        raise AssertionError("a store has an installation")
    return row


def _former(row: Installation) -> list[str]:
    return (row.former_instances or "").split()

"""Enrolments as rows."""

from dataclasses import replace
from datetime import datetime

from peewee import Database

from controlplane.domain.enrolment import Enrolment
from controlplane.domain.instant import to_text
from controlplane.store import rows
from controlplane.store.identities import NETWORKS
from controlplane.store.mapping import shared
from controlplane.store.tables import EnrolmentRow

_ENROLMENT = shared(Enrolment, EnrolmentRow, allowed_addresses=NETWORKS)


def insert(database: Database, enrolment: Enrolment, digest: bytes) -> None:
    rows.insert(database, EnrolmentRow, _ENROLMENT.write(enrolment) | {"hash": digest})


def find(database: Database, digest: bytes) -> Enrolment | None:
    row = rows.first(database, EnrolmentRow.select().where(EnrolmentRow.hash == digest))
    return _ENROLMENT.read(row) if row is not None else None


def find_open(database: Database, identity_id: str, now: datetime) -> tuple[Enrolment, ...]:
    """Of an identity, those that can still be used, oldest first."""
    query = EnrolmentRow.select().where(
        (EnrolmentRow.identity_id == identity_id)
        & EnrolmentRow.ended_at.is_null()
        & (EnrolmentRow.expires_at > to_text(now))
    )
    return tuple(map(_ENROLMENT.read, rows.select(database, query.order_by(EnrolmentRow.id))))


def end_open(database: Database, identity_id: str, now: datetime) -> None:
    """Of an identity: none of its codes gets a key any more."""
    theirs = rows.family(database, EnrolmentRow, identity_id)
    open_ = [row for row in theirs if row.ended_at is None]
    rows.update_all(database, EnrolmentRow, open_, {"ended_at": to_text(now)})


def end_all(database: Database, now: datetime) -> None:
    """Of everybody."""
    open_ = EnrolmentRow.ended_at.is_null() & (EnrolmentRow.expires_at > to_text(now))
    found = rows.matching(database, EnrolmentRow, open_)
    rows.update_all(database, EnrolmentRow, found, {"ended_at": to_text(now)})


def use(database: Database, enrolment: Enrolment, api_key_id: str, now: datetime) -> None:
    used = replace(enrolment, ended_at=now, api_key_id=api_key_id)
    columns = _ENROLMENT.write(used, "ended_at", "api_key_id")
    rows.update(database, EnrolmentRow, EnrolmentRow.id == enrolment.id, columns)

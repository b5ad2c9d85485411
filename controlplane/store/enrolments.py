"""Enrolments as rows."""

from dataclasses import replace
from datetime import datetime

from peewee import Database

from controlplane.domain.enrolment import Enrolment
from controlplane.domain.instant import to_text
from controlplane.store.identities import NETWORKS
from controlplane.store.mapping import shared
from controlplane.store.tables import EnrolmentRow

_ENROLMENT = shared(Enrolment, EnrolmentRow, allowed_addresses=NETWORKS)


def insert(database: Database, enrolment: Enrolment, digest: bytes) -> None:
    EnrolmentRow.insert(_ENROLMENT.write(enrolment) | {"hash": digest}).execute(database)


def find(database: Database, digest: bytes) -> Enrolment | None:
    row = EnrolmentRow.select().where(EnrolmentRow.hash == digest).first(database)
    return _ENROLMENT.read(row) if row is not None else None


def find_open(database: Database, identity_id: str, now: datetime) -> tuple[Enrolment, ...]:
    """Of an identity, those that can still be used, oldest first."""
    query = EnrolmentRow.select().where(
        (EnrolmentRow.identity_id == identity_id)
        & EnrolmentRow.ended_at.is_null()
        & (EnrolmentRow.expires_at > to_text(now))
    )
    return tuple(map(_ENROLMENT.read, query.order_by(EnrolmentRow.id).execute(database)))


def end_open(database: Database, identity_id: str, now: datetime) -> None:
    """Of an identity: none of its codes gets a key any more."""
    EnrolmentRow.update(ended_at=to_text(now)).where(
        (EnrolmentRow.identity_id == identity_id) & EnrolmentRow.ended_at.is_null()
    ).execute(database)


def use(database: Database, enrolment: Enrolment, api_key_id: str, now: datetime) -> None:
    used = replace(enrolment, ended_at=now, api_key_id=api_key_id)
    EnrolmentRow.update(_ENROLMENT.write(used, "ended_at", "api_key_id")).where(
        EnrolmentRow.id == enrolment.id
    ).execute(database)

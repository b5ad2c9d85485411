"""What runs in the background as rows."""

from collections.abc import Collection

from peewee import Database

from controlplane.domain.job import JobRecord
from controlplane.errors import Altered
from controlplane.store.mapping import shared
from controlplane.store.rows import fetch
from controlplane.store.tables import JobRow

_JOB = shared(JobRecord, JobRow)


def list_all(database: Database) -> list[JobRecord]:
    """By name; without those that cannot be read, because somebody wrote to them."""
    try:
        found = fetch(database, JobRow.select().order_by(JobRow.name))
    except Altered:
        return []
    read = [_read(row) for row in found]
    return [each for each in read if each is not None]


def put(database: Database, jobs: Collection[JobRecord]) -> None:
    """In the place of what stood there of them."""
    JobRow.delete().where(JobRow.name.in_([each.name for each in jobs])).execute(database)
    JobRow.insert_many([_JOB.write(each) for each in jobs]).execute(database)


def keep_only(database: Database, names: Collection[str]) -> None:
    JobRow.delete().where(JobRow.name.not_in(list(names))).execute(database)


def _read(row: JobRow) -> JobRecord | None:
    try:
        return _JOB.read(row)
    except (ValueError, TypeError):
        return None

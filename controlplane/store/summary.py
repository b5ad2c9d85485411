"""What a store is, in a row: which one it is, of which schema, and where its log ends."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from peewee import Database

from controlplane.domain.instant import from_text
from controlplane.store.dialect import place
from controlplane.store.migrations import current_version
from controlplane.store.shape import tables_of


@dataclass(frozen=True, slots=True)
class Summary:
    """`version`: of the product that made it, at `made_at`; `instance`: of the store, None for one
    that has none; the head of its log, whose last row is of `at`, None for an empty log. Times are
    text, as in the store."""

    version: str
    made_at: str
    schema: int
    instance: str | None
    sequence: int
    row_hash: str
    at: str | None
    master_key_check: bytes

    @property
    def last_row_at(self) -> datetime | None:
        return None if self.at is None else from_text(self.at)


def summarise(database: Database, version: str, made_at: str) -> Summary:
    """Of a store whose schema is known; within a read."""
    schema = current_version(database)
    (table,) = (table for table in tables_of(schema) if table.name == "installation")
    instance = "instance" if "instance" in table.columns else "NULL"
    statement = f"SELECT master_key_check, {instance} FROM installation"  # noqa: S608  # our names
    check, instance = _ask(database, statement)
    sequence, row_hash = _ask(database, "SELECT sequence, row_hash FROM audit_head")
    return Summary(
        version=version,
        made_at=made_at,
        schema=schema,
        instance=instance,
        sequence=sequence,
        row_hash=row_hash,
        at=time_of(database, sequence),
        master_key_check=bytes(check),
    )


def time_of(database: Database, sequence: int) -> str | None:
    """When this row of the log was written; None: there is none."""
    found = _ask(database, "SELECT created_at FROM operations WHERE sequence = ?", sequence)
    return None if found is None else found[0]


def hash_of(database: Database, sequence: int) -> str | None:
    """Of this row of the log; None: there is none."""
    found = _ask(database, "SELECT row_hash FROM operations WHERE sequence = ?", sequence)
    return None if found is None else found[0]


def _ask(database: Database, statement: str, *values: object) -> Any:
    cursor = database.execute_sql(  # type: ignore[no-untyped-call]
        place(database, statement), values
    )
    return cursor.fetchone()

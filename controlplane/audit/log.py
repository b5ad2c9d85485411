"""Appending to the log: each row carries its own hash and that of the row before it."""

from collections.abc import Sequence

from peewee import Database

from controlplane.audit.hashing import hash_row
from controlplane.audit.row import canonical_bytes
from controlplane.domain.operation import Entry, Head, Operation
from controlplane.store import operations


def link(head: Head, entry: Entry) -> Operation:
    """The row that follows this head."""
    sequence = head.sequence + 1
    row_hash = hash_row(canonical_bytes(sequence, entry, head.row_hash))
    return Operation(sequence, entry, head.row_hash, row_hash)


def append(database: Database, entries: Sequence[Entry]) -> list[Operation]:
    """Within a write transaction, in which the head cannot move."""
    return append_after(operations.read_head(database), database, entries)


def append_after(head: Head, database: Database, entries: Sequence[Entry]) -> list[Operation]:
    """The same, after this head, which was read in the transaction."""
    appended = []
    for entry in entries:
        operation = link(head, entry)
        head = Head(operation.sequence, operation.row_hash)
        appended.append(operation)
    operations.append(database, appended)
    return appended

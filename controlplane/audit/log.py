"""Appending to the log: each row carries its own hash and that of the row before it."""

from collections.abc import Sequence
from os import urandom

from peewee import Database

from controlplane.audit.hashing import NEWEST, SALT_OCTETS, commit, hash_row
from controlplane.audit.row import canonical_bytes, encode_sorted
from controlplane.domain.operation import Commitments, Entry, Head, Operation
from controlplane.store import operations


def link(head: Head, entry: Entry) -> Operation:
    """The row that follows this head, of the newest version."""
    sequence = head.sequence + 1
    commitments = _commit_to(entry)
    canonical = canonical_bytes(sequence, entry, commitments, head.row_hash)
    return Operation(sequence, NEWEST, entry, commitments, head.row_hash, hash_row(canonical))


def _commit_to(entry: Entry) -> Commitments:
    """With a salt for each, so that each can be shown without the others."""
    salts = urandom(3 * SALT_OCTETS)
    credential = entry.credential
    return Commitments(
        *_commit_with(salts[:SALT_OCTETS], entry.client),
        *_commit_with(
            salts[SALT_OCTETS : 2 * SALT_OCTETS], None if credential is None else credential.id
        ),
        *_commit_with(salts[2 * SALT_OCTETS :], entry.idempotency_key),
    )


def _commit_with(salt: bytes, value: object) -> tuple[str | None, bytes | None]:
    """Hash and salt."""
    return (None, None) if value is None else (commit(salt, encode_sorted(value)), salt)


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

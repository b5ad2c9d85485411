"""Appending to the log: each row carries its own hash and that of the row before it."""

from collections.abc import Sequence
from os import urandom

from msgspec import UNSET
from msgspec.structs import replace
from peewee import Database

from controlplane.audit.hashing import NEWEST, SALT_OCTETS, commit, hash_row
from controlplane.audit.row import canonical_bytes, encode_sorted
from controlplane.domain.operation import Commitments, Entry, Head, Operation
from controlplane.store import operations, tiles
from controlplane.store.transaction import transaction_of

_SALTS = 3 * SALT_OCTETS
"""Octets of one row's: one for each that it commits to, so that each can be shown without the
others."""


def link(head: Head, entry: Entry) -> Operation:
    """The row that follows this head, of the newest version."""
    return _link(head, entry, urandom(_SALTS))


def _link(head: Head, entry: Entry, salts: bytes) -> Operation:
    sequence = head.sequence + 1
    commitments = _commit_to(entry, salts)
    canonical = canonical_bytes(sequence, entry, commitments, head.row_hash)
    return Operation(sequence, NEWEST, entry, commitments, head.row_hash, hash_row(canonical))


def _commit_to(entry: Entry, salts: bytes) -> Commitments:
    """One by one, not in a loop, which would take half as long again."""
    client, credential, key = entry.client, entry.credential, entry.idempotency_key
    client_hash = client_salt = credential_hash = credential_salt = key_hash = key_salt = None
    if client is not None:
        client_salt = salts[:SALT_OCTETS]
        client_hash = commit(client_salt, encode_sorted(client))
    if credential is not None:
        credential_salt = salts[SALT_OCTETS:-SALT_OCTETS]
        credential_hash = commit(credential_salt, encode_sorted(credential.id))
    if key is not None:
        key_salt = salts[-SALT_OCTETS:]
        key_hash = commit(key_salt, encode_sorted(key))
    return Commitments(
        client_hash, client_salt, credential_hash, credential_salt, key_hash, key_salt
    )


def append(database: Database, entries: Sequence[Entry]) -> list[Operation]:
    """Within a write transaction, in which the head cannot move. The last of the entries lists the
    objects that were changed since the one before it; none is older than the row before it."""
    if not entries:
        return []
    transaction = transaction_of(database)
    head = transaction.root.head
    objects = transaction.say_changes()
    changed = None if objects is UNSET else head.sequence + len(entries)
    appended = []
    salts = urandom(len(entries) * _SALTS)
    for number, entry in enumerate(entries, 1):
        at = transaction.latest(entry.created_at)
        if at is not entry.created_at:
            entry = replace(entry, created_at=at)
        if number == len(entries) and objects is not UNSET:
            entry = replace(entry, objects=objects)
        operation = _link(head, entry, salts[(number - 1) * _SALTS : number * _SALTS])
        head = Head(operation.sequence, operation.row_hash, at)
        appended.append(operation)
    root = transaction.follow(head, [each.row_hash for each in appended], changed)
    operations.append(database, appended, root)
    if transaction.growth is not None:
        tiles.keep_full(database, transaction.growth)
    return appended

"""The audit log as rows: appended and read, nothing else."""

from collections.abc import Sequence
from typing import Any

import msgspec
from peewee import Database, ModelSelect

from controlplane.domain.instant import from_text, to_text
from controlplane.domain.model import (
    Client,
    EcdsaEncoding,
    HashAlgorithm,
    Identity,
    OperationKind,
    Outcome,
    PssParameters,
    Scheme,
)
from controlplane.domain.operation import Entry, Head, Operation, OperationFilter
from controlplane.store.dialect import place
from controlplane.store.signers import names_seen_by
from controlplane.store.tables import OperationRow

_COLUMNS = tuple(OperationRow._meta.columns)
_INSERT = (
    f"INSERT INTO operations ({', '.join(_COLUMNS)})"  # noqa: S608  # our own column names
    f" VALUES ({', '.join('?' * len(_COLUMNS))})"
)
_FIND_SUCCEEDED = (
    f"SELECT {', '.join(_COLUMNS)} FROM operations"  # noqa: S608  # the same
    " WHERE actor = ? AND idempotency_key = ? AND outcome = 'succeeded'"
    " AND idempotency_key IS NOT NULL"
)
_EXPORT_ROWS = 500

_encode = msgspec.json.Encoder().encode
_client_decoder = msgspec.json.Decoder(Client)
_details_decoder = msgspec.json.Decoder(dict[str, str | int | bool | None])


def read_head(database: Database) -> Head:
    cursor = database.execute_sql(  # type: ignore[no-untyped-call]
        "SELECT sequence, row_hash FROM audit_head"
    )
    sequence, row_hash = cursor.fetchone()
    return Head(sequence, row_hash)


def append(database: Database, operations: Sequence[Operation]) -> None:
    """In chain order, right after the head; within a write transaction.

    Plain SQL: Peewee's query builder would take longer than SQLite's insert, on the sign path.
    """
    if not operations:
        return
    cursor = database.cursor()  # type: ignore[no-untyped-call]
    cursor.executemany(place(database, _INSERT), [_record(each) for each in operations])
    last = operations[-1]
    database.execute_sql(  # type: ignore[no-untyped-call]
        place(database, "UPDATE audit_head SET sequence = ?, row_hash = ?"),
        (last.sequence, last.row_hash),
    )


def find(database: Database, operation_id: str) -> Operation | None:
    row = OperationRow.select().where(OperationRow.id == operation_id).tuples().first(database)
    return _operation(row) if row is not None else None


def find_succeeded(
    database: Database, keys: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], Operation]:
    """The successes that these pairs of actor and idempotency key are bound to."""
    found = {}
    statement = place(database, _FIND_SUCCEEDED)
    for pair in keys:
        cursor = database.execute_sql(statement, pair)  # type: ignore[no-untyped-call]
        row = cursor.fetchone()
        if row is not None:
            found[pair] = _operation(row)
    return found


def list_before(
    database: Database,
    where: OperationFilter,
    sequence: int | None,
    limit: int,
    *,
    seen_by: Identity | None,
) -> list[Operation]:
    """Newest first, those before this sequence number. `seen_by` leaves this identity's own rows
    and those of the signers that it may read."""
    query = OperationRow.select()
    for column, value in (
        (OperationRow.signer, where.signer),
        (OperationRow.actor, where.actor),
        (OperationRow.kind, where.kind),
        (OperationRow.outcome, where.outcome),
    ):
        if value is not None:
            query = query.where(column == str(value))
    if where.since is not None:
        query = query.where(OperationRow.created_at >= to_text(where.since))
    if sequence is not None:
        query = query.where(OperationRow.sequence < sequence)
    if seen_by is not None:
        query = _visible(query, seen_by)
    rows = query.order_by(OperationRow.sequence.desc()).limit(limit).tuples().execute(database)
    return [_operation(row) for row in rows]


def is_visible(database: Database, operation_id: str, identity: Identity) -> bool:
    query = OperationRow.select().where(OperationRow.id == operation_id)
    return bool(_visible(query, identity).exists(database))


def slice_after(database: Database, sequence: int, last: int) -> list[Operation]:
    """In order: the next rows after this one, up to `last`; empty at the end."""
    rows = (
        OperationRow.select()
        .where((OperationRow.sequence > sequence) & (OperationRow.sequence <= last))
        .order_by(OperationRow.sequence)
        .limit(_EXPORT_ROWS)
        .tuples()
        .execute(database)
    )
    return [_operation(row) for row in rows]


def _visible(query: "ModelSelect[Any]", identity: Identity) -> "ModelSelect[Any]":
    own = OperationRow.actor == identity.name
    return query.where(own | OperationRow.signer.in_(names_seen_by(identity)))


def _record(operation: Operation) -> tuple[object, ...]:
    entry = operation.entry
    return (
        operation.sequence,
        entry.id,
        to_text(entry.created_at),
        entry.kind,
        entry.signer,
        entry.actor,
        entry.api_key_id,
        entry.outcome,
        entry.reason,
        entry.scheme,
        entry.hash,
        entry.digest,
        entry.pss.mgf_hash if entry.pss else None,
        entry.pss.salt_length if entry.pss else None,
        entry.ecdsa_encoding,
        entry.grant_id,
        entry.certificate_serial,
        _encode(entry.client).decode() if entry.client else None,
        entry.signature,
        entry.action,
        entry.object,
        _encode(entry.details).decode() if entry.details is not None else None,
        entry.idempotency_key,
        operation.previous_hash,
        operation.row_hash,
    )


def _operation(row: tuple[Any, ...]) -> Operation:
    has = dict(zip(_COLUMNS, row, strict=True))
    return Operation(
        sequence=has["sequence"],
        entry=Entry(
            id=has["id"],
            created_at=from_text(has["created_at"]),
            kind=OperationKind(has["kind"]),
            signer=has["signer"],
            actor=has["actor"],
            api_key_id=has["api_key_id"],
            outcome=Outcome(has["outcome"]) if has["outcome"] else None,
            reason=has["reason"],
            scheme=Scheme(has["scheme"]) if has["scheme"] else None,
            hash=HashAlgorithm(has["hash"]) if has["hash"] else None,
            digest=_bytes(has["digest"]),
            pss=PssParameters(HashAlgorithm(has["pss_mgf_hash"]), has["pss_salt_length"])
            if has["pss_mgf_hash"]
            else None,
            ecdsa_encoding=EcdsaEncoding(has["ecdsa_encoding"]) if has["ecdsa_encoding"] else None,
            grant_id=has["grant_id"],
            certificate_serial=has["certificate_serial"],
            client=_client_decoder.decode(has["client"]) if has["client"] else None,
            signature=_bytes(has["signature"]),
            action=has["action"],
            object=has["object"],
            details=_details_decoder.decode(has["details"]) if has["details"] else None,
            idempotency_key=has["idempotency_key"],
        ),
        previous_hash=has["previous_hash"],
        row_hash=has["row_hash"],
    )


def _bytes(value: object) -> bytes | None:
    return None if value is None else bytes(value)  # type: ignore[call-overload]

"""The audit log as rows: appended and read, nothing else."""

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from operator import attrgetter
from typing import Any

import msgspec
from msgspec import UNSET
from peewee import Database, ModelSelect

from controlplane.domain.action import Action
from controlplane.domain.instant import to_text
from controlplane.domain.model import (
    Approval,
    Client,
    Credential,
    HashAlgorithm,
    Identity,
    Outcome,
    PssParameters,
)
from controlplane.domain.operation import (
    Commitments,
    Entry,
    Operation,
    OperationFilter,
    Unreadable,
)
from controlplane.domain.page import MAX_OCTETS
from controlplane.store import commitments
from controlplane.store.batches import batches
from controlplane.store.dialect import POSTGRESQL, ask, dialect_of, place
from controlplane.store.mapping import Shared, as_json
from controlplane.store.signers import names_seen_by
from controlplane.store.state import Root, altered
from controlplane.store.tables import OperationRow

_COLUMNS = tuple(OperationRow._meta.columns)
_NAMES = ", ".join(_COLUMNS)
_ROWS_AT_ONCE = 500  # in one statement: within SQLite's limit of variables
_NEW_HEAD = (
    "sequence = ?, row_hash = ?, at = ?, changed = ?, used = ?, size = ?, frontier = ?, root = ?"
)
_UPDATE_HEAD = f"UPDATE audit_head SET {_NEW_HEAD}"  # noqa: S608  # our own column names
# One parameter, read by the server itself: no other way costs so little on either side. The count
# has the rows inserted before the head moves, which their trigger compares them with.
_APPEND_ON_POSTGRESQL = f"""
    WITH appended AS (
        INSERT INTO operations ({_NAMES})
        SELECT {_NAMES} FROM json_populate_recordset(NULL::operations, %s::json) RETURNING 1
    )
    UPDATE audit_head SET {_NEW_HEAD.replace("?", "%s")}
    WHERE (SELECT COUNT(*) FROM appended) = %s
"""  # noqa: S608  # our own column names
# Key by key in the index of the keys, however long the log is and whatever the planner knows of
# it: nothing is cheaper than one row of a unique index. So PostgreSQL must not turn it into another
# join (LIMIT), nor SQLite into another order (CROSS).
_BOUND_ON_POSTGRESQL = """
    SELECT sequence FROM json_to_recordset(%s::json) AS asked (actor text, key text)
    CROSS JOIN LATERAL (
        SELECT sequence FROM operations WHERE actor = asked.actor
        AND idempotency_key = asked.key AND outcome = 'succeeded' LIMIT 1
    ) AS found
"""
_BOUND_ON_SQLITE = """
    SELECT sequence FROM (VALUES {pairs}) AS asked CROSS JOIN operations
    ON actor = asked.column1 AND idempotency_key = asked.column2 AND outcome = 'succeeded'
"""
_BY_SEQUENCE = f"SELECT {_NAMES} FROM operations WHERE sequence = ?"  # noqa: S608
_SLICE = (
    f"SELECT {', '.join(_COLUMNS)} FROM operations"  # noqa: S608  # the same
    " WHERE sequence >= ? AND sequence <= ? ORDER BY sequence LIMIT ?"
)
_SLICE_OF_NUMBERS = (
    "SELECT sequence FROM operations WHERE sequence >= ? AND sequence <= ?"
    " ORDER BY sequence LIMIT ?"
)
_FIND_HASH = """
    SELECT MAX(CASE WHEN row_hash = ? THEN sequence END), MIN(sequence) FROM (
        SELECT sequence, row_hash FROM operations WHERE sequence <= ?
        ORDER BY sequence DESC LIMIT ?
    ) AS looked_at
"""
# Each of these objects has an id that no other has. The words are those of an index.
_APPROVING = (
    f"SELECT {_NAMES} FROM operations WHERE object = ?"  # noqa: S608  # the same
    " AND action IN ('request:approve', 'proposal:approve') ORDER BY sequence"
)
_NO_UTF8 = "Could not decode to UTF-8"  # of a text that somebody put there with SQL
_EXPORT_ROWS = 500

_MAKE_SIGNERS = (Action.SIGNER_CREATE,)
_MAKE_ACTORS = (
    Action.INSTALLATION_CREATE,
    Action.IDENTITY_CREATE,
    Action.API_KEY_CREATE,
    Action.MEMBER_ADD,
    Action.MEMBER_CHANGE,
)

_encode = msgspec.json.Encoder().encode
_OBJECTS = as_json(dict[str, str | None]).write
_read_objects = msgspec.json.Decoder(dict[str, str | None]).decode
_ENTRY = Shared(
    Entry,
    OperationRow._meta.fields.keys() - {"objects"},
    client=as_json(Client),
    details=as_json(dict[str, str | int | bool | None]),
    credential=as_json(Credential),
    approvals=as_json(tuple[Approval, ...]),
)
_WHERE = {
    name: name for name in ("sequence", "version", "commitments", "previous_hash", "row_hash")
}
_WHERE |= {"pss_mgf_hash": "entry.pss", "pss_salt_length": "entry.pss"}
_values = attrgetter(*(_WHERE.get(name, f"entry.{name}") for name in _COLUMNS))
_WRITTEN: list[tuple[int, Callable[[Any], object]]] = [
    (_COLUMNS.index("pss_mgf_hash"), attrgetter("mgf_hash")),
    (_COLUMNS.index("pss_salt_length"), attrgetter("salt_length")),
    (_COLUMNS.index("commitments"), commitments.write),
    (_COLUMNS.index("objects"), lambda objects: None if objects is UNSET else _OBJECTS(objects)),
    *(
        (_COLUMNS.index(name), _ENTRY.form(name).write)
        for name in ("created_at", "client", "details", "credential", "approvals")
    ),
]
"""Which of these values stand in another form."""
_SINCE_VERSION_2 = [
    _COLUMNS.index(name)
    for name in ("credential", "approvals", "proposal", "commitments", "objects")
]


def read_last_hash(database: Database) -> str:
    """That the head says, of a store of any version."""
    cursor = database.execute_sql("SELECT row_hash FROM audit_head")  # type: ignore[no-untyped-call]
    (row_hash,) = cursor.fetchone()
    return str(row_hash)


def find_bound(
    database: Database, keys: Sequence[tuple[str, str]]
) -> Mapping[tuple[str, str] | None, Operation]:
    """The successes of these pairs of actor and idempotency key."""
    if not keys:
        return {}
    if dialect_of(database) is POSTGRESQL:
        statement = _BOUND_ON_POSTGRESQL
        asked = [{"actor": actor, "key": key} for actor, key in keys]
        values: Sequence[object] = [_encode(asked).decode()]
    else:
        statement = _BOUND_ON_SQLITE.format(pairs=", ".join(["(?, ?)"] * len(keys)))
        values = [value for pair in keys for value in pair]
    rows = ask(database, statement, values).fetchall()
    bound = [_read(database, sequence) for (sequence,) in rows]
    return {_key(each): each for each in bound}


def _read(database: Database, sequence: int) -> Operation:
    return _operation(ask(database, place(database, _BY_SEQUENCE), (sequence,)).fetchone())


def _key(operation: Operation) -> tuple[str, str] | None:
    entry = operation.entry
    if entry.actor is None or entry.idempotency_key is None:
        return None
    return (entry.actor, entry.idempotency_key)


def append(database: Database, operations: Sequence[Operation], root: Root) -> None:
    """In chain order, right after the head, which then is this; within a write transaction.

    Plain SQL: Peewee's query builder would take longer than SQLite's insert, on the sign path.
    Many rows a statement: each one gives the interpreter to other threads, and waits for it.
    """
    head = (
        *(root.sequence, root.row_hash, root.at, root.changed),
        *(root.used, root.size, root.frontier, root.tag),
    )
    if dialect_of(database) is POSTGRESQL:
        rows = _encode([_as_json(each) for each in operations]).decode()
        ask(database, _APPEND_ON_POSTGRESQL, (rows, *head, len(operations)))
        return
    for start in range(0, len(operations), _ROWS_AT_ONCE):
        some = operations[start : start + _ROWS_AT_ONCE]
        values = [value for each in some for value in _record(each)]
        ask(database, _insert(len(some)), values)
    ask(database, _UPDATE_HEAD, head)


@cache
def _insert(rows: int) -> str:
    row = f"({', '.join('?' * len(_COLUMNS))})"
    return f"INSERT INTO operations ({_NAMES}) VALUES {', '.join([row] * rows)}"  # noqa: S608


def _as_json(operation: Operation) -> dict[str, object]:
    """As PostgreSQL reads a row: octets in hex."""
    return {
        name: "\\x" + value.hex() if isinstance(value, bytes) else value
        for name, value in zip(_COLUMNS, _record(operation), strict=True)
        if value is not None
    }


def find(database: Database, name: str) -> Operation | None:
    """`name`: its id, or its sequence number."""
    is_number = name.isascii() and name.isdigit() and len(name) < len(str(2**63))
    named = OperationRow.sequence == int(name) if is_number else OperationRow.id == name
    row = OperationRow.select().where(named).tuples().first(database)
    return _operation(row) if row is not None else None


def list_before(
    database: Database,
    where: OperationFilter,
    sequence: int | None,
    limit: int,
    now: datetime,
    *,
    seen_by: Identity | None,
) -> tuple[list[Operation], bool]:
    """Newest first, those before this sequence number; and whether it ended early, with what no
    page can hold. `seen_by` leaves this identity's own rows and those of the signers that it
    may read."""
    query = _matching(database, where, now, seen_by)
    if sequence is not None:
        query = query.where(OperationRow.sequence < sequence)
    return _page(database, query.order_by(OperationRow.sequence.desc()).limit(limit), _operation)


def list_after(
    database: Database,
    where: OperationFilter,
    sequence: int,
    limit: int,
    now: datetime,
    *,
    seen_by: Identity | None,
) -> tuple[list[Operation], bool]:
    """The same, oldest first, those after this sequence number. Raises Altered."""
    query = _matching(database, where, now, seen_by).where(OperationRow.sequence > sequence)
    return _page(database, query.order_by(OperationRow.sequence).limit(limit), _sound)


def _page(
    database: Database,
    query: "ModelSelect[Any]",
    read: Callable[[tuple[Any, ...]], Operation],
) -> tuple[list[Operation], bool]:
    found: list[Operation] = []
    octets = 0
    for row in query.tuples().iterator(database):
        found.append(read(row))
        octets += sum(len(each) for each in row if isinstance(each, str | bytes))
        if octets > MAX_OCTETS:
            return found, True
    return found, False


def _matching(
    database: Database, where: OperationFilter, now: datetime, seen_by: Identity | None
) -> "ModelSelect[Any]":
    query = OperationRow.select()
    for column, value in (
        (OperationRow.signer, where.signer),
        (OperationRow.actor, where.actor),
        (OperationRow.kind, where.kind),
        (OperationRow.outcome, where.outcome),
        (OperationRow.action, where.action),
    ):
        if value is not None:
            query = query.where(column == str(value))
    if where.since is not None:
        query = query.where(OperationRow.created_at >= to_text(where.since))
    if where.until is not None:
        query = query.where(OperationRow.created_at <= to_text(where.until))
    return query if seen_by is None else _visible(database, query, seen_by, now)


def knows_signer(database: Database, name: str, now: datetime, *, seen_by: Identity | None) -> bool:
    """Whether a row of those that `seen_by` sees says that there is or was one, and not only that
    somebody called to sign with it."""
    if _says_of(database, name, _MAKE_SIGNERS, now, seen_by):
        return True
    if seen_by is None:
        return False
    signed = OperationRow.select().where(
        (OperationRow.signer == name)
        & (OperationRow.actor == seen_by.name)
        & (OperationRow.outcome == Outcome.SUCCEEDED.value)
    )
    return bool(signed.exists(database))


def knows_identity(
    database: Database, name: str, now: datetime, *, seen_by: Identity | None
) -> bool:
    """The same of an identity: that it did something, was made, or became a member."""
    if seen_by is not None and name == seen_by.name:
        return True
    did = OperationRow.select().where(OperationRow.actor == name)
    if seen_by is not None:
        did = _visible(database, did, seen_by, now)
    return bool(did.exists(database)) or _says_of(database, name, _MAKE_ACTORS, now, seen_by)


def _says_of(
    database: Database,
    name: str,
    actions: Sequence[Action],
    now: datetime,
    seen_by: Identity | None,
) -> bool:
    query = OperationRow.select().where(
        OperationRow.object.is_null(False)
        & (OperationRow.object == name)
        & OperationRow.action.in_([each.value for each in actions])
    )
    if seen_by is not None:
        query = _visible(database, query, seen_by, now)
    return bool(query.exists(database))


def is_visible(database: Database, operation_id: str, identity: Identity, now: datetime) -> bool:
    query = OperationRow.select().where(OperationRow.id == operation_id)
    return bool(_visible(database, query, identity, now).exists(database))


def find_approving(database: Database, object_: str) -> list[Operation]:
    """In order: the rows in which somebody approved this request."""
    cursor = database.execute_sql(  # type: ignore[no-untyped-call]
        place(database, _APPROVING), (object_,)
    )
    return [_operation(row) for row in cursor.fetchall()]


def find_about(
    database: Database, objects: Iterable[str], actions: Sequence[Action]
) -> list[Operation]:
    """In order: the rows in which one of these was done to one of these objects. Raises Altered."""
    names = [each.value for each in actions]
    found: list[Operation] = []
    for some in batches(sorted(set(objects))):
        query = OperationRow.select().where(
            OperationRow.object.is_null(False)
            & OperationRow.object.in_(some)
            & OperationRow.action.in_(names)
        )
        found += [_sound(row) for row in query.tuples().iterator(database)]
    return sorted(found, key=attrgetter("sequence"))


def find_numbers(database: Database, sequences: Iterable[int]) -> dict[int, Operation]:
    """Those that there are. Raises Altered."""
    found: dict[int, Operation] = {}
    for some in batches(sorted(set(sequences))):
        query = OperationRow.select().where(OperationRow.sequence.in_(some))
        found |= {row[0]: _sound(row) for row in query.tuples().iterator(database)}
    return found


def has_signed(database: Database, signer: str) -> bool:
    query = OperationRow.select().where(
        (OperationRow.signer == signer) & (OperationRow.outcome == Outcome.SUCCEEDED.value)
    )
    return bool(query.exists(database))


def find_last(database: Database, action: Action, object_: str) -> int:
    """The number of the last row that did this to it; 0 if none did."""
    query = OperationRow.select(OperationRow.sequence).where(
        OperationRow.object.is_null(False)
        & (OperationRow.object == object_)
        & (OperationRow.action == action.value)
    )
    row = query.order_by(OperationRow.sequence.desc()).first(database)
    return 0 if row is None else int(row.sequence)


def hash_at(database: Database, sequence: int) -> str | None:
    """Of the row with this number; None: there is none."""
    row = OperationRow.select(OperationRow.row_hash).where(OperationRow.sequence == sequence)
    found = row.first(database)
    return None if found is None else str(found.row_hash)


def read_bounds(database: Database) -> tuple[int, int]:
    """The least and the greatest sequence number of any row; (0, 0) where there is none."""
    cursor = database.execute_sql(  # type: ignore[no-untyped-call]
        "SELECT (SELECT MIN(sequence) FROM operations), (SELECT MAX(sequence) FROM operations)"
    )
    first, last = cursor.fetchone()
    return (0, 0) if first is None else (first, last)


def find_hash(
    database: Database, row_hash: str, last: int, rows: int
) -> tuple[int | None, int | None]:
    """Of so many rows, up to this one: the number of one that has this hash, and the least number;
    None where there is none."""
    cursor = database.execute_sql(  # type: ignore[no-untyped-call]
        place(database, _FIND_HASH), (row_hash, last, rows)
    )
    found, least = cursor.fetchone()
    return found, least


def slice_from(database: Database, first: int, last: int) -> list[Operation | Unreadable]:
    """In order: the next rows from this sequence number on, up to `last`; empty at the end.

    Rows that share a number, which they do only where somebody changed the table, stay together.
    """
    rows = _fetch_slice(database, first, last, _EXPORT_ROWS)
    if len(rows) == _EXPORT_ROWS:
        rows = [row for row in rows if row[0] != rows[-1][0]] or rows
    return [_operation_as_written(row) for row in rows]


def _fetch_slice(database: Database, first: int, last: int, limit: int) -> list[tuple[Any, ...]]:
    """Of a row that the driver cannot hand over, the sequence number alone."""
    cursor = database.execute_sql(  # type: ignore[no-untyped-call]
        place(database, _SLICE), (first, last, limit)
    )
    try:
        return list(cursor.fetchall())
    except sqlite3.OperationalError as error:
        if not str(error).startswith(_NO_UTF8):
            raise
    if limit > 1:
        return [
            row
            for at in _sequences(database, first, last, limit)
            for row in _fetch_slice(database, at, at, 1)
        ]
    return [(first,)]


def _sequences(database: Database, first: int, last: int, limit: int) -> list[int]:
    cursor = database.execute_sql(  # type: ignore[no-untyped-call]
        place(database, _SLICE_OF_NUMBERS), (first, last, limit)
    )
    return [sequence for (sequence,) in cursor.fetchall()]


def _sound(row: tuple[Any, ...]) -> Operation:
    """Raises Altered."""
    operation = _operation_as_written(row)
    if isinstance(operation, Unreadable):
        raise altered(f"row {operation.sequence} of the log")
    return operation


def _operation_as_written(row: tuple[Any, ...]) -> Operation | Unreadable:
    """Reading alone overlooks what means the same, such as white space in JSON."""
    try:
        operation = _operation(row)
        as_written = _record(operation) == row and not (
            operation.version == 1 and any(row[place_] is not None for place_ in _SINCE_VERSION_2)
        )
    except (ValueError, TypeError, AttributeError, msgspec.MsgspecError):
        as_written = False
    return operation if as_written else Unreadable(row[0])


def _visible(
    database: Database, query: "ModelSelect[Any]", identity: Identity, now: datetime
) -> "ModelSelect[Any]":
    own = OperationRow.actor == identity.name
    return query.where(own | OperationRow.signer.in_(names_seen_by(database, identity, now)))


def _record(operation: Operation) -> tuple[object, ...]:
    """In the order of the columns. On the sign path: what C does in one go, Python does not."""
    values = list(_values(operation))
    for place_, write in _WRITTEN:
        if (value := values[place_]) is not None:
            values[place_] = write(value)
    return tuple(values)


def _operation(row: tuple[Any, ...]) -> Operation:
    has = dict(zip(_COLUMNS, row, strict=True))
    pss = None
    if has["pss_mgf_hash"]:
        pss = PssParameters(HashAlgorithm(has["pss_mgf_hash"]), has["pss_salt_length"])
    said = has["objects"]
    objects = UNSET if said is None else _read_objects(said)
    entry = _ENTRY.read_columns(has, pss=pss, objects=objects)
    is_first = has["version"] == 1
    made = Commitments() if is_first else commitments.read(has["commitments"], entry)
    return Operation(
        sequence=has["sequence"],
        version=has["version"],
        entry=entry,
        commitments=made,
        previous_hash=has["previous_hash"],
        row_hash=has["row_hash"],
    )

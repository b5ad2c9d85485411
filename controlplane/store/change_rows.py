"""The rows of changes as they stand in the log: what was done to what, by whom and how."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import msgspec
from peewee import Database, fn

from controlplane.domain.model import OperationKind
from controlplane.domain.operation import Details
from controlplane.store.tables import OperationRow

_AT_ONCE = 500
_decode = msgspec.json.Decoder(dict[str, str | int | bool | None]).decode


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """`at` as text, as it stands in every table; `action` None where the details cannot be read:
    somebody changed them."""

    sequence: int
    at: str
    actor: str | None
    signer: str | None
    action: str | None
    object: str
    details: Details
    proposal: str | None


def read_changes(database: Database) -> Iterator[ChangeRow]:
    """In order, some at a time."""
    has = OperationRow
    columns = (
        has.sequence,
        has.created_at,
        has.actor,
        has.signer,
        has.action,
        has.object,
        has.details,
        has.proposal,
    )
    after = 0
    while True:
        query = (
            has.select(*columns)
            .where((has.kind == OperationKind.CHANGE.value) & (has.sequence > after))
            .order_by(has.sequence)
            .limit(_AT_ONCE)
        )
        some = list(query.tuples().execute(database))
        for sequence, at, actor, signer, action, object_, text, proposal in some:
            details, is_readable = _read(text)
            told = action if is_readable else None
            yield ChangeRow(sequence, at, actor, signer, told, object_, details, proposal)
        if len(some) < _AT_ONCE:
            return
        after = some[-1][0]


def count_signings(database: Database) -> Mapping[str, int]:
    """By the id of each grant that rows of signatures name: how many."""
    has = OperationRow
    query = (
        has.select(has.grant_id, fn.COUNT(has.sequence))
        .where((has.kind == OperationKind.SIGN.value) & has.grant_id.is_null(False))
        .group_by(has.grant_id)
    )
    return dict(query.tuples().execute(database))


def _read(text: str | None) -> tuple[Details, bool]:
    if text is None:
        return {}, True
    try:
        return _decode(text), True
    except msgspec.DecodeError:
        return {}, False

"""The audit log, read."""

from collections.abc import Iterator

from controlplane.api import answers, schemas
from controlplane.api.endpoint import Stream, endpoint
from controlplane.domain.model import Caller
from controlplane.domain.operation import Operation as Row
from controlplane.domain.operation import OperationFilter, Unreadable
from controlplane.domain.page import PageRequest
from controlplane.errors import Code
from controlplane.service.audit import Audit

_ENOUGH = 64 * 1024  # bytes in one piece of the export


class Resource:
    """Base: the audit log's use cases."""

    def __init__(self, audit: Audit) -> None:
        self._audit = audit


class Operations(Resource):
    @endpoint("List operations, newest first")
    def on_get(
        self, caller: Caller, query: schemas.OperationsQuery
    ) -> answers.Items[answers.Operation]:
        where = OperationFilter(
            signer=query.signer,
            actor=query.actor,
            kind=query.kind,
            outcome=query.outcome,
            since=query.since,
        )
        page = self._audit.list(caller, where, PageRequest(query.limit, query.cursor))
        return answers.items(page, answers.operation)


class Operation(Resource):
    @endpoint("Show an operation", refusals=(Code.OPERATION_NOT_FOUND,))
    def on_get(self, caller: Caller, operation_id: str) -> answers.Operation:
        return answers.operation(self._audit.get(caller, operation_id))


class OperationsExport(Resource):
    @endpoint("Every operation in order, one JSON object a line", refusals=(Code.READER_REQUIRED,))
    def on_get(self, caller: Caller) -> Stream:
        return Stream(_lines(self._audit.export(caller)))


class OperationsHead(Resource):
    @endpoint("The end of the audit chain", refusals=(Code.READER_REQUIRED,))
    def on_get(self, caller: Caller) -> answers.Head:
        return answers.head(self._audit.head(caller))


def _lines(rows: Iterator[Row | Unreadable]) -> Iterator[bytes]:
    piece = bytearray()
    for row in rows:
        piece += answers.line(row)
        if len(piece) >= _ENOUGH:
            yield bytes(piece)
            piece.clear()
    yield bytes(piece)

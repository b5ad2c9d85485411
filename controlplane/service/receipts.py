"""Receipts for rows: with the signature, out of the batch that made them; or later, out of the
store."""

import structlog

from controlplane.audit.hashing import hash_row
from controlplane.audit.receipt import make_receipt
from controlplane.audit.row import hashed_octets
from controlplane.domain.model import Caller
from controlplane.domain.operation import Operation
from controlplane.errors import Refused
from controlplane.service.commit import Written
from controlplane.service.log import Log
from controlplane.service.log_signing import LogSigning
from controlplane.service.published_log import PublishedLog
from controlplane.service.visibility import limited
from controlplane.store.database import Store
from controlplane.store.state import altered

_log = structlog.get_logger()


class Receipts:
    def __init__(
        self, store: Store, log: Log, signing: LogSigning, published: PublishedLog
    ) -> None:
        self._store = store
        self._log = log
        self._signing = signing
        self._published = published

    @property
    def is_ready(self) -> bool:
        """Whether the log has begun, which does not end."""
        return self._signing.has_begun

    def of_written(self, written: Written) -> str:
        """That was just committed; the log has begun."""
        growth, index = written.growth, written.operation.sequence - 1
        if growth is None:
            raise AssertionError("what is served has a tree")
        checkpoint = self._signing.sign(growth.size, growth.root)
        octets = hashed_octets(written.operation)
        return make_receipt(octets, index, growth.inclusion(index), checkpoint.note)

    def try_of_operation(self, operation: Operation) -> str | None:
        """None where it cannot be had now: what it is for stands, and it can be had later."""
        try:
            return self.of_operation(operation)
        except Refused as refused:
            _log.error("receipt_missing", operation_id=operation.entry.id, code=refused.code)
            return None

    def of_row(self, caller: Caller, name: str) -> str:
        """`name`: id or sequence number of an operation that the caller may see. Refused 404
        operation_not_found; 500 state_altered, 503 store_unavailable."""
        return self.of_operation(self._log.get(name, limited(caller.identity)))

    def of_operation(self, operation: Operation) -> str:
        """That is committed."""
        checkpoint, index = self._published.checkpoint(), operation.sequence - 1
        if checkpoint.size <= index:
            checkpoint = self._published.publish()
        with self._store.read() as database:
            path = self._published.inclusion(database, index, operation.row_hash, checkpoint)
        octets = hashed_octets(operation)
        if hash_row(octets) != operation.row_hash:
            raise altered(f"row {operation.sequence} of the log")
        return make_receipt(octets, index, path, checkpoint.note)

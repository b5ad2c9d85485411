"""Receipts for rows: with the signature, out of the batch that made them; or later, out of the
store."""

import structlog

from controlplane.audit.checkpoint import Checkpoint
from controlplane.audit.hashing import hash_row
from controlplane.audit.receipt import hashed_octets, make_receipt
from controlplane.domain.model import Caller
from controlplane.domain.operation import Operation
from controlplane.service.commit import Written
from controlplane.service.log import Log
from controlplane.service.log_signing import LogSigning
from controlplane.service.published_log import PublishedLog
from controlplane.service.visibility import limited
from controlplane.service.witnessing import Witnessing
from controlplane.store.database import Store
from controlplane.store.state import altered

_log = structlog.get_logger()


class Receipts:
    def __init__(
        self,
        store: Store,
        log: Log,
        signing: LogSigning,
        published: PublishedLog,
        witnessing: Witnessing,
    ) -> None:
        self._store = store
        self._log = log
        self._signing = signing
        self._published = published
        self._witnessing = witnessing

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
        except Exception:  # noqa: BLE001  # whatever it is, the signature goes out
            _log.exception("receipt_missing", operation_id=operation.entry.id)
            return None

    def of_row(self, caller: Caller, name: str, *, witnessed: bool = False) -> str:
        """`name`: id or sequence number of an operation that the caller may see. `witnessed`: with
        a checkpoint that a witness signed; otherwise that where there is one. Refused 404
        operation_not_found; 409 not_witnessed_yet; 500 state_altered, 503 store_unavailable."""
        operation = self._log.get(name, limited(caller.identity))
        if witnessed:
            checkpoint = self._witnessing.last_witnessed(operation.sequence)
            return self._proven_by(operation, checkpoint)
        return self.of_operation(operation)

    def of_operation(self, operation: Operation) -> str:
        """That is committed."""
        checkpoint = self._witnessing.find_witnessed(operation.sequence)
        if checkpoint is None:
            checkpoint = self._published.checkpoint()
        if checkpoint.size < operation.sequence:
            checkpoint = self._published.publish()
        return self._proven_by(operation, checkpoint)

    def _proven_by(self, operation: Operation, checkpoint: Checkpoint) -> str:
        index = operation.sequence - 1
        with self._store.read() as database:
            path = self._published.inclusion(database, index, operation.row_hash, checkpoint)
        octets = hashed_octets(operation)
        if hash_row(octets) != operation.row_hash:
            raise altered(f"row {operation.sequence} of the log")
        return make_receipt(octets, index, path, checkpoint.note)

"""Who may read what of the audit log."""

from collections.abc import Iterator

from controlplane.domain import permissions
from controlplane.domain.instant import Clock
from controlplane.domain.model import Caller
from controlplane.domain.operation import Operation, OperationFilter, Unreadable
from controlplane.domain.page import Page, PageRequest
from controlplane.domain.report import Reported
from controlplane.service.log import End, Log, Report
from controlplane.service.visibility import limited
from controlplane.store.database import Store


class Audit:
    """Server admins and auditors read everything; others the rows of the signers that they may
    read, and their own: with these, what they rest on."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._log = Log(store, clock)

    def list(self, caller: Caller, where: OperationFilter, page: PageRequest) -> Page[Operation]:
        """Newest first. Refused as `Log`."""
        return self._log.list(where, page, limited(caller.identity))

    def report(self, caller: Caller, where: OperationFilter, page: PageRequest) -> Report:
        """Oldest first. Refused as `Log.report`."""
        return self._log.report(where, page, limited(caller.identity))

    def get(self, caller: Caller, name: str) -> Operation:
        """`name`: its id, or its sequence number. Refused 404 operation_not_found."""
        return self._log.get(name, limited(caller.identity))

    def explain(self, caller: Caller, name: str) -> Reported:
        """The same, with what it rests on. Refused as `Log.explain`."""
        return self._log.explain(name, limited(caller.identity))

    def export(
        self, caller: Caller, since_head: str | None = None
    ) -> Iterator[Operation | Unreadable]:
        """As `Log.export`. Refused 403 unless server admin or auditor, at the call too."""
        permissions.require_reader(caller.identity, "export the audit log")
        return self._log.export(since_head)

    def end(self, caller: Caller) -> End:
        """Refused 403 unless server admin or auditor."""
        permissions.require_reader(caller.identity, "read the head of the audit log")
        return self._log.end()

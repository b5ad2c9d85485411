"""Reading the audit log."""

from collections.abc import Iterator

from controlplane.domain.model import Caller
from controlplane.domain.operation import Head, Operation, OperationFilter
from controlplane.domain.page import Page, PageRequest


class Audit:
    def list(self, caller: Caller, where: OperationFilter, page: PageRequest) -> Page[Operation]:
        """Newest first: everything for server admins and auditors; for others the sign rows of
        signers that they are members of, and their own."""
        raise NotImplementedError

    def get(self, caller: Caller, operation_id: str) -> Operation:
        """Refused 404 operation_not_found."""
        raise NotImplementedError

    def export(self, caller: Caller) -> Iterator[Operation]:
        """Every row up to the head as of now, in sequence order, in bounded memory. Refused 403
        at the call, not at the first row."""
        raise NotImplementedError

    def head(self, caller: Caller) -> Head:
        """Refused 403 unless server admin or auditor."""
        raise NotImplementedError

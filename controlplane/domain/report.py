"""What an auditor is told of an operation: its row, and the rows that it rests on."""

from dataclasses import dataclass

from controlplane.domain.operation import Operation


@dataclass(frozen=True, slots=True)
class Reported:
    """`grant`: the row that brought about the grant that was signed under; `request`: in which
    somebody asked for it, or for the change that was made; `approvals`: in which others agreed, in
    order. All of it is what the log says, and is proven with it."""

    operation: Operation
    grant: Operation | None = None
    request: Operation | None = None
    approvals: tuple[Operation, ...] = ()

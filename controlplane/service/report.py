"""Looking up the rows that operations rest on: for many at once, and in the log alone."""

from collections.abc import Mapping, Sequence

from peewee import Database

from controlplane.domain.action import Action
from controlplane.domain.operation import Operation
from controlplane.domain.report import Reported
from controlplane.store import operations

_GRANTED = (Action.GRANT_CREATE, Action.GRANT_ISSUE)
_DECIDED = (
    Action.REQUEST_CREATE,
    Action.REQUEST_APPROVE,
    Action.REQUEST_WITHDRAW,
    Action.PROPOSAL_CREATE,
    Action.PROPOSAL_APPROVE,
    Action.PROPOSAL_WITHDRAW,
)
_ASKED = (Action.REQUEST_CREATE, Action.PROPOSAL_CREATE)
_AGREED = (Action.REQUEST_APPROVE, Action.PROPOSAL_APPROVE)


def report(database: Database, rows: Sequence[Operation]) -> list[Reported]:
    """In their order. Raises Altered."""
    grants = {
        str(each.entry.object): each
        for each in operations.find_about(
            database, (row.entry.grant_id for row in rows if row.entry.grant_id), _GRANTED
        )
    }
    ballots = {row.sequence: _ballot_of(row, grants) for row in rows}
    decided: dict[str, list[Operation]] = {}
    asked_for = [each for each in ballots.values() if each is not None]
    for each in operations.find_about(database, asked_for, _DECIDED):
        decided.setdefault(str(each.entry.object), []).append(each)
    named = (each.sequence for row in rows for each in row.entry.approvals or ())
    approving = operations.find_numbers(database, named)
    return [
        Reported(
            operation=row,
            grant=(grant := grants.get(row.entry.grant_id or "")),
            request=_asked(about := decided.get(ballots[row.sequence] or "", [])),
            approvals=_approvals(row, grant, about, approving),
        )
        for row in rows
    ]


def _ballot_of(row: Operation, grants: Mapping[str, Operation]) -> str | None:
    """The id of the request or the proposal that led to it."""
    grant = grants.get(row.entry.grant_id or "")
    if grant is None:
        return row.entry.proposal
    asked = (grant.entry.details or {}).get("request_id")
    return str(asked) if asked is not None else grant.entry.proposal


def _asked(about: Sequence[Operation]) -> Operation | None:
    return next((each for each in about if each.entry.action in _ASKED), None)


def _approvals(
    row: Operation,
    grant: Operation | None,
    about: Sequence[Operation],
    approving: Mapping[int, Operation],
) -> tuple[Operation, ...]:
    if row.entry.approvals is not None:
        named = (approving.get(each.sequence) for each in row.entry.approvals)
        return tuple(each for each in named if each is not None)
    agreed: dict[str | None, Operation] = {}
    for each in about:
        if each.entry.action in _AGREED:
            agreed[each.entry.actor] = each
        elif each.entry.action not in _ASKED:  # withdrawn
            agreed.pop(str((each.entry.details or {}).get("approver")), None)
    # From before rows named what they rest on: who issued one without a request approved it.
    if grant is not None and not about and grant.entry.action == Action.GRANT_CREATE:
        return (grant,)
    return tuple(agreed.values())

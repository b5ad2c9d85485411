"""Who may decide on a ballot, as of a transaction."""

from collections.abc import Sequence
from datetime import datetime

from peewee import Database

from controlplane.domain.approval import Attempt, check_decision
from controlplane.domain.model import Approval, Ballot, Decision, Identity, Verdict
from controlplane.domain.operation import Operation
from controlplane.service.candidates import candidate
from controlplane.store import identities, operations
from controlplane.store.state import altered


def check_voter(
    database: Database,
    actor: Identity,
    ballot: Ballot,
    verdict: Verdict,
    step: int | None,
    at: datetime,
) -> int:
    """The open step, counted from 0, that the actor may decide on. `step`: that the actor saw, from
    1. Refused as `check_decision`."""
    named = {ballot.asker, *(each.approver for each in ballot.decisions)}
    known = identities.find_all(database, named)
    return check_decision(
        Attempt(
            ballot=ballot,
            asker=known[ballot.asker],
            approver=candidate(database, actor, ballot.signer),
            verdict=verdict,
            step=None if step is None else step - 1,
            people={name: identity.persons for name, identity in known.items()},
            now=at,
        )
    )


def approvals_of(database: Database, ballot: Ballot) -> tuple[Approval, ...]:
    """The row of each decision, which was made with it, where all are approvals."""
    if not ballot.counting:
        return ()
    found = operations.find_approving(database, ballot.id)
    return tuple(_row_of(each, found) for each in ballot.counting)


def _row_of(decision: Decision, approving: Sequence[Operation]) -> Approval:
    """The first of its approver that is not older: no row is older than the one before it, so one
    may be younger than what it says."""
    for row in approving:
        if row.entry.actor == decision.approver and row.entry.created_at >= decision.at:
            return row.approval()
    raise altered(f"the row in which {decision.approver} approved")

"""Who may decide on a ballot, as of a transaction."""

from datetime import datetime

from peewee import Database

from controlplane.domain.approval import Attempt, check_decision
from controlplane.domain.model import Approval, Ballot, Identity, Verdict
from controlplane.service.candidates import candidate
from controlplane.store import identities, operations


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
    found = {
        (row.entry.actor, row.entry.created_at): row.approval()
        for row in operations.find_approving(database, ballot.id)
    }
    return tuple(found[each.approver, each.at] for each in ballot.counting)

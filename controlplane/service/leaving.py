"""What ends with somebody who is disabled, or with a machine that changes hands: what they asked
for, and what they agreed to."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from peewee import Database

from controlplane.domain.action import Action
from controlplane.domain.model import Ballot, Caller, Decision, Proposal, Request, RequestState
from controlplane.domain.operation import Details
from controlplane.service.changes import record
from controlplane.service.gate import record_proposal
from controlplane.service.requests import cancel_all
from controlplane.store import proposals, requests


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """An approval that no longer counts. `ballot` is the id of a request or a proposal (`noun`);
    `step` counts from 1."""

    noun: str
    ballot: str
    step: int
    approver: str


@dataclass(frozen=True, slots=True)
class Ended:
    """`requests` and `proposals`: ids of those that were cancelled."""

    requests: tuple[str, ...] = ()
    proposals: tuple[str, ...] = ()
    withdrawn: tuple[Withdrawn, ...] = ()


def end_what_was_said(
    database: Database, caller: Caller, names: Collection[str], asked: Collection[str], at: datetime
) -> Ended:
    """Withdraws the approvals of `names` on steps that are not complete, and cancels what is
    pending of `asked`. Within a write."""
    return Ended(
        requests=tuple(
            request
            for name in asked
            for request in cancel_all(database, caller, at, requests.by_requester(name))
        ),
        proposals=tuple(
            proposal for name in asked for proposal in _cancel_proposals(database, caller, name, at)
        ),
        withdrawn=tuple(
            withdrawn for name in names for withdrawn in _withdraw(database, caller, name, at)
        ),
    )


def _cancel_proposals(database: Database, caller: Caller, name: str, at: datetime) -> Iterator[str]:
    for proposal in proposals.find_all_pending(database, at, proposer=name):
        by = caller.identity.name
        ended = replace(proposal, ended=RequestState.CANCELLED, ended_at=at, ended_by=by)
        proposals.PROPOSALS.end(database, ended)
        record_proposal(database, caller, Action.PROPOSAL_CANCEL, ended, at, {})
        yield proposal.id


def _withdraw(database: Database, caller: Caller, name: str, at: datetime) -> Iterator[Withdrawn]:
    for request in requests.REQUESTS.find_approved_by(database, name, at):
        for decision in _open_approvals(request, name):
            withdrawn = replace(decision, withdrawn_at=at)
            requests.REQUESTS.withdraw_decision(database, request.id, withdrawn)
            _record_of_request(database, caller, request, decision, at)
            yield _of(request, decision)
    for proposal in proposals.PROPOSALS.find_approved_by(database, name, at):
        for decision in _open_approvals(proposal, name):
            withdrawn = replace(decision, withdrawn_at=at)
            proposals.PROPOSALS.withdraw_decision(database, proposal.id, withdrawn)
            _record_of_proposal(database, caller, proposal, decision, at)
            yield _of(proposal, decision)


def _open_approvals(ballot: Ballot, name: str) -> tuple[Decision, ...]:
    """By this identity, on the step that is open: what completed a step stays. Suspended ones on
    any step: they could be confirmed."""
    open_ = ballot.open_step
    found = () if open_ is None else ballot.approvals(open_)
    suspended = (
        each
        for each in ballot.decisions
        if each.suspended_at is not None and each.withdrawn_at is None
    )
    return tuple(each for each in (*found, *suspended) if each.approver == name)


def _of(ballot: Ballot, decision: Decision) -> Withdrawn:
    return Withdrawn(ballot.noun, ballot.id, decision.step + 1, decision.approver)


def _record_of_request(
    database: Database, caller: Caller, request: Request, decision: Decision, at: datetime
) -> None:
    details = _details(request, decision) | {"requester": request.requester}
    action, signer = Action.REQUEST_WITHDRAW, request.signer
    record(database, caller, action, request.id, at=at, signer=signer, details=details)


def _record_of_proposal(
    database: Database, caller: Caller, proposal: Proposal, decision: Decision, at: datetime
) -> None:
    details: Details = _details(proposal, decision)
    record_proposal(database, caller, Action.PROPOSAL_WITHDRAW, proposal, at, details)


def _details(ballot: Ballot, decision: Decision) -> dict[str, str | int | bool | None]:
    return {
        "approver": decision.approver,
        "step": decision.step + 1,
        "step_name": ballot.steps[decision.step].name,
    }

"""Who may decide on a ballot, and what it still lacks. Pure; times and people are given."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from controlplane.domain.model import Ballot, Decision, Identity, RequestState, Step, Verdict
from controlplane.domain.policy import Candidate, count
from controlplane.errors import Code, Refused

_MOST_NAMES = 8  # in a sentence


@dataclass(frozen=True, slots=True)
class Attempt:
    """`verdict`: what the approver wants to say. `step`: the one that they saw, counted from 0;
    None if they do not say. `people`: those behind each identity that has decided so far."""

    ballot: Ballot
    asker: Identity
    approver: Candidate
    verdict: Verdict
    step: int | None
    people: Mapping[str, frozenset[str]]
    now: datetime


def check_decision(attempt: Attempt) -> int:
    """The step that the decision counts for.

    Refused 409 request_not_pending or proposal_finished, step_changed, already_decided; 403
    own_request or own_proposal, owner_disabled (to approve only), auditor_cannot_approve,
    not_an_approver. No role lifts any of them. Nobody's veto is lost because of a machine that was
    given to them.
    """
    ballot, who = attempt.ballot, attempt.approver.identity
    approves = attempt.verdict is Verdict.APPROVED
    check_pending(ballot, attempt.now)
    if approves and who.is_of(attempt.asker):
        raise Refused(
            ballot.own,
            f"Nobody approves their own {ballot.noun}, nor one of a machine of the same owner.",
        )
    if attempt.approver.is_auditor:
        title = f"An auditor reads, and decides on no {ballot.noun}."
        raise Refused(Code.AUDITOR_CANNOT_APPROVE, title)
    if approves and attempt.approver.owner_is_disabled:
        raise Refused(
            Code.OWNER_DISABLED,
            f"{who.owner}, who owns {who.name}, is disabled: it approves nothing.",
        )
    open_ = ballot.open_step
    if open_ is None:
        raise AssertionError("a pending ballot has an open step")
    place = _place(ballot, open_)
    if attempt.step is not None and attempt.step != open_:
        raise Refused(
            Code.STEP_CHANGED,
            f"The {ballot.noun} has moved on: {place} is open now. Look at it again.",
        )
    if who.name not in ballot.steps[open_].approvers:
        names = list_names(ballot.steps[open_].approvers)
        raise Refused(
            Code.NOT_AN_APPROVER, f"{place} is decided by {names}; {who.name} is not one."
        )
    for decision in ballot.counting:
        people = attempt.people[decision.approver]
        if people.isdisjoint(who.persons) if approves else people != who.persons:
            continue
        if decision.step == open_:
            raise Refused(
                Code.ALREADY_DECIDED,
                f"{decision.approver} has approved {place} already; {who.name} is the same person."
                if decision.approver != who.name
                else f"{who.name} has approved {place} already.",
            )
        if attempt.step is None:
            raise Refused(
                Code.ALREADY_DECIDED,
                f"{decision.approver} has approved an earlier step; to decide {place} too, name "
                "that step.",
            )
    return open_


def check_pending(ballot: Ballot, now: datetime) -> None:
    """Refused 409 request_not_pending or proposal_finished, with what became of it."""
    state = ballot.state(now)
    if state is RequestState.PENDING:
        return
    by = f" by {ballot.ended_by}" if ballot.ended_by else ""
    raise Refused(ballot.finished, f"The {ballot.noun} is {state.value}{by}: it is finished.")


@dataclass(frozen=True, slots=True)
class LackingStep:
    """A step of a pending ballot that lacks approvals: one that is open, or comes after it.
    `number` counts from 1; `asked` are those who can still approve."""

    number: int
    steps: int
    name: str
    is_open: bool
    given: int
    lacking: int
    asked: tuple[str, ...]
    noun: str  # of what waits


def find_lacking(ballot: Ballot, now: datetime) -> tuple[LackingStep, ...]:
    """The open step first; none unless pending."""
    open_ = ballot.open_step
    if ballot.state(now) is not RequestState.PENDING or open_ is None:
        return ()
    lacking = range(open_, len(ballot.steps))
    return tuple(_lacking_step(ballot, index, index == open_) for index in lacking)


def _lacking_step(ballot: Ballot, index: int, is_open: bool) -> LackingStep:
    step = ballot.steps[index]
    approvals = ballot.approvals(index)
    return LackingStep(
        number=index + 1,
        steps=len(ballot.steps),
        name=step.name,
        is_open=is_open,
        given=len(approvals),
        lacking=step.required - len(approvals),
        asked=_still_asked(ballot, step, approvals),
        noun=ballot.noun,
    )


def _still_asked(ballot: Ballot, step: Step, approvals: tuple[Decision, ...]) -> tuple[str, ...]:
    done = {each.approver for each in approvals} | {ballot.asker}
    return tuple(name for name in step.approvers if name not in done)


def _place(ballot: Ballot, index: int) -> str:
    steps = ballot.steps
    return name_step(index + 1, len(steps), steps[index].name)


def name_step(number: int, steps: int, name: str) -> str:
    """In a sentence."""
    return f"step {number} of {steps}, {name!r}"


def list_names(names: tuple[str, ...]) -> str:
    """In a sentence: some, and how many others."""
    if not names:
        return "nobody who could give one"
    if len(names) <= _MOST_NAMES:
        return ", ".join(names)
    return f"{', '.join(names[:_MOST_NAMES])} and {count(len(names) - _MOST_NAMES, 'other')}"

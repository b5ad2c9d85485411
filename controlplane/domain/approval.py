"""Who may decide on a request, and what it still lacks. Pure; times and people are given."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from controlplane.domain.model import Decision, Identity, Request, RequestState, Step, Verdict
from controlplane.domain.policy import Candidate, count
from controlplane.errors import Code, Refused

_MOST_NAMES = 8  # in a sentence


@dataclass(frozen=True, slots=True)
class Attempt:
    """`step`: the one that the approver saw, counted from 0; None if they do not say.
    `verdict`: what they want to say. `people`: the person behind each identity that has decided so far."""

    request: Request
    requester: Identity
    approver: Candidate
    verdict: Verdict
    step: int | None
    people: Mapping[str, str]
    now: datetime


def check_decision(attempt: Attempt) -> int:
    """The step that the decision counts for.

    Refused 409 request_not_pending, step_changed, already_decided; 403 own_request (to approve
    only: no "no" is lost because of who asked), auditor_cannot_approve, not_an_approver. No role
    lifts any of them.
    """
    request, who = attempt.request, attempt.approver.identity
    check_pending(request, attempt.now)
    if attempt.verdict is Verdict.APPROVED and who.person == attempt.requester.person:
        raise Refused(
            Code.OWN_REQUEST,
            "Nobody approves their own request, nor one of a machine of the same owner.",
        )
    if attempt.approver.is_auditor:
        raise Refused(Code.AUDITOR_CANNOT_APPROVE, "An auditor reads, and decides on no request.")
    open_ = request.open_step
    if open_ is None:
        raise AssertionError("a pending request has an open step")
    place = _place(request, open_)
    if attempt.step is not None and attempt.step != open_:
        raise Refused(
            Code.STEP_CHANGED, f"The request has moved on: {place} is open now. Look at it again."
        )
    if who.name not in request.terms.steps[open_].approvers:
        names = list_names(request.terms.steps[open_].approvers)
        raise Refused(
            Code.NOT_AN_APPROVER, f"{place} is decided by {names}; {who.name} is not one."
        )
    for decision in request.decisions:
        if attempt.people[decision.approver] != who.person:
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


def check_pending(request: Request, now: datetime) -> None:
    """Refused 409 request_not_pending, with what became of it."""
    state = request.state(now)
    if state is RequestState.PENDING:
        return
    by = f" by {request.ended_by}" if request.ended_by else ""
    raise Refused(Code.REQUEST_NOT_PENDING, f"The request is {state.value}{by}: it is finished.")


@dataclass(frozen=True, slots=True)
class LackingStep:
    """A step of a pending request that lacks approvals: one that is open, or comes after it.
    `number` counts from 1; `asked` are those who can still approve."""

    number: int
    steps: int
    name: str
    is_open: bool
    given: int
    lacking: int
    asked: tuple[str, ...]


def find_lacking(request: Request, now: datetime) -> tuple[LackingStep, ...]:
    """The open step first; none unless pending."""
    open_ = request.open_step
    if request.state(now) is not RequestState.PENDING or open_ is None:
        return ()
    lacking = range(open_, len(request.terms.steps))
    return tuple(_lacking_step(request, index, index == open_) for index in lacking)


def _lacking_step(request: Request, index: int, is_open: bool) -> LackingStep:
    step = request.terms.steps[index]
    approvals = request.approvals(index)
    return LackingStep(
        number=index + 1,
        steps=len(request.terms.steps),
        name=step.name,
        is_open=is_open,
        given=len(approvals),
        lacking=step.required - len(approvals),
        asked=_still_asked(request, step, approvals),
    )


def _still_asked(request: Request, step: Step, approvals: tuple[Decision, ...]) -> tuple[str, ...]:
    done = {each.approver for each in approvals} | {request.requester}
    return tuple(name for name in step.approvers if name not in done)


def _place(request: Request, index: int) -> str:
    steps = request.terms.steps
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

"""Changes that others may have to agree to first: judged, and then made at once or proposed."""

import hashlib
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import ClassVar, Generic, TypeVar

import msgspec
from peewee import Database

from controlplane.domain.action import Action
from controlplane.domain.approval import LackingStep, find_lacking
from controlplane.domain.identifier import new_id
from controlplane.domain.model import Caller, Identity, Proposal, RequestState, Step
from controlplane.domain.operation import Details, DetailValue
from controlplane.domain.policy import find_unmet
from controlplane.domain.ranges import PROPOSAL_LIFETIME
from controlplane.errors import Code, Refused
from controlplane.service.candidates import Crowd
from controlplane.service.changes import confirm, judged, record
from controlplane.service.time import Time
from controlplane.store import members, proposals, signers
from controlplane.store.database import Store, move_epoch

R = TypeVar("R")

MOST_PENDING = 100  # of one identity
_encode = msgspec.json.Encoder(order="deterministic").encode


@dataclass(frozen=True, slots=True)
class Consent:
    """What a change needs, step by step. `of`: whose, in a sentence."""

    of: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Ruling(Generic[R]):
    """What a change is, as of a transaction: nobody has refused it, and these have a say in it.

    `rests_on`: all that whoever agrees has seen, and that may not change until it is made.
    `apply`: within a write in which that still holds.
    """

    subject: str
    needs: tuple[Consent, ...]
    rests_on: tuple[object, ...]
    apply: Callable[[Database, Caller, datetime], R]
    details: Mapping[str, DetailValue] = field(default_factory=dict)
    signer: str | None = None


class Change(ABC, Generic[R]):
    """Base of what a caller wants changed: a dataclass of what JSON can hold."""

    action: ClassVar[Action]
    needs_time: ClassVar[bool] = True
    """It waits while the clock is not to be trusted: it gives somebody something."""

    def admit(self, database: Database, caller: Caller) -> None:  # most do not ask
        """Refused if the credential that the caller presents is not good enough for it."""

    @abstractmethod
    def judge(self, database: Database, actor: Identity, at: datetime) -> Ruling[R]:
        """Refused if the actor may not make it, or it cannot be made."""


@dataclass(frozen=True, slots=True)
class ProposalView:
    """A proposal as it is now."""

    proposal: Proposal
    state: RequestState
    missing: tuple[LackingStep, ...]  # none unless pending


class Proposed(Exception):  # noqa: N818  # an answer, not a fault
    """Nothing changed yet: others have to agree."""

    def __init__(self, view: ProposalView, secrets: Mapping[str, str] | None = None) -> None:
        """`secrets`: by name, shown this once; they work once the proposal is carried out."""
        super().__init__(view.proposal.id)
        self.view = view
        self.secrets = secrets or {}


class Gate:
    def __init__(self, store: Store, time: Time) -> None:
        self._store = store
        self._clock = time

    def make(self, caller: Caller, change: Change[R]) -> R:
        """Raises Proposed where others have to agree. Refused as the change is, and 409
        policy_cannot_be_met where there are too few of them, too_many_pending; 503 clock_behind
        for most."""
        if change.needs_time:
            self._clock.check()

        def judge(database: Database) -> tuple[Identity, Ruling[R], tuple[Step, ...]]:
            actor = confirm(database, caller)
            change.admit(database, caller)
            ruling = change.judge(database, actor, self._clock())
            steps = consent_of(ruling.needs)
            if steps:
                self._refuse_unmet(database, actor, ruling, steps)
            return actor, ruling, steps

        with judged(self._store, judge) as (database, (actor, ruling, steps)):
            at = self._clock()
            if not steps:
                move_epoch(database)
                return ruling.apply(database, caller, at)
            proposal = _propose(database, caller, actor, change, ruling, steps, at)
        raise Proposed(view_of(proposal, at))

    def _refuse_unmet(
        self, database: Database, actor: Identity, ruling: Ruling[R], steps: tuple[Step, ...]
    ) -> None:
        crowd = Crowd(database, {name for step in steps for name in step.approvers})
        stored = ruling.signer and signers.find(database, ruling.signer, self._clock())
        auditors = members.auditors_of(database, stored.signer.id) if stored else frozenset()
        unmet = find_unmet(steps, crowd.on(auditors), but=actor)
        if unmet:
            whose = " and ".join(dict.fromkeys(consent.of for consent in ruling.needs))
            raise Refused(
                Code.POLICY_CANNOT_BE_MET,
                f"This needs the consent of {whose}, without {actor.name}. {' '.join(unmet)}",
            )


def consent_of(needs: Iterable[Consent]) -> tuple[Step, ...]:
    """The steps of all of them, each of its own name; what several ask of the same people stands
    once."""
    different = list(dict.fromkeys(needs))
    if len(different) == 1:
        return different[0].steps
    asked: dict[tuple[int, frozenset[str], int], Step] = {}
    for consent in different:
        times: Counter[tuple[int, frozenset[str]]] = Counter()  # that this one asks for the same
        for step in consent.steps:
            what = step.required, frozenset(step.approvers)
            named = Step(f"{consent.of}: {step.name}", step.required, step.approvers)
            asked.setdefault((*what, times[what]), named)
            times[what] += 1
    return tuple(asked.values())


def fingerprint(ruling: Ruling[R]) -> str:
    """SHA-256 in hex of all that who agrees has seen."""
    seen = (ruling.subject, ruling.needs, ruling.rests_on)
    return hashlib.sha256(_encode(seen)).hexdigest()


def view_of(proposal: Proposal, now: datetime) -> ProposalView:
    return ProposalView(proposal, proposal.state(now), find_lacking(proposal, now))


def record_proposal(
    database: Database,
    caller: Caller,
    action: Action,
    proposal: Proposal,
    at: datetime,
    details: Details,
) -> None:
    about: Details = {
        "action": proposal.action.value,
        "object": proposal.object,
        "proposer": proposal.proposer,
        **details,
    }
    signer = proposal.signer
    record(database, caller, action, proposal.id, at=at, signer=signer, details=about)


def _propose(
    database: Database,
    caller: Caller,
    actor: Identity,
    change: Change[R],
    ruling: Ruling[R],
    steps: tuple[Step, ...],
    at: datetime,
) -> Proposal:
    """The same one, if it is pending."""
    proposal = Proposal(
        id=new_id(),
        action=change.action,
        object=ruling.subject,
        signer=ruling.signer,
        proposer=actor.name,
        consent=steps,
        details=ruling.details,
        change=_encode(change).decode(),
        rests_on=fingerprint(ruling),
        created_at=at,
        expires_at=at + timedelta(seconds=PROPOSAL_LIFETIME),
    )
    pending = proposals.find_pending(database, at, proposer=actor.name)
    for other in pending:
        if _content(other) == _content(proposal):
            return other
    if len(pending) >= MOST_PENDING:
        raise Refused(Code.TOO_MANY_PENDING, f"{actor.name} has {MOST_PENDING} proposals pending.")
    proposals.PROPOSALS.insert(database, proposal)
    record_proposal(database, caller, Action.PROPOSAL_CREATE, proposal, at, proposal.details)
    return proposal


def _content(proposal: Proposal) -> tuple[object, ...]:
    return (proposal.action, proposal.change, proposal.consent, proposal.rests_on)

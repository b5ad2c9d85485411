"""Policies: what a grant may be at most, and who must say yes."""

from datetime import datetime
from typing import Annotated

from msgspec import UNSET, Meta, UnsetType, field

from controlplane.algorithms.hashes import RealHash
from controlplane.api.endpoint import endpoint
from controlplane.api.pages import Items, PageQuery, items
from controlplane.api.structs import Body, Shown, made
from controlplane.api.text import Text
from controlplane.api.values import Mention, PolicyName, length, number
from controlplane.domain import model
from controlplane.domain.model import Caller, HashAlgorithm, PolicyChangeKind, Terms
from controlplane.domain.page import PageRequest
from controlplane.domain.policy import APPROVERS, SIGNINGS, STEP_NAME, STEPS, TTL, WINDOW, TermsEdit
from controlplane.errors import Code
from controlplane.service.policies import Policies as Service
from controlplane.service.policies import PolicyView

MaxWindow = Annotated[int, number(WINDOW, "seconds that a grant may last")]
MaxSignings = Annotated[int, number(SIGNINGS)]
Protected = Annotated[
    bool, Meta(description="while a signer has it, its own steps decide about it; needs a step")
]
Ttl = Annotated[int, number(TTL, "seconds after which a pending request expires")]
Hashes = Annotated[
    list[RealHash],
    Meta(description="that may be signed; empty: every one, and none"),
]


class Step(Body, frozen=True):
    name: Annotated[Text, length(STEP_NAME, "printable, no colon")]
    required: Annotated[int, number(APPROVERS, "distinct approvals")]
    approvers: Annotated[list[Mention], length(APPROVERS)]


Steps = Annotated[list[Step], length(STEPS, "in order")]


class CreatePolicy(Body, frozen=True):
    """At least one of the two ceilings."""

    name: PolicyName
    max_window_seconds: MaxWindow | None = None
    max_signings: MaxSignings | None = None
    steps: Steps = field(default_factory=list)
    request_ttl_seconds: Ttl | None = None
    hashes: Hashes = field(default_factory=list)
    protected: Protected = False


class EditPolicy(Body, frozen=True):
    """What is left out stays; null removes a limit, an empty list the steps or hashes."""

    max_window_seconds: MaxWindow | UnsetType | None = UNSET
    max_signings: MaxSignings | UnsetType | None = UNSET
    steps: Steps | UnsetType = UNSET
    request_ttl_seconds: Ttl | UnsetType | None = UNSET
    hashes: Hashes | UnsetType = UNSET
    protected: Protected | UnsetType = UNSET


class PolicyStep(Shown, frozen=True):
    name: str
    required: int
    approvers: list[str]


class PolicyChange(Shown, frozen=True):
    at: datetime
    by: str | None
    policy: str
    signer: str | None
    change: PolicyChangeKind
    what: list[str]


class Policy(Shown, frozen=True):
    id: str
    name: str
    max_window_seconds: int | None
    max_signings: int | None
    steps: list[PolicyStep]
    request_ttl_seconds: int | None
    hashes: list[HashAlgorithm]
    protected: bool
    created_at: datetime


class PolicyInUse(Policy, frozen=True):
    """With the signers that have it, as far as the caller sees them, and what was done with it,
    newest first."""

    signers: list[str]
    changes: list[PolicyChange]


class Resource:
    """Base: the use cases of policies."""

    def __init__(self, policies: Service) -> None:
        self._policies = policies


class PoliciesResource(Resource):
    @endpoint("List the policies that the caller may see")
    def on_get(self, caller: Caller, query: PageQuery) -> Items[Policy]:
        page = self._policies.list(caller, PageRequest(query.limit, query.cursor))
        return items(page, _policy)

    @endpoint(
        "Create a policy",
        status=201,
        refusals=(
            Code.POLICY_UNBOUNDED,
            Code.ADMIN_REQUIRED,
            Code.POLICY_EXISTS,
        ),
    )
    def on_post(self, caller: Caller, body: CreatePolicy) -> PolicyInUse:
        terms = Terms(
            max_window_seconds=body.max_window_seconds,
            max_signings=body.max_signings,
            steps=_steps(body.steps),
            request_ttl_seconds=body.request_ttl_seconds,
            hashes=_hashes(body.hashes),
            protected=body.protected,
        )
        return _policy_in_use(self._policies.create(caller, body.name, terms))


class PolicyResource(Resource):
    @endpoint("Show a policy", refusals=(Code.POLICY_NOT_FOUND,))
    def on_get(self, caller: Caller, name: str) -> PolicyInUse:
        return _policy_in_use(self._policies.get(caller, name))

    @endpoint(
        "Edit a policy; touches new requests only",
        refusals=(
            Code.POLICY_UNBOUNDED,
            Code.ADMIN_REQUIRED,
            Code.POLICY_NOT_FOUND,
            Code.POLICY_CANNOT_BE_MET,
            Code.POLICY_REQUIRED,
        ),
        proposes=True,
    )
    def on_patch(self, caller: Caller, name: str, body: EditPolicy) -> PolicyInUse:
        return _policy_in_use(self._policies.edit(caller, name, _edit(body)))

    @endpoint(
        "Delete a policy that no signer has",
        status=204,
        refusals=(
            Code.ADMIN_REQUIRED,
            Code.POLICY_NOT_FOUND,
            Code.POLICY_IN_USE,
        ),
    )
    def on_delete(self, caller: Caller, name: str) -> None:
        self._policies.delete(caller, name)


def _edit(body: EditPolicy) -> TermsEdit:
    """What the body names."""
    return made(
        TermsEdit,
        body,
        steps=UNSET if body.steps is UNSET else _steps(body.steps),
        hashes=UNSET if body.hashes is UNSET else _hashes(body.hashes),
    )


def _steps(steps: list[Step]) -> tuple[model.Step, ...]:
    return tuple(model.Step(each.name, each.required, tuple(each.approvers)) for each in steps)


def _hashes(hashes: Hashes) -> tuple[HashAlgorithm, ...]:
    return tuple(HashAlgorithm(each) for each in hashes)


def _policy(of: model.Policy) -> Policy:
    return made(Policy, of.terms, **_of_policy(of))


def _policy_in_use(of: PolicyView) -> PolicyInUse:
    changes = policy_changes(of.changes)
    return made(
        PolicyInUse,
        of.policy.terms,
        **_of_policy(of.policy),
        signers=of.signers,
        changes=changes,
    )


def _of_policy(of: model.Policy) -> dict[str, object]:
    """Beside its terms."""
    steps = [made(PolicyStep, each) for each in of.terms.steps]
    return {"id": of.id, "name": of.name, "steps": steps, "created_at": of.created_at}


def policy_changes(of: tuple[model.PolicyChange, ...]) -> list[PolicyChange]:
    return [made(PolicyChange, each) for each in of]

"""Requests for a grant, and decisions on them."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta

from controlplane.api import words
from controlplane.api.endpoint import Answer, endpoint
from controlplane.api.operations import Credential
from controlplane.api.pages import Ending, Items, PageQuery, items
from controlplane.api.policies import PolicyStep
from controlplane.api.structs import Body, Empty, Shown, made
from controlplane.api.text import MAX_INTEGER, Parameter, Text
from controlplane.api.values import Signings, Why, Window
from controlplane.domain import model
from controlplane.domain.model import Caller, HashAlgorithm, RequestState, Verdict
from controlplane.domain.page import PageRequest
from controlplane.domain.ranges import TEXT
from controlplane.errors import Code
from controlplane.service.requests import Requests as Service
from controlplane.service.requests import RequestView

StepNumber = Annotated[
    int,
    Meta(
        ge=1,
        le=MAX_INTEGER,
        description="the step that the approver saw: another one open is a conflict",
    ),
]
_DECISION = (
    Code.AUDITOR_CANNOT_APPROVE,
    Code.NOT_AN_APPROVER,
    Code.REQUEST_NOT_FOUND,
    Code.REQUEST_NOT_PENDING,
    Code.STEP_CHANGED,
    Code.ALREADY_DECIDED,
)


class CreateRequest(Body, frozen=True):
    justification: Why
    window_seconds: Window | None = None
    signings: Signings | None = None


class Approve(Body, frozen=True):
    comment: Annotated[Text, Meta(max_length=TEXT.most)] | None = None
    step: StepNumber | None = None


class Reject(Body, frozen=True):
    comment: Why
    step: StepNumber | None = None


class RequestsQuery(PageQuery, frozen=True):
    signer: Parameter | None = None
    requester: Parameter | None = None
    state: RequestState | None = None
    ending: Ending | None = None


class Decision(Shown, frozen=True):
    """`credential`: that it was made with; null: from before that was noted. `withdrawn_at`: since
    when it does not count. `suspended_at`: the same, until it is confirmed."""

    approver: str
    verdict: Verdict
    comment: str | None
    at: datetime
    credential: Credential | None
    withdrawn_at: datetime | None
    suspended_at: datetime | None


class RequestStep(PolicyStep, frozen=True):
    decisions: list[Decision]


class Request(Shown, frozen=True):
    """`step` counts from 1 and is null once the request is not pending. `max_window_seconds`,
    `max_signings`, `hashes`, `protected` and `steps`: the terms that it was made under."""

    id: str
    signer: str
    requester: str
    policy: str
    state: RequestState
    justification: str
    window_seconds: int | None
    signings: int | None
    step: int | None
    steps: list[RequestStep]
    max_window_seconds: int | None
    max_signings: int | None
    hashes: list[HashAlgorithm]
    protected: bool
    created_at: datetime
    expires_at: datetime | None
    ended_at: datetime | None
    ended_by: str | None
    comment: str | None
    grant_id: str | None
    missing: list[str]


class Resource:
    """Base: the use cases of requests."""

    def __init__(self, requests: Service) -> None:
        self._requests = requests


class SignerRequestsResource(Resource):
    @endpoint(
        "Ask for a grant; an equal request that is pending is returned instead of a second one",
        status=201,
        also=(200,),
        refusals=(
            Code.WINDOW_ABOVE_CEILING,
            Code.SIGNINGS_ABOVE_CEILING,
            Code.NOT_A_MEMBER,
            Code.ROLE_CANNOT_SIGN,
            Code.SIGNER_NOT_FOUND,
            Code.SIGNER_DELETING,
            Code.NO_POLICY,
            Code.TOO_MANY_PENDING,
            Code.CLOCK_BEHIND,
        ),
    )
    def on_post(self, caller: Caller, name: str, body: CreateRequest) -> Answer[Request]:
        asked = self._requests.create(
            caller, name, body.justification, body.window_seconds, body.signings
        )
        return Answer(_request(asked.view), status=201 if asked.created else 200)


class RequestsResource(Resource):
    @endpoint("List the requests that the caller may see, newest first")
    def on_get(self, caller: Caller, query: RequestsQuery) -> Items[Request]:
        page = self._requests.list(
            caller,
            PageRequest(query.limit, query.cursor),
            signer=query.signer,
            requester=query.requester,
            state=query.state,
            ending=query.ending,
        )
        return items(page, _request)


class RequestResource(Resource):
    @endpoint("Show a request", refusals=(Code.REQUEST_NOT_FOUND,))
    def on_get(self, caller: Caller, request_id: str) -> Request:
        return _request(self._requests.get(caller, request_id))


class RequestApproveResource(Resource):
    @endpoint(
        "Approve the open step of a request",
        refusals=(
            *_DECISION,
            Code.CREDENTIAL_NOT_ENROLLED,
            Code.CREDENTIAL_TOO_YOUNG,
            Code.OWN_REQUEST,
            Code.OWNER_DISABLED,
            Code.POLICY_DETACHED,
            Code.REQUESTER_CANNOT_SIGN,
            Code.CLOCK_BEHIND,
        ),
    )
    def on_post(self, caller: Caller, request_id: str, body: Approve) -> Request:
        return _request(self._requests.approve(caller, request_id, body.comment, body.step))


class RequestRejectResource(Resource):
    @endpoint("Reject a request", refusals=_DECISION)
    def on_post(self, caller: Caller, request_id: str, body: Reject) -> Request:
        return _request(self._requests.reject(caller, request_id, body.comment, body.step))


class RequestCancelResource(Resource):
    @endpoint(
        "Cancel a request",
        refusals=(
            Code.REQUESTER_REQUIRED,
            Code.REQUEST_NOT_FOUND,
            Code.REQUEST_NOT_PENDING,
        ),
    )
    def on_post(self, caller: Caller, request_id: str, body: Empty) -> Request:
        return _request(self._requests.cancel(caller, request_id))


def _request(view: RequestView) -> Request:
    of, step = view.request, view.request.open_step
    is_pending = view.state is RequestState.PENDING
    return made(
        Request,
        of,
        state=view.state,
        step=step + 1 if is_pending and step is not None else None,
        steps=[_request_step(of, index) for index in range(len(of.terms.steps))],
        max_window_seconds=of.terms.max_window_seconds,
        max_signings=of.terms.max_signings,
        hashes=of.terms.hashes,
        protected=of.terms.protected,
        ended_at=of.expires_at if view.state is RequestState.EXPIRED else of.ended_at,
        missing=[words.say_missing(each) for each in view.missing],
    )


def _request_step(of: model.Request, index: int) -> RequestStep:
    decisions = [decision(each) for each in of.decisions if each.step == index]
    return made(RequestStep, of.terms.steps[index], decisions=decisions)


def decision(of: model.Decision) -> Decision:
    credential = None if of.credential is None else made(Credential, of.credential)
    return made(Decision, of, credential=credential)

"""Requests for a grant, and decisions on them."""

from controlplane.api import answers, schemas
from controlplane.api.endpoint import Answer, endpoint
from controlplane.domain.model import Caller
from controlplane.domain.page import PageRequest
from controlplane.errors import Code
from controlplane.service.requests import Requests as Service

_DECISION = (
    Code.OWN_REQUEST,
    Code.AUDITOR_CANNOT_APPROVE,
    Code.NOT_AN_APPROVER,
    Code.REQUEST_NOT_FOUND,
    Code.REQUEST_NOT_PENDING,
    Code.STEP_CHANGED,
    Code.ALREADY_DECIDED,
)


class Resource:
    """Base: the use cases of requests."""

    def __init__(self, requests: Service) -> None:
        self._requests = requests


class SignerRequests(Resource):
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
            Code.NO_POLICY,
            Code.TOO_MANY_PENDING,
        ),
    )
    def on_post(
        self, caller: Caller, name: str, body: schemas.CreateRequest
    ) -> Answer[answers.Request]:
        asked = self._requests.create(
            caller, name, body.justification, body.window_seconds, body.signings
        )
        return Answer(answers.request(asked.view), status=201 if asked.created else 200)


class Requests(Resource):
    @endpoint("List the requests that the caller may see, newest first")
    def on_get(
        self, caller: Caller, query: schemas.RequestsQuery
    ) -> answers.Items[answers.Request]:
        page = self._requests.list(
            caller,
            PageRequest(query.limit, query.cursor),
            signer=query.signer,
            requester=query.requester,
            state=query.state,
        )
        return answers.items(page, answers.request)


class Request(Resource):
    @endpoint("Show a request", refusals=(Code.REQUEST_NOT_FOUND,))
    def on_get(self, caller: Caller, request_id: str) -> answers.Request:
        return answers.request(self._requests.get(caller, request_id))


class RequestApprove(Resource):
    @endpoint(
        "Approve the open step of a request",
        refusals=(
            *_DECISION,
            Code.POLICY_DETACHED,
            Code.REQUESTER_CANNOT_SIGN,
        ),
    )
    def on_post(self, caller: Caller, request_id: str, body: schemas.Approve) -> answers.Request:
        return answers.request(self._requests.approve(caller, request_id, body.comment, body.step))


class RequestReject(Resource):
    @endpoint("Reject a request", refusals=_DECISION)
    def on_post(self, caller: Caller, request_id: str, body: schemas.Reject) -> answers.Request:
        return answers.request(self._requests.reject(caller, request_id, body.comment, body.step))


class RequestCancel(Resource):
    @endpoint(
        "Cancel a request",
        refusals=(
            Code.REQUESTER_REQUIRED,
            Code.REQUEST_NOT_FOUND,
            Code.REQUEST_NOT_PENDING,
        ),
    )
    def on_post(self, caller: Caller, request_id: str, body: schemas.Empty) -> answers.Request:
        return answers.request(self._requests.cancel(caller, request_id))

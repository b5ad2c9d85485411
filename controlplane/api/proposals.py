"""Changes that others have to agree to first: as the caller of one hears of it, and decisions."""

from collections.abc import Mapping
from datetime import datetime

import msgspec
from falcon.asgi import Request, Response

from controlplane.api import words
from controlplane.api.endpoint import JSON, endpoint
from controlplane.api.pages import Ending, Items, PageQuery, items
from controlplane.api.requests import Approve, Reject, RequestStep, decision
from controlplane.api.structs import Empty, Shown, made
from controlplane.domain import model
from controlplane.domain.action import Action
from controlplane.domain.model import Caller, RequestState
from controlplane.domain.page import PageRequest
from controlplane.errors import Code
from controlplane.service.gate import ProposalView, Proposed
from controlplane.service.proposals import Proposals as Service

_DECISION = (
    Code.AUDITOR_CANNOT_APPROVE,
    Code.NOT_AN_APPROVER,
    Code.PROPOSAL_NOT_FOUND,
    Code.PROPOSAL_FINISHED,
    Code.STEP_CHANGED,
    Code.ALREADY_DECIDED,
)


class Proposal(Shown, frozen=True):
    """`action` is what its row will say when it is carried out, `details` what it changes. `step`
    counts from 1 and is null once the proposal is not pending. `comment` is that of a rejection;
    `missing`: sentences."""

    id: str
    action: Action
    object: str
    signer: str | None
    proposer: str
    state: RequestState
    step: int | None
    steps: list[RequestStep]
    details: dict[str, str | int | bool | None]
    created_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    ended_by: str | None
    comment: str | None
    missing: list[str]


class ProposedChange(Shown, frozen=True, omit_defaults=True):
    """Nothing changed yet. `api_key` and `enrolment_code` are shown this once, and work once the
    proposal is carried out."""

    proposal: Proposal
    api_key: str | None = None
    enrolment_code: str | None = None


class ProposalsQuery(PageQuery, frozen=True):
    state: RequestState | None = None
    ending: Ending | None = None


class Resource:
    """Base: the use cases of proposals."""

    def __init__(self, proposals: Service) -> None:
        self._proposals = proposals


class ProposalsResource(Resource):
    @endpoint("List the proposals that the caller may see, newest first")
    def on_get(self, caller: Caller, query: ProposalsQuery) -> Items[Proposal]:
        page = PageRequest(query.limit, query.cursor)
        found = self._proposals.list(caller, page, state=query.state, ending=query.ending)
        return items(found, _proposal)


class ProposalResource(Resource):
    @endpoint("Show a proposal", refusals=(Code.PROPOSAL_NOT_FOUND,))
    def on_get(self, caller: Caller, proposal_id: str) -> Proposal:
        return _proposal(self._proposals.get(caller, proposal_id))


class ProposalApproveResource(Resource):
    @endpoint(
        "Approve the open step of a proposal; the last approval carries it out",
        refusals=(
            *_DECISION,
            Code.CREDENTIAL_NOT_ENROLLED,
            Code.CREDENTIAL_TOO_YOUNG,
            Code.OWN_PROPOSAL,
            Code.OWNER_DISABLED,
            Code.PROPOSAL_OVERTAKEN,
            Code.CLOCK_BEHIND,
        ),
    )
    def on_post(self, caller: Caller, proposal_id: str, body: Approve) -> Proposal:
        return _proposal(self._proposals.approve(caller, proposal_id, body.comment, body.step))


class ProposalRejectResource(Resource):
    @endpoint("Reject a proposal", refusals=_DECISION)
    def on_post(self, caller: Caller, proposal_id: str, body: Reject) -> Proposal:
        return _proposal(self._proposals.reject(caller, proposal_id, body.comment, body.step))


class ProposalCancelResource(Resource):
    @endpoint(
        "Cancel a proposal",
        refusals=(Code.REQUESTER_REQUIRED, Code.PROPOSAL_NOT_FOUND, Code.PROPOSAL_FINISHED),
    )
    def on_post(self, caller: Caller, proposal_id: str, body: Empty) -> Proposal:
        return _proposal(self._proposals.cancel(caller, proposal_id))


async def answer_proposed(
    _req: Request, resp: Response, proposed: Proposed, _params: Mapping[str, object]
) -> None:
    """202: what would have changed, and who has to agree."""
    answer = ProposedChange(proposal=_proposal(proposed.view), **proposed.secrets)
    resp.status = 202
    resp.content_type = JSON
    resp.data = msgspec.json.encode(answer)


def _proposal(view: ProposalView) -> Proposal:
    of, step = view.proposal, view.proposal.open_step
    is_pending = view.state is RequestState.PENDING
    return made(
        Proposal,
        of,
        state=view.state,
        step=step + 1 if is_pending and step is not None else None,
        steps=[_step(of, index) for index in range(len(of.steps))],
        ended_at=of.expires_at if view.state is RequestState.EXPIRED else of.ended_at,
        missing=[words.say_missing(each) for each in view.missing],
    )


def _step(of: model.Proposal, index: int) -> RequestStep:
    decisions = [decision(each) for each in of.decisions if each.step == index]
    return made(RequestStep, of.steps[index], decisions=decisions)

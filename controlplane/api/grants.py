"""Grants: issued by requests, pre-approved, revoked."""

from datetime import datetime

from controlplane.api.endpoint import endpoint
from controlplane.api.pages import Ending, Items, PageQuery, items
from controlplane.api.structs import Body, Shown, made
from controlplane.api.text import Parameter
from controlplane.api.values import IdentityMention, Signings, Why, Window
from controlplane.domain.model import Caller, GrantState, HashAlgorithm
from controlplane.domain.page import PageRequest
from controlplane.errors import Code
from controlplane.service.grants import Grants as Service
from controlplane.service.grants import GrantView


class CreateGrant(Body, frozen=True):
    identity: IdentityMention
    justification: Why
    window_seconds: Window | None = None
    signings: Signings | None = None


class RevokeGrant(Body, frozen=True):
    reason: Why


class GrantsQuery(PageQuery, frozen=True):
    signer: Parameter | None = None
    grantee: Parameter | None = None
    state: GrantState | None = None
    ending: Ending | None = None


class Grant(Shown, frozen=True):
    id: str
    signer: str
    grantee: str
    policy: str
    state: GrantState
    used: int
    max_signings: int | None
    hashes: list[HashAlgorithm]
    justification: str
    request_id: str | None
    issued_by: str | None
    not_before: datetime
    not_after: datetime | None
    revoked_at: datetime | None
    revoked_by: str | None
    revoke_reason: str | None
    suspended_at: datetime | None


class Resource:
    """Base: the use cases of grants."""

    def __init__(self, grants: Service) -> None:
        self._grants = grants


class SignerGrantsResource(Resource):
    @endpoint(
        "Pre-approve a grant for another member",
        status=201,
        refusals=(
            Code.WINDOW_ABOVE_CEILING,
            Code.SIGNINGS_ABOVE_CEILING,
            Code.ADMINISTRATOR_REQUIRED,
            Code.OWN_GRANT,
            Code.SIGNER_NOT_FOUND,
            Code.MEMBER_NOT_FOUND,
            Code.SIGNER_DELETING,
            Code.NO_POLICY,
            Code.GRANTEE_CANNOT_SIGN,
        ),
        proposes=True,
    )
    def on_post(self, caller: Caller, name: str, body: CreateGrant) -> Grant:
        created = self._grants.create(
            caller, name, body.identity, body.justification, body.window_seconds, body.signings
        )
        return grant_answer(created)


class GrantsResource(Resource):
    @endpoint("List the grants that the caller may see, newest first")
    def on_get(self, caller: Caller, query: GrantsQuery) -> Items[Grant]:
        page = self._grants.list(
            caller,
            PageRequest(query.limit, query.cursor),
            signer=query.signer,
            grantee=query.grantee,
            state=query.state,
            ending=query.ending,
        )
        return items(page, grant_answer)


class GrantResource(Resource):
    @endpoint("Show a grant", refusals=(Code.GRANT_NOT_FOUND,))
    def on_get(self, caller: Caller, grant_id: str) -> Grant:
        return grant_answer(self._grants.get(caller, grant_id))


class GrantRevokeResource(Resource):
    @endpoint(
        "Revoke a grant; the next call to sign sees it",
        refusals=(
            Code.ADMINISTRATOR_REQUIRED,
            Code.GRANT_NOT_FOUND,
            Code.GRANT_NOT_ACTIVE,
        ),
    )
    def on_post(self, caller: Caller, grant_id: str, body: RevokeGrant) -> Grant:
        return grant_answer(self._grants.revoke(caller, grant_id, body.reason))


def grant_answer(view: GrantView) -> Grant:
    revocation = view.grant.revocation
    return made(
        Grant,
        view.grant,
        state=view.state,
        revoked_at=None if revocation is None else revocation.at,
        revoked_by=None if revocation is None else revocation.by,
        revoke_reason=None if revocation is None else revocation.reason,
    )

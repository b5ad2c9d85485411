"""Grants: issued by requests, pre-approved, revoked."""

from controlplane.api import answers, schemas
from controlplane.api.endpoint import endpoint
from controlplane.domain.model import Caller
from controlplane.domain.page import PageRequest
from controlplane.errors import Code
from controlplane.service.grants import Grants as Service


class Resource:
    """Base: the use cases of grants."""

    def __init__(self, grants: Service) -> None:
        self._grants = grants


class SignerGrants(Resource):
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
            Code.NO_POLICY,
            Code.GRANTEE_CANNOT_SIGN,
        ),
    )
    def on_post(self, caller: Caller, name: str, body: schemas.CreateGrant) -> answers.Grant:
        created = self._grants.create(
            caller, name, body.identity, body.justification, body.window_seconds, body.signings
        )
        return answers.grant(created)


class Grants(Resource):
    @endpoint("List the grants that the caller may see, newest first")
    def on_get(self, caller: Caller, query: schemas.GrantsQuery) -> answers.Items[answers.Grant]:
        page = self._grants.list(
            caller,
            PageRequest(query.limit, query.cursor),
            signer=query.signer,
            grantee=query.grantee,
            state=query.state,
        )
        return answers.items(page, answers.grant)


class Grant(Resource):
    @endpoint("Show a grant", refusals=(Code.GRANT_NOT_FOUND,))
    def on_get(self, caller: Caller, grant_id: str) -> answers.Grant:
        return answers.grant(self._grants.get(caller, grant_id))


class GrantRevoke(Resource):
    @endpoint(
        "Revoke a grant; the next call to sign sees it",
        refusals=(
            Code.ADMINISTRATOR_REQUIRED,
            Code.GRANT_NOT_FOUND,
            Code.GRANT_NOT_ACTIVE,
        ),
    )
    def on_post(self, caller: Caller, grant_id: str, body: schemas.RevokeGrant) -> answers.Grant:
        return answers.grant(self._grants.revoke(caller, grant_id, body.reason))

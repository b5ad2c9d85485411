"""Identities and their API keys."""

from controlplane.api import answers, schemas
from controlplane.api.endpoint import endpoint
from controlplane.domain.model import Caller
from controlplane.domain.page import PageRequest
from controlplane.errors import Code
from controlplane.service.identities import Identities as Service


class Resource:
    """Base: the use cases of identities."""

    def __init__(self, identities: Service) -> None:
        self._identities = identities


class WhoAmI:
    @endpoint("Who this API key belongs to")
    async def on_get(self, caller: Caller) -> answers.Identity:
        return answers.identity(caller.identity)


class Identities(Resource):
    @endpoint("List identities", refusals=(Code.READER_REQUIRED,))
    def on_get(self, caller: Caller, query: schemas.PageQuery) -> answers.Items[answers.Identity]:
        page = self._identities.list(caller, PageRequest(query.limit, query.cursor))
        return answers.items(page, answers.identity)

    @endpoint(
        "Create an identity; its API key is shown once",
        status=201,
        refusals=(Code.ADMIN_REQUIRED, Code.IDENTITY_EXISTS),
    )
    def on_post(self, caller: Caller, body: schemas.CreateIdentity) -> answers.IdentityWithSecret:
        created = self._identities.create(caller, body.name, body.kind, body.role, body.owner)
        return answers.identity_with_secret(created)


class Identity(Resource):
    @endpoint("Show an identity and its keys", refusals=(Code.IDENTITY_NOT_FOUND,))
    def on_get(self, caller: Caller, name: str) -> answers.IdentityWithKeys:
        found = self._identities.get(caller, name)
        return answers.identity_with_keys(found, self._identities.keys(caller, name))


class IdentityDisable(Resource):
    @endpoint(
        "Disable an identity",
        refusals=(
            Code.ADMIN_REQUIRED,
            Code.IDENTITY_NOT_FOUND,
            Code.LAST_ADMIN,
        ),
    )
    def on_post(self, caller: Caller, name: str, body: schemas.Empty) -> answers.Identity:
        return answers.identity(self._identities.disable(caller, name))


class IdentityEnable(Resource):
    @endpoint("Enable an identity", refusals=(Code.ADMIN_REQUIRED, Code.IDENTITY_NOT_FOUND))
    def on_post(self, caller: Caller, name: str, body: schemas.Empty) -> answers.Identity:
        return answers.identity(self._identities.enable(caller, name))


class ApiKeys(Resource):
    @endpoint(
        "Add an API key, shown once",
        status=201,
        refusals=(Code.ADMIN_REQUIRED, Code.IDENTITY_NOT_FOUND),
    )
    def on_post(self, caller: Caller, name: str, body: schemas.Empty) -> answers.ApiKeyWithSecret:
        return answers.api_key_with_secret(self._identities.add_key(caller, name))


class ApiKeyRevoke(Resource):
    @endpoint(
        "Revoke an API key",
        refusals=(
            Code.ADMIN_REQUIRED,
            Code.IDENTITY_NOT_FOUND,
            Code.API_KEY_NOT_FOUND,
            Code.LAST_ADMIN,
        ),
    )
    def on_post(
        self, caller: Caller, name: str, key_id: str, body: schemas.Empty
    ) -> answers.ApiKey:
        return answers.api_key(self._identities.revoke_key(caller, name, key_id))

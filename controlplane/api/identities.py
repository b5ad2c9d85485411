"""Identities and their API keys."""

from datetime import date, datetime, timedelta
from typing import Annotated

from msgspec import UNSET, Meta, UnsetType, field

from controlplane.api import words
from controlplane.api.endpoint import endpoint
from controlplane.api.notices import Notice, show_notices
from controlplane.api.pages import Items, PageQuery, items
from controlplane.api.structs import Body, Empty, Shown, made
from controlplane.api.text import Text
from controlplane.api.values import IdentityMention, NewIdentityName, length, number
from controlplane.domain import enrolment as domain
from controlplane.domain import model
from controlplane.domain.api_key import LIFETIME, NETWORKS
from controlplane.domain.identity_edit import IdentityEdit
from controlplane.domain.model import Caller, IdentityKind, ServerRole
from controlplane.domain.names import EMAIL
from controlplane.domain.network import Network, parse_network
from controlplane.domain.page import PageRequest
from controlplane.domain.ranges import Range
from controlplane.domain.warnings import ApiKeyEnds
from controlplane.errors import Code, invalid
from controlplane.service.disabling import Disabled
from controlplane.service.enrolments import Enrolments, NewEnrolment
from controlplane.service.identities import Identities as Service
from controlplane.service.identity_creation import NewIdentity
from controlplane.service.new_credentials import NewApiKey
from controlplane.service.notices import Notices


class CreateIdentity(Body, frozen=True):
    name: NewIdentityName
    kind: IdentityKind
    role: ServerRole | None = None
    owner: IdentityMention | None = None
    enrol: Annotated[bool, Meta(description="a code in the place of an API key")] = False


class DisableIdentity(Body, frozen=True):
    """`machines`: `disable`, `keep`, or the user to whom they are offered. Asked for where a user
    owns machines that are enabled."""

    machines: IdentityMention | None = None


class EditIdentity(Body, frozen=True):
    """What is left out stays; null takes the role or the address away. `owner`: a user, who owns
    the machine once they accept it; its owner's name takes back what was offered."""

    role: ServerRole | UnsetType | None = UNSET
    owner: IdentityMention | UnsetType = UNSET
    email: Annotated[Text, length(EMAIL)] | UnsetType | None = UNSET


Cidr = Annotated[Text, length(Range(1, 64), "a CIDR, or an address")]


class KeyLimits(Body, frozen=True):
    """Without an end the key works until it is revoked, without addresses from everywhere."""

    expires_in_seconds: Annotated[int, number(LIFETIME)] | None = None
    allowed_addresses: Annotated[list[Cidr], length(NETWORKS)] = field(default_factory=list)

    def lifetime(self) -> timedelta | None:
        seconds = self.expires_in_seconds
        return None if seconds is None else timedelta(seconds=seconds)

    def networks(self) -> list[Network]:
        """Each once. Refused 400."""
        try:
            return list(dict.fromkeys(map(parse_network, self.allowed_addresses)))
        except ValueError as fault:
            raise invalid("allowed_addresses", f"allowed_addresses: {fault}.") from None


class Identity(Shown, frozen=True):
    """`proposed_owner`: the user who is to own it, and has not accepted."""

    id: str
    name: str
    kind: IdentityKind
    role: ServerRole | None
    owner: str | None
    proposed_owner: str | None
    email: str | None
    disabled: bool
    created_at: datetime


class ApiKey(Shown, frozen=True):
    """`allowed_addresses`: CIDRs; none: from everywhere. `issued_by`: who made it; null: not known,
    or on the server's own machine. `enrolled`: nobody but its holder ever saw it. `last_used_on`:
    the day, in UTC; null: none is known. `last_used_from`: the address, or the last new one, of
    that day; null: not known, as over a unix socket."""

    id: str
    created_at: datetime
    revoked_at: datetime | None
    suspended_at: datetime | None
    expires_at: datetime | None
    allowed_addresses: list[str]
    issued_by: str | None
    enrolled: bool
    last_used_on: date | None
    last_used_from: str | None


class WhoAmI(Identity, frozen=True):
    """`key`: that the call came with. `warnings`: sentences. `notices`: what happened to the caller
    since this key was made, and was not marked as seen; oldest first, not all of many."""

    key: ApiKey
    warnings: list[str]
    notices: list[Notice]


class Enrolment(Shown, frozen=True):
    """A code that waits to be used. The limits are those of the key that comes of it."""

    id: str
    created_at: datetime
    enrolment_expires_at: datetime
    issued_by: str
    expires_in_seconds: int | None
    allowed_addresses: list[str]


class IdentityWithKeys(Identity, frozen=True):
    """`enrolments`: those that wait for their code. `warnings`: sentences."""

    keys: list[ApiKey]
    enrolments: list[Enrolment]
    warnings: list[str]


class Cancelled(Shown, frozen=True):
    """`kind`: request, proposal."""

    kind: str
    id: str


class Withdrawn(Cancelled, frozen=True):
    """An approval that no longer counts. `step` counts from 1."""

    step: int
    approver: str


class UnmetPolicy(Shown, frozen=True):
    """`what`: sentences."""

    policy: str
    what: list[str]


class DisabledIdentity(Identity, frozen=True):
    """`machines`: those that were enabled, as they are now. `grants`: ids of active ones that
    nobody can use now. `unmet`: policies that name any of these and cannot be met."""

    machines: list[Identity]
    cancelled: list[Cancelled]
    withdrawn: list[Withdrawn]
    grants: list[str]
    unmet: list[UnmetPolicy]


class IdentityWithSecret(Identity, frozen=True):
    """An API key and its id, or a code, of which its holder makes a key, and its end."""

    api_key: str | UnsetType = UNSET
    api_key_id: str | UnsetType = UNSET
    enrolment_code: str | UnsetType = UNSET
    enrolment_expires_at: datetime | UnsetType = UNSET


class ApiKeyWithSecret(ApiKey, frozen=True):
    api_key: str


class Resource:
    """Base: the use cases of identities."""

    def __init__(self, identities: Service) -> None:
        self._identities = identities


class WhoAmIResource(Resource):
    def __init__(self, identities: Service, notices: Notices) -> None:
        super().__init__(identities)
        self._notices = notices

    @endpoint("Who this API key belongs to, and its limits")
    def on_get(self, caller: Caller) -> WhoAmI:
        key = self._identities.calling_key(caller)
        warnings = _warnings(self._identities.ending(caller.identity, [key]))
        warnings += map(words.say_offer, self._identities.offered(caller))
        return made(
            WhoAmI,
            caller.identity,
            key=_api_key(key),
            warnings=warnings,
            notices=show_notices(caller, self._notices),
        )


class WithEnrolments(Resource):
    """Base: those of identities, and of enrolments."""

    def __init__(self, identities: Service, enrolments: Enrolments) -> None:
        super().__init__(identities)
        self._enrolments = enrolments


class IdentitiesResource(WithEnrolments):
    @endpoint("List identities", refusals=(Code.READER_REQUIRED,))
    def on_get(self, caller: Caller, query: PageQuery) -> Items[Identity]:
        page = self._identities.list(caller, PageRequest(query.limit, query.cursor))
        return items(page, _identity)

    @endpoint(
        "Create an identity; its API key, or its enrolment code, is shown once",
        status=201,
        refusals=(Code.ADMIN_REQUIRED, Code.IDENTITY_EXISTS, Code.ROLES_EXCLUDE),
        proposes=True,
    )
    def on_post(self, caller: Caller, body: CreateIdentity) -> IdentityWithSecret:
        wanted = body.name, body.kind, body.role, body.owner
        if body.enrol:
            return _identity_with_code(self._enrolments.create_identity(caller, *wanted))
        return _identity_with_secret(self._identities.create(caller, *wanted))


class IdentityResource(WithEnrolments):
    @endpoint(
        "Show an identity, its keys, and enrolments that wait for their code",
        refusals=(Code.IDENTITY_NOT_FOUND,),
    )
    def on_get(self, caller: Caller, name: str) -> IdentityWithKeys:
        found = self._identities.get(caller, name)
        keys = self._identities.keys(caller, name)
        warnings = _warnings(self._identities.ending(found, keys))
        return made(
            IdentityWithKeys,
            found,
            keys=[_api_key(each) for each in keys],
            enrolments=[
                made(Enrolment, each, **said(each)) for each in self._enrolments.open_of(found)
            ],
            warnings=warnings,
        )

    @endpoint(
        "Give an identity another role or address, or offer a machine to another owner",
        refusals=(
            Code.ADMIN_REQUIRED,
            Code.IDENTITY_NOT_FOUND,
            Code.LAST_ADMIN,
            Code.ROLES_EXCLUDE,
        ),
        proposes=True,
    )
    def on_patch(self, caller: Caller, name: str, body: EditIdentity) -> Identity:
        return _identity(self._identities.edit(caller, name, made(IdentityEdit, body)))


class IdentityAcceptResource(Resource):
    @endpoint(
        "Accept a machine, by the user who is to own it",
        refusals=(Code.IDENTITY_NOT_FOUND, Code.NOT_PROPOSED_OWNER),
    )
    def on_post(self, caller: Caller, name: str, body: Empty) -> Identity:
        return _identity(self._identities.accept(caller, name))


class IdentityDisableResource(Resource):
    @endpoint(
        "Disable an identity, and say what becomes of its machines",
        refusals=(
            Code.ADMIN_REQUIRED,
            Code.IDENTITY_NOT_FOUND,
            Code.LAST_ADMIN,
            Code.MACHINES_UNDECIDED,
            Code.ROLES_EXCLUDE,
        ),
    )
    def on_post(self, caller: Caller, name: str, body: DisableIdentity) -> DisabledIdentity:
        return _disabled(self._identities.disable(caller, name, body.machines))


class IdentityEnableResource(Resource):
    @endpoint(
        "Enable an identity", refusals=(Code.ADMIN_REQUIRED, Code.IDENTITY_NOT_FOUND), proposes=True
    )
    def on_post(self, caller: Caller, name: str, body: Empty) -> Identity:
        return _identity(self._identities.enable(caller, name))


class ApiKeysResource(Resource):
    @endpoint(
        "Add an API key, shown once",
        status=201,
        refusals=(
            Code.ADMIN_REQUIRED,
            Code.CREDENTIAL_NOT_ENROLLED,
            Code.IDENTITY_NOT_FOUND,
        ),
        proposes=True,
    )
    def on_post(self, caller: Caller, name: str, body: KeyLimits) -> ApiKeyWithSecret:
        limits = body.lifetime(), body.networks()
        return api_key_with_secret(self._identities.add_key(caller, name, *limits))


class ApiKeyRevokeResource(Resource):
    @endpoint(
        "Revoke an API key",
        refusals=(
            Code.ADMIN_REQUIRED,
            Code.IDENTITY_NOT_FOUND,
            Code.API_KEY_NOT_FOUND,
            Code.LAST_ADMIN,
        ),
    )
    def on_post(self, caller: Caller, name: str, key_id: str, body: Empty) -> ApiKey:
        return _api_key(self._identities.revoke_key(caller, name, key_id))


def _identity(of: model.Identity) -> Identity:
    return made(Identity, of)


def _disabled(of: Disabled) -> DisabledIdentity:
    ended = of.ended
    return made(
        DisabledIdentity,
        of.identity,
        machines=[_identity(each) for each in of.machines],
        cancelled=[
            *(Cancelled(kind="request", id=each) for each in ended.requests),
            *(Cancelled(kind="proposal", id=each) for each in ended.proposals),
        ],
        withdrawn=[
            Withdrawn(kind=each.noun, id=each.ballot, step=each.step, approver=each.approver)
            for each in ended.withdrawn
        ],
        grants=list(of.grants),
        unmet=[UnmetPolicy(policy=each.policy, what=list(each.what)) for each in of.unmet],
    )


def _identity_with_secret(of: NewIdentity) -> IdentityWithSecret:
    return made(
        IdentityWithSecret,
        of.identity,
        api_key=of.api_key,
        api_key_id=of.api_key_id,
        enrolment_code=UNSET,
        enrolment_expires_at=UNSET,
    )


def _identity_with_code(of: NewEnrolment) -> IdentityWithSecret:
    return made(
        IdentityWithSecret,
        of.identity,
        api_key=UNSET,
        api_key_id=UNSET,
        enrolment_code=of.code,
        enrolment_expires_at=of.enrolment.expires_at,
    )


def _warnings(of: tuple[ApiKeyEnds, ...]) -> list[str]:
    return [words.say_ending(each) for each in of]


def _api_key(of: model.ApiKey) -> ApiKey:
    return made(ApiKey, of, **_said(of))


def api_key_with_secret(of: NewApiKey) -> ApiKeyWithSecret:
    return made(ApiKeyWithSecret, of.key, **_said(of.key), api_key=of.api_key)


def said(of: domain.Enrolment) -> dict[str, object]:
    """What stands in an answer in another form."""
    return {
        "enrolment_expires_at": of.expires_at,
        "expires_in_seconds": of.key_lifetime_seconds,
        "allowed_addresses": [str(network) for network in of.allowed_addresses],
    }


def _said(of: model.ApiKey) -> dict[str, object]:
    """What stands in an answer in another form."""
    use = of.last_use
    return {
        "allowed_addresses": [str(network) for network in of.allowed_addresses],
        "last_used_on": use.on if use else None,
        "last_used_from": use.address if use else None,
    }

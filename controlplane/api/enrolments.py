"""Codes that get their holders an API key, and how they are used."""

from typing import Annotated

from falcon.asgi import Request

from controlplane.api import words
from controlplane.api.endpoint import endpoint
from controlplane.api.identities import (
    ApiKeyWithSecret,
    Enrolment,
    KeyLimits,
    api_key_with_secret,
    said,
)
from controlplane.api.structs import Body, made
from controlplane.api.text import Text
from controlplane.api.values import length
from controlplane.domain.model import Caller
from controlplane.domain.ranges import Range
from controlplane.errors import Code
from controlplane.service.enrolments import Enrolments as Service


class Enrol(Body, frozen=True):
    code: Annotated[Text, length(Range(1, 255), "swe_ and 43 letters or digits")]


class EnrolmentWithCode(Enrolment, frozen=True):
    enrolment_code: str


class Enrolled(ApiKeyWithSecret, frozen=True):
    """`identity`: whose key it is. `warnings`: sentences, on each other key that calls as them."""

    identity: str
    warnings: list[str]


class Resource:
    """Base: the use cases of enrolments."""

    def __init__(self, enrolments: Service) -> None:
        self._enrolments = enrolments


class EnrolmentsResource(Resource):
    @endpoint(
        "Make a code, shown once, of which its holder makes an API key; earlier ones are void",
        status=201,
        refusals=(
            Code.ADMIN_REQUIRED,
            Code.CREDENTIAL_NOT_ENROLLED,
            Code.IDENTITY_NOT_FOUND,
        ),
        proposes=True,
    )
    def on_post(self, caller: Caller, name: str, body: KeyLimits) -> EnrolmentWithCode:
        made_ = self._enrolments.create(caller, name, body.lifetime(), body.networks())
        of = made_.enrolment
        return made(EnrolmentWithCode, of, **said(of), enrolment_code=made_.code)


class EnrolResource(Resource):
    public = True

    @endpoint(
        "Use a code: the API key that comes of it is shown once",
        status=201,
        refusals=(Code.ENROLMENT_UNKNOWN, Code.TOO_MANY_CALLS, Code.CLOCK_BEHIND),
    )
    def on_post(self, request: Request, body: Enrol) -> Enrolled:
        used = self._enrolments.use(body.code, request.context.address)
        shown = api_key_with_secret(used.new)
        name = used.identity.name
        warnings = [words.say_other_key(each, name) for each in used.others]
        return made(Enrolled, shown, identity=name, warnings=warnings)

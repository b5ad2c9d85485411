"""Signers, their state and their certificates."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta

from controlplane.api import words
from controlplane.api.endpoint import endpoint
from controlplane.api.grants import Grant, grant_answer
from controlplane.api.pages import Items, PageQuery, items
from controlplane.api.policies import PolicyChange, policy_changes
from controlplane.api.structs import Body, Empty, Shown, made
from controlplane.api.text import Text
from controlplane.api.values import IdentityMention, PolicyName, length, number, shape
from controlplane.domain.model import (
    Caller,
    HashAlgorithm,
    KeyAlgorithm,
    MemberRole,
    SignerStatus,
)
from controlplane.domain.names import SIGNER_NAME
from controlplane.domain.page import PageRequest
from controlplane.domain.ranges import CERTIFICATE_DAYS, DEFAULT_DELETION, DELETION, LARGEST_CHAIN
from controlplane.domain.signer import SignerDescription
from controlplane.domain.subject import COMMON_NAME, COUNTRY, LOCALITY, ORGANIZATION, UNIT
from controlplane.errors import Code
from controlplane.service.explanation import Explanation as Explained
from controlplane.service.explanation import Explanations
from controlplane.service.signers import Signers as Service
from controlplane.service.signers import SignerView

SignerName = Annotated[
    str, shape(SIGNER_NAME, "a-z 0-9 -, no hyphen at either end; becomes the token label")
]
Days = Annotated[int, number(CERTIFICATE_DAYS, "validity of the certificate")]


class CreateSigner(Body, frozen=True):
    name: SignerName
    key: KeyAlgorithm
    common_name: Annotated[Text, length(COMMON_NAME)]
    days: Days | None = None
    external: bool = False
    organization: Annotated[Text, length(ORGANIZATION)] | None = None
    unit: Annotated[Text, length(UNIT)] | None = None
    locality: Annotated[Text, length(LOCALITY)] | None = None
    country: Annotated[str, shape(COUNTRY, "A-Z, as ISO 3166 has them")] | None = None
    policy: PolicyName | None = None


class RenewSigner(Body, frozen=True):
    days: Days | None = None


class DeletionQuery(Body, frozen=True):
    after_seconds: Annotated[
        int,
        Meta(
            ge=0,
            le=DELETION.most,
            description=f"until it is gone: {DELETION}, or 0 for a signer that never signed",
        ),
    ] = DEFAULT_DELETION


class InstallCertificate(Body, frozen=True):
    chain: Annotated[Text, Meta(min_length=1, description="PEM: leaf and issuers, root included")]


class SetPolicy(Body, frozen=True):
    """`policy` null: the signer's members sign without a grant."""

    policy: PolicyName | None


class ExplainQuery(Body, frozen=True):
    identity: IdentityMention | None = None  # none: the caller
    hash: HashAlgorithm | None = None


class Signer(Shown, frozen=True):
    id: str
    number: int
    name: str
    status: SignerStatus
    key: KeyAlgorithm
    policy: str | None
    common_name: str
    organization: str | None
    unit: str | None
    locality: str | None
    country: str | None
    external: bool
    certificate_serial: str | None
    not_after: datetime | None
    usable_until: datetime | None
    created_at: datetime
    deletes_at: datetime | None
    role: MemberRole | None
    warnings: list[str]


class SignerInFull(Signer, frozen=True):
    """With the policies that were attached, detached and edited, newest first."""

    policy_changes: list[PolicyChange]


class Csr(Shown, frozen=True):
    csr: str


class SignerCertificate(Shown, frozen=True):
    certificate: str
    chain: list[str]
    serial: str


class CaCertificate(Shown, frozen=True):
    chain: str


class Explanation(Shown, frozen=True):
    """`grant`: the one that a call would use up; `request`: the id of the pending one."""

    signer: str
    identity: str
    allowed: bool
    code: str | None
    title: str
    missing: list[str]
    policy: str | None
    grant: Grant | None
    request: str | None


class Resource:
    """Base: the use cases of signers."""

    def __init__(self, signers: Service) -> None:
        self._signers = signers


class SignersResource(Resource):
    @endpoint("List the signers that the caller may see")
    def on_get(self, caller: Caller, query: PageQuery) -> Items[Signer]:
        page = self._signers.list(caller, PageRequest(query.limit, query.cursor))
        return items(page, _signer)

    @endpoint(
        "Create a signer and its key pair",
        status=201,
        refusals=(
            Code.ADMIN_REQUIRED,
            Code.POLICY_NOT_FOUND,
            Code.SIGNER_EXISTS,
            Code.SIGNER_NAME_USED,
            Code.COMMON_NAME_USED,
            Code.POLICY_CANNOT_BE_MET,
            Code.POLICY_REQUIRED,
            Code.ISSUER_ENDS,
        ),
    )
    def on_post(self, caller: Caller, body: CreateSigner) -> SignerInFull:
        wanted = made(SignerDescription, body)
        return _signer_in_full(self._signers.create(caller, wanted, body.days, body.policy))


class SignerResource(Resource):
    @endpoint("Show a signer", refusals=(Code.SIGNER_NOT_FOUND,))
    def on_get(self, caller: Caller, name: str) -> SignerInFull:
        return _signer_in_full(self._signers.get(caller, name))

    @endpoint(
        "Delete a disabled signer and its private keys, after a time to take that back",
        refusals=(
            Code.ADMIN_REQUIRED,
            Code.SIGNER_NOT_FOUND,
            Code.SIGNER_NOT_DISABLED,
            Code.SIGNER_DELETING,
        ),
        proposes=True,
    )
    def on_delete(self, caller: Caller, name: str, query: DeletionQuery) -> SignerInFull:
        return _signer_in_full(self._signers.delete(caller, name, query.after_seconds))


class SignerUndeleteResource(Resource):
    @endpoint(
        "Take the deletion of a signer back; it stays disabled",
        refusals=(Code.ADMIN_REQUIRED, Code.SIGNER_NOT_FOUND),
    )
    def on_post(self, caller: Caller, name: str, body: Empty) -> SignerInFull:
        return _signer_in_full(self._signers.undelete(caller, name))


class SignerDisableResource(Resource):
    @endpoint("Disable a signer", refusals=(Code.ADMINISTRATOR_REQUIRED, Code.SIGNER_NOT_FOUND))
    def on_post(self, caller: Caller, name: str, body: Empty) -> SignerInFull:
        return _signer_in_full(self._signers.disable(caller, name))


class SignerEnableResource(Resource):
    @endpoint(
        "Enable a signer",
        refusals=(Code.ADMINISTRATOR_REQUIRED, Code.SIGNER_NOT_FOUND, Code.SIGNER_DELETING),
        proposes=True,
    )
    def on_post(self, caller: Caller, name: str, body: Empty) -> SignerInFull:
        return _signer_in_full(self._signers.enable(caller, name))


class SignerPolicyResource(Resource):
    @endpoint(
        "Give a signer a policy, or none",
        refusals=(
            Code.ADMINISTRATOR_REQUIRED,
            Code.SIGNER_NOT_FOUND,
            Code.POLICY_NOT_FOUND,
            Code.POLICY_CANNOT_BE_MET,
            Code.POLICY_REQUIRED,
        ),
        proposes=True,
    )
    def on_post(self, caller: Caller, name: str, body: SetPolicy) -> SignerInFull:
        return _signer_in_full(self._signers.set_policy(caller, name, body.policy))


class SignerRenewResource(Resource):
    @endpoint(
        "Give a signer a new key pair and certificate",
        refusals=(
            Code.ADMIN_REQUIRED,
            Code.SIGNER_NOT_FOUND,
            Code.SIGNER_DELETING,
            Code.ISSUER_ENDS,
        ),
    )
    def on_post(self, caller: Caller, name: str, body: RenewSigner) -> SignerInFull:
        return _signer_in_full(self._signers.renew(caller, name, body.days))


class SignerCsrResource(Resource):
    @endpoint(
        "The PKCS#10 request of an external signer",
        refusals=(
            Code.ADMINISTRATOR_REQUIRED,
            Code.SIGNER_NOT_FOUND,
            Code.SIGNER_NOT_EXTERNAL,
        ),
    )
    def on_get(self, caller: Caller, name: str) -> Csr:
        return Csr(csr=self._signers.csr(caller, name))


class SignerCertificateResource(Resource):
    @endpoint(
        "A signer's certificate and chain",
        refusals=(Code.SIGNER_NOT_FOUND, Code.SIGNER_PENDING),
        otherwise={Code.SIGNER_PENDING: 409},
    )
    def on_get(self, caller: Caller, name: str) -> SignerCertificate:
        return made(SignerCertificate, self._signers.certificate(caller, name))

    @endpoint(
        "Install the certificate of an external signer",
        refusals=(
            Code.ADMIN_REQUIRED,
            Code.SIGNER_NOT_FOUND,
            Code.SIGNER_NOT_EXTERNAL,
            Code.SIGNER_DELETING,
        ),
        largest_body=LARGEST_CHAIN,
        proposes=True,
    )
    def on_post(self, caller: Caller, name: str, body: InstallCertificate) -> SignerInFull:
        return _signer_in_full(self._signers.install_certificate(caller, name, body.chain))


class SignerExplanationResource:
    def __init__(self, explanations: Explanations) -> None:
        self._explanations = explanations

    @endpoint(
        "Would a call to sign be allowed, and what is missing",
        refusals=(Code.SIGNER_NOT_FOUND, Code.IDENTITY_NOT_FOUND),
    )
    def on_get(self, caller: Caller, name: str, query: ExplainQuery) -> Explanation:
        identity = query.identity or caller.identity.name
        return _explanation(self._explanations.explain(caller, name, identity, query.hash))


class CaCertificateResource(Resource):
    @endpoint("The chain of the built-in CA, root last")
    def on_get(self, caller: Caller) -> CaCertificate:
        return CaCertificate(chain=self._signers.ca_certificate())


def _signer(of: SignerView) -> Signer:
    return made(Signer, of.signer, **_of_signer(of))


def _signer_in_full(of: SignerView) -> SignerInFull:
    changes = policy_changes(of.policy_changes)
    return made(SignerInFull, of.signer, **_of_signer(of), policy_changes=changes)


def _of_signer(of: SignerView) -> dict[str, object]:
    """What it has not under the same name."""
    policy, certificate = of.signer.policy, of.signer.certificate
    return {
        "status": of.status,
        "policy": None if policy is None else policy.name,
        "certificate_serial": None if certificate is None else certificate.serial,
        "not_after": None if certificate is None else certificate.not_after,
        "usable_until": None if certificate is None else certificate.usable_until,
        "role": of.role,
        "warnings": [words.say_warning(each) for each in of.warnings],
    }


def _explanation(of: Explained) -> Explanation:
    return Explanation(
        signer=of.signer.name,
        identity=of.identity,
        allowed=of.allowed,
        code=of.code,
        title=words.say_verdict(of),
        missing=[words.say_missing(each) for each in of.missing],
        policy=None if of.signer.policy is None else of.signer.policy.name,
        grant=None if of.grant is None else grant_answer(of.grant),
        request=None if of.request is None else of.request.id,
    )

"""What callers get. Times are RFC 3339 UTC, hashes and serials lower-case hex, bytes base64."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar, cast

import msgspec
from msgspec import Meta, Struct

from controlplane.api import words
from controlplane.domain import model
from controlplane.domain.operation import Head as DomainHead
from controlplane.domain.operation import Operation as DomainOperation
from controlplane.domain.operation import Unreadable
from controlplane.domain.page import MAX_OCTETS, Page
from controlplane.service.catalogue import CatalogueContent, CatalogueSigner
from controlplane.service.explanation import Explanation as DomainExplanation
from controlplane.service.grants import GrantView
from controlplane.service.identities import NewApiKey, NewIdentity
from controlplane.service.policies import PolicyView
from controlplane.service.requests import RequestView
from controlplane.service.signers import SignerCertificate as DomainSignerCertificate
from controlplane.service.signers import SignerView

T = TypeVar("T")
S = TypeVar("S")

_AROUND = 512  # octets: what stands around the items of a page, its cursor above all

HexSha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class Answer(Struct, frozen=True, kw_only=True):
    """Base of everything a caller gets."""


class Items(Struct, Generic[T], frozen=True, kw_only=True):
    """A page of a list; `next` is the cursor of the page after it, null on the last."""

    items: list[T]
    next: str | None


def items(page: Page[S], view: Callable[[S], T]) -> Items[T]:
    """Ends before the item with which it would be larger than `MAX_OCTETS`."""
    fitting: list[msgspec.Raw] = []
    octets = _AROUND
    for each in page.items:
        encoded = msgspec.json.encode(view(each))
        octets += len(encoded) + len(",")
        if fitting and octets > MAX_OCTETS:
            break
        fitting.append(msgspec.Raw(encoded))
    return Items(items=cast("list[T]", fitting), next=page.first(len(fitting)).next)


class Health(Answer, frozen=True):
    status: str


class Identity(Answer, frozen=True):
    id: str
    name: str
    kind: model.IdentityKind
    role: model.ServerRole | None
    owner: str | None
    disabled: bool
    created_at: datetime


class ApiKey(Answer, frozen=True):
    id: str
    created_at: datetime
    revoked_at: datetime | None


class IdentityWithKeys(Identity, frozen=True):
    keys: list[ApiKey]


class IdentityWithSecret(Identity, frozen=True):
    api_key: str
    api_key_id: str


class ApiKeyWithSecret(Answer, frozen=True):
    id: str
    api_key: str
    created_at: datetime


class PolicyStep(Answer, frozen=True):
    name: str
    required: int
    approvers: list[str]


class PolicyChange(Answer, frozen=True):
    at: datetime
    by: str | None
    policy: str
    signer: str | None
    change: model.PolicyChangeKind
    what: list[str]


class Policy(Answer, frozen=True):
    id: str
    name: str
    max_window_seconds: int | None
    max_signings: int | None
    steps: list[PolicyStep]
    request_ttl_seconds: int | None
    hashes: list[model.HashAlgorithm]
    created_at: datetime


class PolicyInUse(Policy, frozen=True):
    """With the signers that have it, as far as the caller sees them, and what was done with it,
    newest first."""

    signers: list[str]
    changes: list[PolicyChange]


class Decision(Answer, frozen=True):
    approver: str
    verdict: model.Verdict
    comment: str | None
    at: datetime


class RequestStep(PolicyStep, frozen=True):
    decisions: list[Decision]


class Request(Answer, frozen=True):
    """`step` counts from 1 and is null once the request is not pending. `max_window_seconds`,
    `max_signings`, `hashes` and `steps`: the terms that it was made under."""

    id: str
    signer: str
    requester: str
    policy: str
    state: model.RequestState
    justification: str
    window_seconds: int | None
    signings: int | None
    step: int | None
    steps: list[RequestStep]
    max_window_seconds: int | None
    max_signings: int | None
    hashes: list[model.HashAlgorithm]
    created_at: datetime
    expires_at: datetime | None
    ended_at: datetime | None
    ended_by: str | None
    comment: str | None
    grant_id: str | None
    missing: list[str]


class Grant(Answer, frozen=True):
    id: str
    signer: str
    grantee: str
    policy: str
    state: model.GrantState
    used: int
    max_signings: int | None
    hashes: list[model.HashAlgorithm]
    justification: str
    request_id: str | None
    issued_by: str | None
    not_before: datetime
    not_after: datetime | None
    revoked_at: datetime | None
    revoked_by: str | None
    revoke_reason: str | None


class Explanation(Answer, frozen=True):
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


class Signer(Answer, frozen=True):
    id: str
    number: int
    name: str
    status: model.SignerStatus
    key: model.KeyAlgorithm
    policy: str | None
    common_name: str
    external: bool
    certificate_serial: str | None
    not_after: datetime | None
    created_at: datetime
    role: model.MemberRole | None
    warnings: list[str]


class SignerInFull(Signer, frozen=True):
    """With the policies that were attached, detached and edited, newest first."""

    policy_changes: list[PolicyChange]


class Csr(Answer, frozen=True):
    csr: str


class SignerCertificate(Answer, frozen=True):
    certificate: str
    chain: list[str]
    serial: str


class CaCertificate(Answer, frozen=True):
    chain: str


class Member(Answer, frozen=True):
    signer: str
    identity: str
    role: model.MemberRole
    added_at: datetime


class Signature(Answer, frozen=True):
    signature: bytes
    operation_id: str
    certificate_serial: str


class CatalogueEntry(Answer, frozen=True):
    id: str
    number: int
    name: str
    status: model.SignerStatus
    role: model.MemberRole | None
    key: model.KeyAlgorithm
    public_key: bytes
    certificate: bytes | None
    certificate_serial: str | None
    not_after: datetime | None
    issuers: list[HexSha256]


class CatalogueCertificate(Answer, frozen=True):
    sha256: HexSha256
    der: bytes


class Catalogue(Answer, frozen=True):
    signers: list[CatalogueEntry]
    certificates: list[CatalogueCertificate]


class PssParameters(Answer, frozen=True):
    mgf_hash: model.HashAlgorithm
    salt_length: int


class Client(Answer, frozen=True):
    address: str | None
    tool: str | None
    command: str | None
    hostname: str | None
    os_user: str | None
    application_sha256: str | None
    module_version: str | None


class Operation(Answer, frozen=True):
    sequence: int
    id: str
    created_at: datetime
    kind: model.OperationKind
    signer: str | None
    actor: str | None
    api_key_id: str | None
    outcome: model.Outcome | None
    reason: str | None
    scheme: model.Scheme | None
    hash: model.HashAlgorithm | None
    digest: bytes | None
    pss: PssParameters | None
    ecdsa_encoding: model.EcdsaEncoding | None
    grant_id: str | None
    certificate_serial: str | None
    client: Client | None
    signature: bytes | None
    action: str | None
    object: str | None
    details: dict[str, str | int | bool | None] | None
    idempotency_key: str | None
    previous_hash: HexSha256
    row_hash: HexSha256


class UnreadableOperation(Answer, frozen=True):
    """In the place of a row that was changed in the store."""

    sequence: int
    unreadable: bool = True


class Head(Answer, frozen=True):
    sequence: int
    row_hash: HexSha256


def identity(of: model.Identity) -> Identity:
    return Identity(**asdict(of))


def identity_with_keys(of: model.Identity, keys: tuple[model.ApiKey, ...]) -> IdentityWithKeys:
    return IdentityWithKeys(**asdict(of), keys=[api_key(each) for each in keys])


def identity_with_secret(of: NewIdentity) -> IdentityWithSecret:
    return IdentityWithSecret(**asdict(of.identity), api_key=of.api_key, api_key_id=of.api_key_id)


def api_key(of: model.ApiKey) -> ApiKey:
    return ApiKey(id=of.id, created_at=of.created_at, revoked_at=of.revoked_at)


def api_key_with_secret(of: NewApiKey) -> ApiKeyWithSecret:
    return ApiKeyWithSecret(id=of.key.id, api_key=of.api_key, created_at=of.key.created_at)


def signer(of: SignerView) -> Signer:
    return Signer(**_signer(of))


def signer_in_full(of: SignerView) -> SignerInFull:
    changes = [policy_change(each) for each in of.policy_changes]
    return SignerInFull(**_signer(of), policy_changes=changes)


def _signer(of: SignerView) -> dict[str, Any]:
    certificate = of.signer.certificate
    return {
        "id": of.signer.id,
        "number": of.signer.number,
        "name": of.signer.name,
        "status": of.status,
        "key": of.signer.key,
        "policy": None if of.signer.policy is None else of.signer.policy.name,
        "common_name": of.signer.common_name,
        "external": of.signer.external,
        "certificate_serial": None if certificate is None else certificate.serial,
        "not_after": None if certificate is None else certificate.not_after,
        "created_at": of.signer.created_at,
        "role": of.role,
        "warnings": [words.say_warning(each) for each in of.warnings],
    }


def policy(of: model.Policy) -> Policy:
    return Policy(**_policy(of))


def policy_in_use(of: PolicyView) -> PolicyInUse:
    return PolicyInUse(
        **_policy(of.policy),
        signers=list(of.signers),
        changes=[policy_change(each) for each in of.changes],
    )


def _policy(of: model.Policy) -> dict[str, Any]:
    return {
        "id": of.id,
        "name": of.name,
        "max_window_seconds": of.terms.max_window_seconds,
        "max_signings": of.terms.max_signings,
        "steps": [
            PolicyStep(name=each.name, required=each.required, approvers=list(each.approvers))
            for each in of.terms.steps
        ],
        "request_ttl_seconds": of.terms.request_ttl_seconds,
        "hashes": list(of.terms.hashes),
        "created_at": of.created_at,
    }


def policy_change(of: model.PolicyChange) -> PolicyChange:
    return PolicyChange(
        at=of.at,
        by=of.by,
        policy=of.policy,
        signer=of.signer,
        change=of.change,
        what=list(of.what),
    )


def request(view: RequestView) -> Request:
    of, step = view.request, view.request.open_step
    is_pending = view.state is model.RequestState.PENDING
    return Request(
        id=of.id,
        signer=of.signer,
        requester=of.requester,
        policy=of.policy,
        state=view.state,
        justification=of.justification,
        window_seconds=of.window_seconds,
        signings=of.signings,
        step=step + 1 if is_pending and step is not None else None,
        steps=[_request_step(of, index) for index in range(len(of.terms.steps))],
        max_window_seconds=of.terms.max_window_seconds,
        max_signings=of.terms.max_signings,
        hashes=list(of.terms.hashes),
        created_at=of.created_at,
        expires_at=of.expires_at,
        ended_at=of.expires_at if view.state is model.RequestState.EXPIRED else of.ended_at,
        ended_by=of.ended_by,
        comment=of.comment,
        grant_id=of.grant_id,
        missing=[words.say_missing(each) for each in view.missing],
    )


def _request_step(of: model.Request, index: int) -> RequestStep:
    step = of.terms.steps[index]
    return RequestStep(
        name=step.name,
        required=step.required,
        approvers=list(step.approvers),
        decisions=[
            Decision(approver=each.approver, verdict=each.verdict, comment=each.comment, at=each.at)
            for each in of.decisions
            if each.step == index
        ],
    )


def grant(view: GrantView) -> Grant:
    of, revocation = view.grant, view.grant.revocation
    return Grant(
        id=of.id,
        signer=of.signer,
        grantee=of.grantee,
        policy=of.policy,
        state=view.state,
        used=of.used,
        max_signings=of.max_signings,
        hashes=list(of.hashes),
        justification=of.justification,
        request_id=of.request_id,
        issued_by=of.issued_by,
        not_before=of.not_before,
        not_after=of.not_after,
        revoked_at=None if revocation is None else revocation.at,
        revoked_by=None if revocation is None else revocation.by,
        revoke_reason=None if revocation is None else revocation.reason,
    )


def explanation(of: DomainExplanation) -> Explanation:
    return Explanation(
        signer=of.signer.name,
        identity=of.identity,
        allowed=of.allowed,
        code=of.code,
        title=words.say_verdict(of),
        missing=[words.say_missing(each) for each in of.missing],
        policy=None if of.signer.policy is None else of.signer.policy.name,
        grant=None if of.grant is None else grant(of.grant),
        request=None if of.request is None else of.request.id,
    )


def signer_certificate(of: DomainSignerCertificate) -> SignerCertificate:
    return SignerCertificate(certificate=of.certificate, chain=list(of.chain), serial=of.serial)


def member(of: model.Member) -> Member:
    return Member(**asdict(of))


def signature(of: model.Signed) -> Signature:
    return Signature(
        signature=of.signature,
        operation_id=of.operation_id,
        certificate_serial=of.certificate_serial,
    )


def catalogue(of: CatalogueContent) -> Catalogue:
    return Catalogue(
        signers=[_catalogue_entry(each) for each in of.signers],
        certificates=[
            CatalogueCertificate(sha256=each.sha256, der=each.der) for each in of.certificates
        ],
    )


def _catalogue_entry(of: CatalogueSigner) -> CatalogueEntry:
    seen = of.view.signer
    certificate = seen.certificate
    return CatalogueEntry(
        id=seen.id,
        number=seen.number,
        name=seen.name,
        status=of.view.status,
        role=of.view.role,
        key=seen.key,
        public_key=seen.public_key,
        certificate=None if certificate is None else certificate.der,
        certificate_serial=None if certificate is None else certificate.serial,
        not_after=None if certificate is None else certificate.not_after,
        issuers=list(of.issuers),
    )


def operation(of: DomainOperation) -> Operation:
    entry = of.entry
    return Operation(
        sequence=of.sequence,
        id=entry.id,
        created_at=entry.created_at,
        kind=entry.kind,
        signer=entry.signer,
        actor=entry.actor,
        api_key_id=entry.api_key_id,
        outcome=entry.outcome,
        reason=entry.reason,
        scheme=entry.scheme,
        hash=entry.hash,
        digest=entry.digest,
        pss=None if entry.pss is None else PssParameters(**asdict(entry.pss)),
        ecdsa_encoding=entry.ecdsa_encoding,
        grant_id=entry.grant_id,
        certificate_serial=entry.certificate_serial,
        client=None if entry.client is None else Client(**asdict(entry.client)),
        signature=entry.signature,
        action=entry.action,
        object=entry.object,
        details=None if entry.details is None else dict(entry.details),
        idempotency_key=entry.idempotency_key,
        previous_hash=of.previous_hash,
        row_hash=of.row_hash,
    )


def line(of: DomainOperation | Unreadable) -> bytes:
    """A row of the export. One that was changed in the store so that it cannot be read is shown
    as what no verification takes for a row."""
    row = UnreadableOperation(of.sequence) if isinstance(of, Unreadable) else operation(of)
    return msgspec.json.encode(row) + b"\n"


def head(of: DomainHead) -> Head:
    return Head(sequence=of.sequence, row_hash=of.row_hash)

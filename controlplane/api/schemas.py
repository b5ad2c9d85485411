"""What callers send: bodies and queries. Unknown fields are refused, ranges stand here once.

Every string is a `Text` or of a narrower type, and every integer has a greatest value: a store
must be able to hold them.
"""

from datetime import datetime
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from controlplane.algorithms.hashes import RealHash
from controlplane.api.octets import Digest, Message
from controlplane.api.text import MAX_INTEGER, Parameter, Text, check_time
from controlplane.domain.model import (
    EcdsaEncoding,
    GrantState,
    HashAlgorithm,
    IdentityKind,
    KeyAlgorithm,
    MemberRole,
    OperationKind,
    Outcome,
    RequestState,
    Scheme,
    ServerRole,
)
from controlplane.domain.page import DEFAULT_LIMIT, MAX_LIMIT
from controlplane.domain.policy import (
    MAX_APPROVERS,
    MAX_SIGNINGS,
    MAX_STEP_NAME,
    MAX_STEPS,
    MAX_TTL,
    MAX_WINDOW,
    MIN_WINDOW,
)

IdentityName = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=64,
        pattern="^[A-Za-z0-9@._+-]+$",
        description="1 to 64 of A-Z a-z 0-9 @ . _ + -",
    ),
]
SignerName = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=32,
        pattern="^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$",
        description="1 to 32 of a-z 0-9 -, no hyphen at either end; becomes the token label",
    ),
]
Days = Annotated[int, Meta(ge=1, le=460, description="validity of the certificate")]
Serial = Annotated[
    str, Meta(min_length=1, max_length=64, pattern="^[0-9a-f]+$", description="lower-case hex")
]
Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$", description="lower-case hex")]
PolicyName = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=64,
        pattern="^[A-Za-z0-9@._+-]+$",
        description="1 to 64 of A-Z a-z 0-9 @ . _ + -; not none",
    ),
]
MaxWindow = Annotated[
    int, Meta(ge=MIN_WINDOW, le=MAX_WINDOW, description="seconds that a grant may last")
]
MaxSignings = Annotated[int, Meta(ge=1, le=MAX_SIGNINGS)]
Ttl = Annotated[
    int, Meta(ge=1, le=MAX_TTL, description="seconds after which a pending request expires")
]
Hashes = Annotated[
    list[RealHash],
    Meta(description="that may be signed; empty: every one, and none"),
]
Window = Annotated[
    int,
    Meta(
        ge=1,
        le=MAX_INTEGER,
        description="seconds; at most the policy's ceiling, which is the default",
    ),
]
Signings = Annotated[
    int, Meta(ge=1, le=MAX_INTEGER, description="at most the ceiling, which is the default")
]
Why = Annotated[Text, Meta(min_length=1, max_length=2048)]
StepNumber = Annotated[
    int,
    Meta(
        ge=1,
        le=MAX_INTEGER,
        description="the step that the approver saw: another one open is a conflict",
    ),
]
Told = Annotated[Text, Meta(description="long values are cut short")]


class Body(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of everything a caller sends."""


class Empty(Body, frozen=True):
    """Nothing."""


class CreateIdentity(Body, frozen=True):
    name: IdentityName
    kind: IdentityKind
    role: ServerRole | None = None
    owner: IdentityName | None = None


class CreateSigner(Body, frozen=True):
    name: SignerName
    key: KeyAlgorithm
    common_name: Annotated[Text, Meta(min_length=1, max_length=64)]
    days: Days | None = None
    external: bool = False
    policy: PolicyName | None = None


class RenewSigner(Body, frozen=True):
    days: Days | None = None


class InstallCertificate(Body, frozen=True):
    chain: Annotated[Text, Meta(min_length=1, description="PEM: leaf and issuers, root included")]


class SetPolicy(Body, frozen=True):
    """`policy` null: the signer's members sign without a grant."""

    policy: PolicyName | None


class Step(Body, frozen=True):
    name: Annotated[
        Text, Meta(min_length=1, max_length=MAX_STEP_NAME, description="printable, no colon")
    ]
    required: Annotated[int, Meta(ge=1, le=MAX_APPROVERS, description="distinct approvals")]
    approvers: Annotated[list[IdentityName], Meta(min_length=1, max_length=MAX_APPROVERS)]


Steps = Annotated[list[Step], Meta(max_length=MAX_STEPS, description="in order")]


class CreatePolicy(Body, frozen=True):
    """At least one of the two ceilings."""

    name: PolicyName
    max_window_seconds: MaxWindow | None = None
    max_signings: MaxSignings | None = None
    steps: Steps = []
    request_ttl_seconds: Ttl | None = None
    hashes: Hashes = []


class EditPolicy(Body, frozen=True):
    """What is left out stays; null removes a limit, an empty list the steps or hashes."""

    max_window_seconds: MaxWindow | UnsetType | None = UNSET
    max_signings: MaxSignings | UnsetType | None = UNSET
    steps: Steps | UnsetType = UNSET
    request_ttl_seconds: Ttl | UnsetType | None = UNSET
    hashes: Hashes | UnsetType = UNSET


class CreateRequest(Body, frozen=True):
    justification: Why
    window_seconds: Window | None = None
    signings: Signings | None = None


class Approve(Body, frozen=True):
    comment: Annotated[Text, Meta(max_length=2048)] | None = None
    step: StepNumber | None = None


class Reject(Body, frozen=True):
    comment: Why
    step: StepNumber | None = None


class CreateGrant(Body, frozen=True):
    identity: IdentityName
    justification: Why
    window_seconds: Window | None = None
    signings: Signings | None = None


class RevokeGrant(Body, frozen=True):
    reason: Why


class AddMember(Body, frozen=True):
    identity: IdentityName
    role: MemberRole


class Pss(Body, frozen=True):
    mgf_hash: RealHash
    salt_length: Annotated[int, Meta(ge=0, le=478, description="octets")]


class SigningClient(Body, frozen=True):
    """What the caller says of itself. The server adds the address that it saw."""

    tool: Told | None = None
    command: Told | None = None
    hostname: Told | None = None
    os_user: Told | None = None
    application_sha256: Sha256 | None = None
    module_version: Told | None = None


class ToSign(Struct, frozen=True, kw_only=True):
    """What there is to sign, whatever else a body says."""

    scheme: Scheme
    hash: HashAlgorithm
    digest: Digest | None = None
    message: Message | None = None
    pss: Pss | None = None
    ecdsa_encoding: EcdsaEncoding | None = None
    certificate_serial: Serial | None = None


class Sign(ToSign, frozen=True, forbid_unknown_fields=True):
    """A digest to sign, never the artifact; or a short message, with a scheme that takes no
    digest."""

    client: SigningClient | None = None


class PageQuery(Body, frozen=True):
    limit: Annotated[int, Meta(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT
    cursor: Annotated[Parameter, Meta(description="`next` of the page before")] | None = None


class RequestsQuery(PageQuery, frozen=True):
    signer: Parameter | None = None
    requester: Parameter | None = None
    state: RequestState | None = None


class GrantsQuery(PageQuery, frozen=True):
    signer: Parameter | None = None
    grantee: Parameter | None = None
    state: GrantState | None = None


class ExplainQuery(Body, frozen=True):
    identity: IdentityName
    hash: HashAlgorithm | None = None


class OperationsQuery(PageQuery, frozen=True):
    signer: Parameter | None = None
    actor: Parameter | None = None
    kind: OperationKind | None = None
    outcome: Outcome | None = None
    since: Annotated[datetime, Meta(tz=True, description="inclusive")] | None = None

    def __post_init__(self) -> None:
        check_time("since", self.since)

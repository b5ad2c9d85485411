"""What callers send: bodies and queries. Unknown fields are refused, ranges stand here once."""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from controlplane.domain.model import (
    EcdsaEncoding,
    HashAlgorithm,
    IdentityKind,
    KeyAlgorithm,
    MemberRole,
    OperationKind,
    Outcome,
    Scheme,
    ServerRole,
)
from controlplane.domain.page import DEFAULT_LIMIT, MAX_LIMIT

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
Text = Annotated[str, Meta(description="long values are cut short")]


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
    common_name: Annotated[str, Meta(min_length=1, max_length=64)]
    days: Days | None = None
    external: bool = False


class RenewSigner(Body, frozen=True):
    days: Days | None = None


class InstallCertificate(Body, frozen=True):
    chain: Annotated[str, Meta(min_length=1, description="PEM: leaf and issuers, root included")]


class AddMember(Body, frozen=True):
    identity: IdentityName
    role: MemberRole


class Pss(Body, frozen=True):
    mgf_hash: Literal["sha256", "sha384", "sha512"]
    salt_length: Annotated[int, Meta(ge=0, le=478, description="octets")]


class SigningClient(Body, frozen=True):
    """What the caller says of itself. The server adds the address that it saw."""

    tool: Text | None = None
    command: Text | None = None
    hostname: Text | None = None
    os_user: Text | None = None
    application_sha256: Sha256 | None = None
    module_version: Text | None = None


class Sign(Body, frozen=True):
    """A digest to sign, never the artifact."""

    scheme: Scheme
    hash: HashAlgorithm
    digest: Annotated[
        bytes,
        Meta(
            max_length=512,
            description="as long as the hash says; none: up to 512 octets, with ecdsa 1 to 64",
        ),
    ]
    pss: Pss | None = None
    ecdsa_encoding: EcdsaEncoding | None = None
    client: SigningClient | None = None
    certificate_serial: Serial | None = None


class PageQuery(Body, frozen=True):
    limit: Annotated[int, Meta(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT
    cursor: Annotated[str, Meta(description="`next` of the page before")] | None = None


class OperationsQuery(PageQuery, frozen=True):
    signer: str | None = None
    actor: str | None = None
    kind: OperationKind | None = None
    outcome: Outcome | None = None
    since: Annotated[datetime, Meta(tz=True, description="inclusive")] | None = None

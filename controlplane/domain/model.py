"""The nouns of the contract as immutable values. No Falcon, no Peewee.

Times are aware UTC datetimes; hashes and serials lower-case hex; digests and signatures raw bytes.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class IdentityKind(StrEnum):
    USER = "user"
    MACHINE = "machine"


class ServerRole(StrEnum):
    ADMIN = "admin"
    AUDITOR = "auditor"


class MemberRole(StrEnum):
    ADMINISTRATOR = "administrator"
    OPERATOR = "operator"
    AUDITOR = "auditor"


class SignerStatus(StrEnum):
    PENDING = "pending"
    ACTIVE = "active"
    DISABLED = "disabled"
    EXPIRED = "expired"


class KeyAlgorithm(StrEnum):
    RSA_2048 = "rsa-2048"
    RSA_3072 = "rsa-3072"
    RSA_4096 = "rsa-4096"
    P256 = "p256"
    P384 = "p384"
    P521 = "p521"

    @property
    def is_rsa(self) -> bool:
        return self.value.startswith("rsa-")


class Scheme(StrEnum):
    RSA_PKCS1V15 = "rsa-pkcs1v15"
    RSA_PSS = "rsa-pss"
    ECDSA = "ecdsa"


class HashAlgorithm(StrEnum):
    SHA256 = "sha256"
    SHA384 = "sha384"
    SHA512 = "sha512"
    NONE = "none"


class EcdsaEncoding(StrEnum):
    DER = "der"
    P1363 = "p1363"


class OperationKind(StrEnum):
    SIGN = "sign"
    CHANGE = "change"


class Outcome(StrEnum):
    SUCCEEDED = "succeeded"
    DENIED = "denied"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Identity:
    id: str
    name: str
    kind: IdentityKind
    role: ServerRole | None
    disabled: bool
    owner: str | None  # name of the user who owns this machine
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key without its secret: that is shown once and stored only as SHA-256."""

    id: str
    identity_id: str
    created_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls and with which key, as authentication found them."""

    identity: Identity
    api_key_id: str


@dataclass(frozen=True, slots=True)
class Certificate:
    serial: str
    subject: str  # RFC 4514
    issuer: str
    not_before: datetime
    not_after: datetime
    der: bytes
    chain: tuple[bytes, ...]  # DER, the leaf's issuer first, root last


@dataclass(frozen=True, slots=True)
class Signer:
    id: str
    number: int
    name: str
    key: KeyAlgorithm
    common_name: str
    external: bool
    disabled: bool
    public_key: bytes  # DER SubjectPublicKeyInfo
    certificate: Certificate | None
    created_at: datetime

    def status(self, now: datetime) -> SignerStatus:
        if self.disabled:
            return SignerStatus.DISABLED
        if self.certificate is None:
            return SignerStatus.PENDING
        if now >= self.certificate.not_after:
            return SignerStatus.EXPIRED
        return SignerStatus.ACTIVE


@dataclass(frozen=True, slots=True)
class Member:
    signer: str
    identity: str
    role: MemberRole
    added_at: datetime


@dataclass(frozen=True, slots=True)
class PssParameters:
    mgf_hash: HashAlgorithm
    salt_length: int  # octets


@dataclass(frozen=True, slots=True)
class Client:
    """What the caller says of itself; only `address` was seen by the server."""

    address: str | None = None
    tool: str | None = None
    command: str | None = None
    hostname: str | None = None
    os_user: str | None = None
    application_sha256: str | None = None
    module_version: str | None = None


@dataclass(frozen=True, slots=True)
class SignCall:
    """One call to sign, parsed: ranges checked, key and scheme not yet matched."""

    signer: str
    scheme: Scheme
    hash: HashAlgorithm
    digest: bytes
    pss: PssParameters | None
    ecdsa_encoding: EcdsaEncoding | None
    client: Client
    certificate_serial: str | None
    idempotency_key: str | None


@dataclass(frozen=True, slots=True)
class Signed:
    signature: bytes
    operation_id: str
    certificate_serial: str

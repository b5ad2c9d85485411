"""What a call to sign says, and what it is answered."""

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from controlplane.algorithms.hashes import RealHash
from controlplane.algorithms.kinds import MOST_SALT
from controlplane.api.octets import Digest, Message
from controlplane.api.structs import Body, Shown
from controlplane.api.text import Text
from controlplane.api.values import SHA256, number
from controlplane.domain.model import EcdsaEncoding, HashAlgorithm, Scheme
from controlplane.domain.ranges import Range

Serial = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=64,
        pattern="^[0-9a-f]+$",
        description="1 to 64 lower-case hex digits",
    ),
]
Sha256 = Annotated[str, Meta(pattern=SHA256, description="64 lower-case hex digits")]
Told = Annotated[Text, Meta(description="long values are cut short")]


class Pss(Body, frozen=True):
    mgf_hash: RealHash
    salt_length: Annotated[int, number(Range(0, MOST_SALT), "octets")]


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
    receipt: bool = False


class Signature(Shown, frozen=True):
    """`receipt`: where one was asked for, and the log can sign now; a C2SP tlog-proof."""

    signature: bytes
    operation_id: str
    certificate_serial: str
    receipt: str | UnsetType = UNSET

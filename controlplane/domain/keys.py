"""Private keys as the store knows them: whose they are, and what the key backend needs."""

from dataclasses import dataclass
from enum import StrEnum

from controlplane.domain.model import Signer


class Purpose(StrEnum):
    SIGNER = "signer"
    AUTHORITY = "authority"
    LOG = "log"
    TIMESTAMPING = "timestamping"


@dataclass(frozen=True, slots=True)
class KeyReference:
    """`handle` means something to the key backend only: here the encrypted key itself."""

    id: str
    owner: str  # id of the signer or authority, instance of the log
    purpose: Purpose
    public_key: bytes  # DER SubjectPublicKeyInfo
    handle: bytes


@dataclass(frozen=True, slots=True)
class KeyedSigner:
    """A signer with the key that it signs with, and the one that waits for its certificate."""

    signer: Signer
    key: KeyReference
    next_key: KeyReference | None

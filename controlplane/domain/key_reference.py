"""A private key as the store knows it: whose it is, and what the key backend needs to use it."""

from dataclasses import dataclass
from enum import StrEnum


class Purpose(StrEnum):
    SIGNER = "signer"
    AUTHORITY = "authority"


@dataclass(frozen=True, slots=True)
class KeyReference:
    """`handle` means something to the key backend only: here the encrypted key itself."""

    id: str
    owner: str  # id of the signer or authority
    purpose: Purpose
    public_key: bytes  # DER SubjectPublicKeyInfo
    handle: bytes

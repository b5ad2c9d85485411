"""What a scheme of signing is: which fields of a call it takes, what they must be, how it signs."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import StrEnum

from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes

from controlplane.algorithms.hashes import HashAlgorithm
from controlplane.errors import Refused, invalid

PrivateKey = CertificateIssuerPrivateKeyTypes


class EcdsaEncoding(StrEnum):
    DER = "der"
    P1363 = "p1363"


@dataclass(frozen=True, slots=True)
class PssParameters:
    mgf_hash: HashAlgorithm
    salt_length: int  # octets


@dataclass(frozen=True, slots=True)
class ToSign:
    """What there is to sign. A field that the scheme does not take is None.

    `digest`: of a message that travels, the one that stands for it on record.
    """

    hash: HashAlgorithm
    digest: bytes
    message: bytes | None
    pss: PssParameters | None
    ecdsa_encoding: EcdsaEncoding | None


class SchemeRules(ABC):
    """One scheme. `name` is that on the wire; `fields`: those of a call to sign that go with it.

    `message_hash`: of a scheme that takes the message itself, the hash by which it is on record
    and is judged by policies. None: the scheme takes a digest.
    """

    name: str
    fields: frozenset[str]
    message_hash: HashAlgorithm | None = None

    @abstractmethod
    def find_fault(self, given: ToSign) -> Refused | None:
        """What is wrong with it whatever the key: 400 naming the field."""

    @abstractmethod
    def sign(self, key: PrivateKey, given: ToSign) -> bytes:
        """With a key of a kind that has this scheme, what `find_fault` finds nothing wrong with.
        Raises what `cryptography` raises, TypeError for another kind of key."""


def find_wrong_length(given: ToSign) -> Refused | None:
    """A digest is as long as its hash says."""
    wanted, length = given.hash.octets, len(given.digest)
    if wanted is None or wanted == length:
        return None
    return invalid("digest", f"digest: {given.hash} has {wanted} octets, these are {length}.")

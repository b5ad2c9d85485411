"""Where private keys live: what the control plane asks of such a place."""

from typing import Protocol

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from controlplane.domain.keys import KeyReference, Purpose
from controlplane.domain.model import KeyAlgorithm, SignCall

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


class KeyUnusableError(Exception):
    """The private key cannot be had: its handle was changed, or belongs to another key."""


class KeyBackend(Protocol):
    def generate(self, algorithm: KeyAlgorithm, owner: str, purpose: Purpose) -> KeyReference:
        """A new pair, bound to its owner and purpose."""

    def sign(self, key: KeyReference, call: SignCall) -> bytes:
        """The signature over the digest of a call that fits the key. ECDSA: DER or r‖s as asked.

        Raises KeyUnusableError, or what the backend's own library raises.
        """

    def is_slow(self, algorithm: KeyAlgorithm) -> bool:
        """Whether a signature with such a key takes so long that others must not wait for it."""

    def open(self, key: KeyReference) -> PrivateKey:
        """For certificates and requests, which `cryptography` signs itself."""

    def forget(self) -> None:
        """Drops what it holds in memory; it comes back when it is used."""

"""Where private keys live: what the control plane asks of such a place."""

from typing import Protocol

from controlplane.algorithms.scheme import PrivateKey
from controlplane.domain.keys import KeyReference, Purpose
from controlplane.domain.model import KeyAlgorithm, SignCall


class KeyUnusableError(Exception):
    """The private key cannot be had: its handle was changed, or belongs to another key."""


class KeyBackend(Protocol):
    def generate(self, algorithm: KeyAlgorithm, owner: str, purpose: Purpose) -> KeyReference:
        """A new pair, bound to its owner and purpose."""

    def sign(self, key: KeyReference, call: SignCall) -> bytes:
        """The signature that a call asks for which fits the key (`domain.mechanism`).

        Raises KeyUnusableError, or what the backend's own library raises.
        """

    def is_slow(self, algorithm: KeyAlgorithm) -> bool:
        """Whether a signature with such a key takes so long that others must not wait for it."""

    def open(self, key: KeyReference) -> PrivateKey:
        """For certificates and requests, which `cryptography` signs itself."""

    def forget(self) -> None:
        """Drops what it holds in memory; it comes back when it is used."""

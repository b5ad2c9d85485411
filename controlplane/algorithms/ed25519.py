"""Ed25519 (RFC 8032 §5.1). It reads a message twice, so that no digest can take its place."""

from cryptography.hazmat.primitives.asymmetric import ed25519

from controlplane.algorithms.hashes import HashAlgorithm
from controlplane.algorithms.kind import KeyKind
from controlplane.algorithms.scheme import PrivateKey, SchemeRules, ToSign
from controlplane.errors import Refused, invalid


class _Ed25519(SchemeRules):
    name = "ed25519"
    fields = frozenset({"message"})
    message_hash = HashAlgorithm.SHA512

    def find_fault(self, given: ToSign) -> Refused | None:
        if given.message is None:
            return invalid("message", "message: ed25519 signs the message itself; send it.")
        if given.hash is not HashAlgorithm.NONE:
            return invalid("hash", f"hash: ed25519 takes none, not {given.hash}.")
        return None

    def sign(self, key: PrivateKey, given: ToSign) -> bytes:
        if not isinstance(key, ed25519.Ed25519PrivateKey):
            raise TypeError("not an Ed25519 key")
        if given.message is None:
            raise ValueError("Ed25519 without a message")
        return key.sign(given.message)


class Ed25519(KeyKind):
    schemes = (_Ed25519(),)

    def generate(self) -> PrivateKey:
        return ed25519.Ed25519PrivateKey.generate()

    def owns(self, key: object) -> bool:
        return isinstance(key, ed25519.Ed25519PrivateKey)

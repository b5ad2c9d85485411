"""The table of kinds of keys: a row each. Which schemes there are follows from it."""

from enum import StrEnum
from typing import Self, TypeGuard

from cryptography.hazmat.primitives.asymmetric import ec

from controlplane.algorithms.ecdsa import Curve
from controlplane.algorithms.ed25519 import Ed25519
from controlplane.algorithms.hashes import SHORTEST_DIGEST, Function, HashAlgorithm
from controlplane.algorithms.kind import KeyKind
from controlplane.algorithms.rsa import Rsa, most_salt
from controlplane.algorithms.scheme import PrivateKey, SchemeRules

_SHORT = "The key is RSA-2048: the CA/B Forum asks for 3072 bits or more for code signing."


class KeyAlgorithm(StrEnum):
    """Its name on the wire, in the store and on the command line, and what it is."""

    RSA_2048 = "rsa-2048", Rsa(2048, warning=_SHORT)
    RSA_3072 = "rsa-3072", Rsa(3072)
    RSA_4096 = "rsa-4096", Rsa(4096, is_slow=True)  # 2 ms, three times as long as the next
    P256 = "p256", Curve(ec.SECP256R1(), HashAlgorithm.SHA256)
    P384 = "p384", Curve(ec.SECP384R1(), HashAlgorithm.SHA384)
    P521 = "p521", Curve(ec.SECP521R1(), HashAlgorithm.SHA512)
    ED25519 = "ed25519", Ed25519()

    _value_: str
    kind: KeyKind

    def __new__(cls, name: str, *kind: KeyKind) -> Self:
        """A row. Looking one up takes the name alone."""
        self = str.__new__(cls, name)
        self._value_ = name
        (self.kind,) = kind
        return self


MOST_OCTETS = max(each.kind.most_octets for each in KeyAlgorithm)
MOST_SALT = most_salt(MOST_OCTETS, SHORTEST_DIGEST)
"""That any call to sign can have: of a digest, or what is given in its place, and of a salt."""


class Scheme(StrEnum):
    """A way to sign that some kind of key has, by its name on the wire."""

    _value_: str
    rules: SchemeRules

    def __new__(cls, name: str, *rules: SchemeRules) -> Self:
        self = str.__new__(cls, name)
        self._value_ = name
        (self.rules,) = rules
        return self

    vars().update(
        {
            rules.name.replace("-", "_").upper(): (rules.name, rules)
            for algorithm in KeyAlgorithm
            for rules in algorithm.kind.schemes
        }
    )


def is_ours(key: object) -> TypeGuard[PrivateKey]:
    """Whether it is a private key of a kind in the table."""
    return any(each.kind.owns(key) for each in KeyAlgorithm)


def certificate_hash(key: PrivateKey) -> Function | None:
    """That certificates and requests are signed with, by this key."""
    hash_ = next(each.kind.certificate_hash for each in KeyAlgorithm if each.kind.owns(key))
    return None if hash_ is None else hash_.function

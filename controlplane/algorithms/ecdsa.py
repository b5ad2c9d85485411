"""ECDSA on the curves of NIST (FIPS 186-5 §6)."""

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature

from controlplane.algorithms.hashes import LONGEST_DIGEST, HashAlgorithm
from controlplane.algorithms.kind import KeyKind
from controlplane.algorithms.scheme import (
    EcdsaEncoding,
    PrivateKey,
    SchemeRules,
    ToSign,
    find_wrong_length,
)
from controlplane.errors import Refused, invalid

_BY_OCTETS = {
    each.octets: ec.ECDSA(Prehashed(each.function))
    for each in HashAlgorithm
    if each.octets is not None
}
"""Made once: to make one takes as long as a tenth of a signature."""


class _Ecdsa(SchemeRules):
    name = "ecdsa"
    fields = frozenset({"digest", "ecdsa_encoding"})

    def find_fault(self, given: ToSign) -> Refused | None:
        wrong_length = find_wrong_length(given)
        if wrong_length is None and not 1 <= len(given.digest) <= LONGEST_DIGEST:
            return invalid("digest", f"digest: ecdsa takes 1 to {LONGEST_DIGEST} octets.")
        return wrong_length

    def sign(self, key: PrivateKey, given: ToSign) -> bytes:
        """DER, or r‖s as asked."""
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise TypeError("not an EC key")
        if given.hash is HashAlgorithm.NONE:
            digest = fit_digest(given.digest, key.curve)
        else:
            digest = given.digest
        signature = key.sign(digest, _BY_OCTETS[len(digest)])
        if given.ecdsa_encoding is EcdsaEncoding.P1363:
            r, s = decode_dss_signature(signature)
            octets = (key.curve.key_size + 7) // 8
            return r.to_bytes(octets, "big") + s.to_bytes(octets, "big")
        return signature


class Curve(KeyKind):
    schemes = (_Ecdsa(),)
    most_octets = LONGEST_DIGEST

    def __init__(self, curve: ec.EllipticCurve, certificate_hash: HashAlgorithm) -> None:
        self._curve = curve
        self.certificate_hash = certificate_hash

    def generate(self) -> PrivateKey:
        return ec.generate_private_key(self._curve)

    def owns(self, key: object) -> bool:
        return isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name == self._curve.name


def fit_digest(digest: bytes, curve: ec.EllipticCurve) -> bytes:
    """A digest of 32, 48 or 64 octets that ECDSA on this curve turns into the same integer.

    ECDSA takes the leftmost bits of the digest, as many as the order has (FIPS 186-5 §6.4.1):
    octets beyond these change nothing, nor do zeros in front of a digest that is shorter.
    Prehashed takes the lengths of known hashes only. On P-521 no digest here is too long.
    """
    octets = {256: 32, 384: 48}.get(curve.key_size, 64)
    return digest[:octets].rjust(octets, b"\0")

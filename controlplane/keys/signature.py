"""One signature over a digest with a key in memory."""

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import (
    NoDigestInfo,
    Prehashed,
    decode_dss_signature,
)

from controlplane.domain.model import EcdsaEncoding, HashAlgorithm, Scheme, SignCall
from controlplane.keys.backend import PrivateKey

_HASHES: dict[HashAlgorithm, hashes.HashAlgorithm] = {
    HashAlgorithm.SHA256: hashes.SHA256(),
    HashAlgorithm.SHA384: hashes.SHA384(),
    HashAlgorithm.SHA512: hashes.SHA512(),
}
_BY_OCTETS = {hash_.digest_size: hash_ for hash_ in _HASHES.values()}


def sign_digest(key: PrivateKey, call: SignCall) -> bytes:
    """The call must fit the key (`domain.mechanism`). Raises what `cryptography` raises."""
    if isinstance(key, rsa.RSAPrivateKey):
        return _sign_rsa(key, call)
    return _sign_ecdsa(key, call)


def _sign_rsa(key: rsa.RSAPrivateKey, call: SignCall) -> bytes:
    if call.scheme is Scheme.RSA_PSS:
        if call.pss is None:
            raise ValueError("RSA-PSS without parameters")
        pss = padding.PSS(padding.MGF1(_HASHES[call.pss.mgf_hash]), call.pss.salt_length)
        return key.sign(call.digest, pss, Prehashed(_HASHES[call.hash]))
    if call.hash is HashAlgorithm.NONE:
        return key.sign(call.digest, padding.PKCS1v15(), NoDigestInfo())
    return key.sign(call.digest, padding.PKCS1v15(), Prehashed(_HASHES[call.hash]))


def _sign_ecdsa(key: ec.EllipticCurvePrivateKey, call: SignCall) -> bytes:
    if call.hash is HashAlgorithm.NONE:
        digest = fit_digest(call.digest, key.curve)
        hash_ = _BY_OCTETS[len(digest)]
    else:
        digest, hash_ = call.digest, _HASHES[call.hash]
    signature = key.sign(digest, ec.ECDSA(Prehashed(hash_)))
    if call.ecdsa_encoding is EcdsaEncoding.P1363:
        r, s = decode_dss_signature(signature)
        octets = (key.curve.key_size + 7) // 8
        return r.to_bytes(octets, "big") + s.to_bytes(octets, "big")
    return signature


def fit_digest(digest: bytes, curve: ec.EllipticCurve) -> bytes:
    """A digest of 32, 48 or 64 octets that ECDSA on this curve turns into the same integer.

    ECDSA takes the leftmost bits of the digest, as many as the order has (FIPS 186-5 §6.4.1):
    octets beyond these change nothing, nor do zeros in front of a digest that is shorter.
    Prehashed takes the lengths of known hashes only. On P-521 no digest here is too long.
    """
    octets = {256: 32, 384: 48}.get(curve.key_size, 64)
    return digest[:octets].rjust(octets, b"\0")

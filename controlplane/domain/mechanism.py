"""What each kind of key can sign."""

from controlplane.domain.model import HashAlgorithm, KeyAlgorithm, Scheme, SignCall
from controlplane.errors import Refused, invalid

HASH_OCTETS = {HashAlgorithm.SHA256: 32, HashAlgorithm.SHA384: 48, HashAlgorithm.SHA512: 64}
MAX_ECDSA_DIGEST = 64  # octets

_RSA_BITS = {KeyAlgorithm.RSA_2048: 2048, KeyAlgorithm.RSA_3072: 3072, KeyAlgorithm.RSA_4096: 4096}
_PKCS1_PADDING = 11  # octets, RFC 8017 §7.2.1 and §9.2


def find_mismatch(key: KeyAlgorithm, call: SignCall) -> Refused | None:
    """Why this key cannot make the signature asked for; None if it can."""
    if key.is_rsa == (call.scheme is Scheme.ECDSA):
        return Refused(
            "scheme_key_mismatch",
            f"The signer's key is {key.value}; it cannot sign with {call.scheme.value}.",
            status=400,
            field="scheme",
        )
    length = len(call.digest)
    expected = HASH_OCTETS.get(call.hash)
    if expected is not None and length != expected:
        return invalid("digest", f"A {call.hash.value} digest has {expected} octets, not {length}.")
    if not key.is_rsa:
        if not 1 <= length <= MAX_ECDSA_DIGEST:
            return invalid("digest", f"ECDSA signs 1 to {MAX_ECDSA_DIGEST} octets, not {length}.")
        return None
    octets = _RSA_BITS[key] // 8
    if call.scheme is Scheme.RSA_PKCS1V15:
        if length > octets - _PKCS1_PADDING:
            most = octets - _PKCS1_PADDING
            return invalid("digest", f"A {key.value} key signs at most {most} octets.")
        return None
    return _find_pss_mismatch(call, octets)


def _find_pss_mismatch(call: SignCall, octets: int) -> Refused | None:
    if call.pss is None or call.hash is HashAlgorithm.NONE:
        return invalid("pss", "RSA-PSS needs its parameters and a hash.")
    most = octets - HASH_OCTETS[call.hash] - 2  # RFC 8017 §9.1.1; moduli have whole octets
    if not 0 <= call.pss.salt_length <= most:
        return invalid("pss.salt_length", f"The salt can have 0 to {most} octets with this key.")
    return None

"""RSA: PKCS#1 v1.5 and PSS (RFC 8017)."""

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import NoDigestInfo, Prehashed

from controlplane.algorithms.hashes import HashAlgorithm
from controlplane.algorithms.kind import KeyKind
from controlplane.algorithms.scheme import PrivateKey, SchemeRules, ToSign, find_wrong_length
from controlplane.errors import Refused, invalid

_PUBLIC_EXPONENT = 65537
_PKCS1_PADDING = 11  # octets, §7.2.1 and §9.2


class _Pkcs1v15(SchemeRules):
    name = "rsa-pkcs1v15"
    fields = frozenset({"digest"})

    def find_fault(self, given: ToSign) -> Refused | None:
        if given.hash is HashAlgorithm.NONE:
            return _find_digest_info(given.digest)
        return find_wrong_length(given)

    def sign(self, key: PrivateKey, given: ToSign) -> bytes:
        is_raw = given.hash is HashAlgorithm.NONE
        wrapped = NoDigestInfo() if is_raw else Prehashed(given.hash.function)
        return _of_rsa(key).sign(given.digest, padding.PKCS1v15(), wrapped)


class _Pss(SchemeRules):
    name = "rsa-pss"
    fields = frozenset({"digest", "pss"})

    def find_fault(self, given: ToSign) -> Refused | None:
        if given.pss is None:
            return invalid("pss", "pss: rsa-pss needs mgf_hash and salt_length.")
        if given.hash is HashAlgorithm.NONE:
            return invalid("hash", "hash: rsa-pss needs the digest's hash.")
        return find_wrong_length(given)

    def sign(self, key: PrivateKey, given: ToSign) -> bytes:
        if given.pss is None:
            raise ValueError("RSA-PSS without parameters")
        pss = padding.PSS(padding.MGF1(given.pss.mgf_hash.function), given.pss.salt_length)
        return _of_rsa(key).sign(given.digest, pss, Prehashed(given.hash.function))


class Rsa(KeyKind):
    schemes = (_Pkcs1v15(), _Pss())
    certificate_hash = HashAlgorithm.SHA256

    def __init__(self, bits: int, *, is_slow: bool = False, warning: str | None = None) -> None:
        """`bits`: of the modulus, whole octets."""
        self._bits = bits
        self.most_octets = bits // 8
        self.is_slow = is_slow
        self.warning = warning

    def generate(self) -> PrivateKey:
        return rsa.generate_private_key(_PUBLIC_EXPONENT, self._bits)

    def owns(self, key: object) -> bool:
        return isinstance(key, rsa.RSAPrivateKey) and key.key_size == self._bits

    def find_mismatch(self, given: ToSign) -> Refused | None:
        if given.pss is None:
            most = self.most_octets - _PKCS1_PADDING
            if len(given.digest) > most:
                return invalid("digest", f"A key of {self._bits} bits signs at most {most} octets.")
            return None
        most = most_salt(self.most_octets, len(given.digest))
        if not 0 <= given.pss.salt_length <= most:
            title = f"The salt can have 0 to {most} octets with this key."
            return invalid("pss.salt_length", title)
        return None


def most_salt(modulus: int, digest: int) -> int:
    """All in octets (§9.1.1)."""
    return modulus - digest - 2


def _find_digest_info(octets: bytes) -> Refused | None:
    """A row that names no hash is not found by who looks for the digest, and the signature would
    be the same."""
    for hash_ in HashAlgorithm:
        if hash_.octets is None:
            continue
        wanted = len(hash_.digest_info) + hash_.octets
        if len(octets) == wanted and octets.startswith(hash_.digest_info):
            return invalid(
                "hash",
                f"hash: this is the DigestInfo of a {hash_} digest; send hash {hash_} and "
                f"the last {hash_.octets} octets alone as digest.",
            )
    return None


def _of_rsa(key: PrivateKey) -> rsa.RSAPrivateKey:
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError("not an RSA key")
    return key

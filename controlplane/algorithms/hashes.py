"""The table of hashes: a row each."""

from enum import StrEnum
from typing import Self

from cryptography.hazmat.primitives import hashes

Function = hashes.SHA256 | hashes.SHA384 | hashes.SHA512


class HashAlgorithm(StrEnum):
    """Its name on the wire, the function, and DER of its DigestInfo up to the digest (RFC 8017
    §9.2, note 1). `none`: what is signed is no digest of these."""

    SHA256 = "sha256", hashes.SHA256(), "3031300d060960864801650304020105000420"
    SHA384 = "sha384", hashes.SHA384(), "3041300d060960864801650304020205000430"
    SHA512 = "sha512", hashes.SHA512(), "3051300d060960864801650304020305000440"
    NONE = "none"

    _value_: str
    octets: int | None  # of a digest; None of `none`
    digest_info: bytes
    _function: Function | None

    def __new__(cls, name: str, function: Function | None = None, digest_info: str = "") -> Self:
        self = str.__new__(cls, name)
        self._value_ = name
        self.octets = None if function is None else function.digest_size
        self.digest_info = bytes.fromhex(digest_info)
        self._function = function
        return self

    @property
    def function(self) -> Function:
        """Raises ValueError: `none` has none."""
        if self._function is None:
            raise ValueError("none is no hash")
        return self._function


_LENGTHS = [each.octets for each in HashAlgorithm if each.octets is not None]
SHORTEST_DIGEST, LONGEST_DIGEST = min(_LENGTHS), max(_LENGTHS)  # octets


class RealHash(StrEnum):
    """The names that are hashes, `none` left out."""

    vars().update({each.name: each.value for each in HashAlgorithm if each.octets is not None})

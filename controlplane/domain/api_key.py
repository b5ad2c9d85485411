"""API keys: `swk_` and 43 letters or digits, some 256 random bits; stored only as SHA-256.

So much entropy needs no slow hash, and a lookup by hash leaks nothing by its timing.
"""

import hashlib
import re
import secrets
import string

from controlplane.domain.ranges import Range

LIFETIME = Range(1, 3650 * 24 * 3600)  # seconds, of a key that ends
NETWORKS = Range(0, 64)  # that a key may be used from; none: from everywhere

PREFIX = "swk_"
_ALPHABET = string.ascii_letters + string.digits
LENGTH = 43  # characters after it
_SHAPE = re.compile(rf"{PREFIX}[A-Za-z0-9]{{{LENGTH}}}")


def new_api_key() -> str:
    return PREFIX + "".join(secrets.choice(_ALPHABET) for _ in range(LENGTH))


def digest_of(api_key: str) -> bytes:
    """32 bytes, of what is a key."""
    return hashlib.sha256(api_key.encode("ascii")).digest()


def hash_api_key(api_key: str) -> bytes | None:
    """32 bytes; None for what cannot be a key."""
    if _SHAPE.fullmatch(api_key) is None:
        return None
    return digest_of(api_key)

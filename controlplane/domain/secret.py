"""Secrets that are shown once: a prefix that says what it is, and 43 letters or digits, some 256
random bits; stored only as SHA-256.

So much entropy needs no slow hash, and a lookup by hash leaks nothing by its timing.
"""

import hashlib
import re
import secrets
import string

LENGTH = 43  # characters after the prefix
API_KEY, ENROLMENT_CODE = "swk_", "swe_"  # prefixes; swt_ is kept for tokens
ANY_PREFIX = "sw[ket]_"
"""A regular expression: what begins so must not be shown, whatever follows."""

_ALPHABET = string.ascii_letters + string.digits


class Secret:
    """The secrets with one prefix."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._shape = re.compile(rf"{prefix}[A-Za-z0-9]{{{LENGTH}}}")

    def new(self) -> str:
        return self._prefix + "".join(secrets.choice(_ALPHABET) for _ in range(LENGTH))

    def hash(self, text: str) -> bytes | None:
        """32 bytes; None for what cannot be one."""
        return self.digest(text) if self._shape.fullmatch(text) else None

    @staticmethod
    def digest(text: str) -> bytes:
        """32 bytes, of what is one."""
        return hashlib.sha256(text.encode("ascii")).digest()

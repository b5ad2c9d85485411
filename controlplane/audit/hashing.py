"""Hashes of rows and of what they commit to, for who writes rows and for who verifies them knowing
nothing else. All in lower-case hex."""

import hashlib

FIRST_LINES = {1: b"sealwright-row-v1\n", 2: b"sealwright-row-v2\n"}
"""What the canonical bytes of each version begin with."""
NEWEST = max(FIRST_LINES)
SALT_OCTETS = 16


def hash_row(canonical: bytes) -> str:
    return hashlib.sha256(canonical).hexdigest()


def commit(salt: bytes, value: bytes) -> str:
    """`value`: canonical JSON. Who has not the salt learns nothing of it, however few values it may
    have."""
    return hashlib.sha256(salt + value).hexdigest()

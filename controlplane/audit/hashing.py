"""The hash of a row, for who writes rows and for who verifies them knowing nothing else."""

import hashlib

PREFIX = b"sealwright-row-v1\n"


def hash_row(canonical: bytes) -> str:
    return hashlib.sha256(canonical).hexdigest()

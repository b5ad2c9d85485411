"""Receipts (C2SP tlog-proof): that a row is in the log, for who has nothing else of it."""

from base64 import b64encode
from collections.abc import Sequence

_FIRST_LINE = "c2sp.org/tlog-proof@v1"


def make_receipt(canonical: bytes, index: int, path: Sequence[bytes], checkpoint: str) -> str:
    """`canonical`: the octets of the row that are hashed, so that SHA-256 of `extra` is its entry;
    `path`: its inclusion proof; `checkpoint`: the signed note of the tree that this leads to."""
    lines = [_FIRST_LINE, f"extra {b64encode(canonical).decode()}", f"index {index}"]
    lines += [b64encode(each).decode() for each in path]
    return "\n".join([*lines, "", checkpoint])

"""Receipts (C2SP tlog-proof): that a row is in the log, for who has nothing else of it."""

from base64 import b64encode
from collections.abc import Sequence

from controlplane.audit.hashing import FIRST_LINES
from controlplane.audit.row import Row1, canonical_bytes, encode_sorted
from controlplane.domain.operation import Operation

_FIRST_LINE = "c2sp.org/tlog-proof@v1"
_MEMBERS_1 = set(Row1.__struct_fields__) - {"sequence", "previous_hash", "row_hash"}


def hashed_octets(operation: Operation) -> bytes:
    """Of a row of any version: SHA-256 of them is `row_hash`, where nobody changed the row."""
    entry, previous = operation.entry, operation.previous_hash
    if operation.version == 1:
        row = {name: getattr(entry, name) for name in _MEMBERS_1}
        row |= {"sequence": operation.sequence, "previous_hash": previous}
        return FIRST_LINES[1] + encode_sorted(row)
    return canonical_bytes(operation.sequence, entry, operation.commitments, previous)


def make_receipt(canonical: bytes, index: int, path: Sequence[bytes], checkpoint: str) -> str:
    """`canonical`: the octets of the row that are hashed, so that SHA-256 of `extra` is its entry;
    `path`: its inclusion proof; `checkpoint`: the signed note of the tree that this leads to."""
    lines = [_FIRST_LINE, f"extra {b64encode(canonical).decode()}", f"index {index}"]
    lines += [b64encode(each).decode() for each in path]
    return "\n".join([*lines, "", checkpoint])

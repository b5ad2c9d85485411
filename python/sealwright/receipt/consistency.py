"""Proofs that one Merkle tree is the beginning of another (RFC 6962 §2.1.2, RFC 9162 §2.1.4.2)."""

import hashlib
from collections.abc import Sequence
from enum import Enum, auto

from sealwright.receipt.checkpoint import HASH_OCTETS


class Relation(Enum):
    """Of an older tree to a newer one."""

    BEGINNING = auto()
    OTHER = auto()
    """The two roots, with the proof that leads to the newer one, show that it is not."""
    UNPROVEN = auto()
    """What was given as a proof shows neither."""


def relation(
    old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]
) -> Relation:
    """`proof`: between the two sizes; of trees of one size their roots say all."""
    if old_size == new_size:
        return Relation.BEGINNING if old_root == new_root else Relation.OTHER
    is_full = not old_size & (old_size - 1)  # a full tree is a node of the other
    path = [old_root, *proof] if is_full else list(proof)
    if not 0 < old_size < new_size or any(len(each) != HASH_OCTETS for each in path):
        return Relation.UNPROVEN
    roots = _roots_from(path, old_size, new_size)
    # Of these sizes only the true nodes lead to the newer root, and so to the older one that it
    # goes on from.
    if roots is None or roots[1] != new_root:
        return Relation.UNPROVEN
    return Relation.BEGINNING if roots[0] == old_root else Relation.OTHER


def _roots_from(path: Sequence[bytes], old_size: int, new_size: int) -> tuple[bytes, bytes] | None:
    """To which it leads, the older one first; None of a path that has not its length."""
    if not path:
        return None
    node, last = old_size - 1, new_size - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    old = new = path[0]
    for sibling in path[1:]:
        if last == 0:
            return None
        if node & 1 or node == last:
            old, new = _parent(sibling, old), _parent(sibling, new)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            new = _parent(new, sibling)
        node, last = node >> 1, last >> 1
    return None if last else (old, new)


def _parent(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()

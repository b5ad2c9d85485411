"""Proofs that an entry stands in a Merkle tree (RFC 6962 §2.1, RFC 9162 §2.1.3.2)."""

import hashlib
from collections.abc import Sequence


def leaf_hash(entry: bytes) -> bytes:
    return hashlib.sha256(b"\0" + entry).digest()


def root_from(leaf: bytes, index: int, tree_size: int, path: Sequence[bytes]) -> bytes:
    """The root to which this path leads. `path`: from the leaf's sibling up, 32 octets each.

    Raises:
        ValueError: there is no such leaf, or its path has another length.
    """
    if not 0 <= index < tree_size:
        raise ValueError(f"a tree of {tree_size} entries has none of index {index}")
    node, last = index, tree_size - 1
    reached = leaf
    for sibling in path:
        if last == 0:
            raise ValueError("its proof is too long")
        if node & 1 or node == last:
            reached = _parent(sibling, reached)
            # A last node without a sibling goes up as it is.
            while not node & 1 and node:
                node >>= 1
                last >>= 1
        else:
            reached = _parent(reached, sibling)
        node >>= 1
        last >>= 1
    if last:
        raise ValueError("its proof is too short")
    return reached


def _parent(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()

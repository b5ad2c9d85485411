"""The Merkle tree over the log (RFC 6962 §2.1). Pure.

An entry is the 32 octets of a row's hash; its index is the row's sequence number less 1. A node is
named by its level (0: leaves) and its index within that, and covers the leaves from
`index << level` on, `1 << level` of them.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256

HASH_OCTETS = 32
TILE_LEVELS = 8
"""Of the tree, in one tile (C2SP tlog-tiles)."""
TILE_WIDTH = 1 << TILE_LEVELS

Node = Callable[[int, int], bytes]
"""The hash of the node of this level and index, which is full."""


def leaf_hash(row_hash: str) -> bytes:
    """`row_hash`: in hex. ValueError."""
    return sha256(b"\x00" + bytes.fromhex(row_hash)).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def root_over(hashes: Sequence[bytes]) -> bytes:
    """Of a full node over these, a power of two."""
    while len(hashes) > 1:
        hashes = [node_hash(hashes[at], hashes[at + 1]) for at in range(0, len(hashes), 2)]
    return hashes[0]


def split_hashes(octets: bytes) -> list[bytes]:
    return [octets[at : at + HASH_OCTETS] for at in range(0, len(octets), HASH_OCTETS)]


def root_of(frontier: bytes) -> bytes:
    """`frontier`: the hashes of the full nodes that a tree is made of, the largest first."""
    hashes = split_hashes(frontier)
    if not hashes:
        return sha256().digest()
    root = hashes.pop()
    while hashes:
        root = node_hash(hashes.pop(), root)
    return root


@dataclass(frozen=True)
class Growth:
    """What leaves made of a tree that had `before` of them, and this frontier. `full`: nodes that
    became full, by level and index; the leaves are among them."""

    before: int
    frontier_before: bytes
    size: int
    frontier: bytes
    full: Mapping[tuple[int, int], bytes]

    @cached_property
    def root(self) -> bytes:
        return root_of(self.frontier)

    def inclusion(self, index: int) -> list[bytes]:
        """Of one of these leaves, in the tree as it is after them."""
        return inclusion(index, self.size, self._node)

    def full_tiles(self) -> list[tuple[int, int, bytes]]:
        """Level and index of the tiles (C2SP tlog-tiles) that became full, and the node over each;
        lower ones first."""
        return [
            (level // TILE_LEVELS - 1, index, hash_)
            for (level, index), hash_ in sorted(self.full.items())
            if level and level % TILE_LEVELS == 0
        ]

    def _node(self, level: int, index: int) -> bytes:
        known = self.full.get((level, index))
        return self._left[level, index] if known is None else known

    @cached_property
    def _left(self) -> Mapping[tuple[int, int], bytes]:
        """The nodes of the frontier before."""
        levels = [level for level in range(self.before.bit_length()) if self.before >> level & 1]
        hashes = reversed(split_hashes(self.frontier_before))
        return {
            (level, (self.before >> level) - 1): hash_
            for level, hash_ in zip(levels, hashes, strict=True)
        }


def grow(size: int, frontier: bytes, row_hashes: Iterable[str]) -> Growth:
    """ValueError of what is no hash."""
    before = size
    hashes = split_hashes(frontier)
    full = {}
    for row_hash in row_hashes:
        hash_ = full[0, size] = leaf_hash(row_hash)
        size += 1
        level, rest = 0, size
        while not rest & 1:
            level, rest = level + 1, rest >> 1
            hash_ = full[level, rest - 1] = sha256(b"\x01" + hashes.pop() + hash_).digest()
        hashes.append(hash_)
    return Growth(before, frontier, size, b"".join(hashes), full)


def root_at(size: int, node: Node) -> bytes:
    """Of the tree when it had so many leaves."""
    return _over(0, size, node) if size else sha256().digest()


def frontier_at(size: int, node: Node) -> bytes:
    """The same, of its frontier."""
    levels = reversed(range(size.bit_length()))
    return b"".join(node(level, (size >> level) - 1) for level in levels if size >> level & 1)


def inclusion(index: int, size: int, node: Node) -> list[bytes]:
    """The path of a leaf in a tree of this size, its sibling first (RFC 6962 §2.1.1)."""

    def path(low: int, high: int) -> list[bytes]:
        if high - low == 1:
            return []
        middle = _split(low, high)
        if index < middle:
            return [*path(low, middle), _over(middle, high, node)]
        return [*path(middle, high), _over(low, middle, node)]

    return path(0, size)


def consistency(old: int, new: int, node: Node) -> list[bytes]:
    """Between two sizes, 0 < `old` ≤ `new` (RFC 6962 §2.1.2)."""

    def proof(low: int, high: int, *, is_known: bool) -> list[bytes]:
        """`is_known`: the left edge of this node is that of the old tree."""
        if high == old:
            return [] if is_known else [_over(low, high, node)]
        middle = _split(low, high)
        if old <= middle:
            return [*proof(low, middle, is_known=is_known), _over(middle, high, node)]
        return [*proof(middle, high, is_known=False), _over(low, middle, node)]

    return proof(0, new, is_known=True)


def is_included(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether a path leads from a leaf to a root (RFC 9162 §2.1.3.2)."""
    if not 0 <= index < size:
        return False
    at, last, hash_ = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return False
        if at & 1 or at == last:
            hash_ = node_hash(sibling, hash_)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            hash_ = node_hash(hash_, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and hash_ == root


def _over(low: int, high: int, node: Node) -> bytes:
    """The hash over these leaves, which are those of a node, or of the right edge of a tree."""
    width = high - low
    if not width & (width - 1):
        level = width.bit_length() - 1
        return node(level, low >> level)
    middle = _split(low, high)
    return node_hash(_over(low, middle, node), _over(middle, high, node))


def _split(low: int, high: int) -> int:
    """Where a node is parted: the largest power of two below its width."""
    return low + (1 << (high - low - 1).bit_length() - 1)

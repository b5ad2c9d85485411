"""The Merkle tree over the log (RFC 6962 §2.1). Pure.

An entry is the 32 octets of a row's hash; its index is the row's sequence number less 1. A node is
named by its level (0: leaves) and its index within that, and covers the leaves from
`index << level` on, `1 << level` of them.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
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
    """What `leaves` made of a tree that had `before` of them, and this frontier. `tiles`: level and
    position of those (C2SP tlog-tiles) that became full, and the hash over each; lower ones
    first."""

    before: int
    frontier_before: bytes
    leaves: Sequence[bytes]
    frontier: bytes
    tiles: Sequence[tuple[int, int, bytes]]

    @property
    def size(self) -> int:
        return self.before + len(self.leaves)

    @cached_property
    def root(self) -> bytes:
        return root_of(self.frontier)

    def inclusion(self, index: int) -> list[bytes]:
        """Of one of these leaves, in the tree as it is after them."""
        return inclusion(index, self.size, lambda level, index: self.nodes[level, index])

    @cached_property
    def nodes(self) -> Mapping[tuple[int, int], bytes]:
        """Those of the frontier before, and those that became full, by level and index."""
        levels = [level for level in range(self.before.bit_length()) if self.before >> level & 1]
        hashes = reversed(split_hashes(self.frontier_before))
        nodes = {
            (level, (self.before >> level) - 1): hash_
            for level, hash_ in zip(levels, hashes, strict=True)
        }
        for index, hash_ in enumerate(self.leaves, self.before):
            at, level = index, 0
            nodes[0, index] = hash_
            while at & 1:
                hash_ = node_hash(nodes[level, at - 1], hash_)
                at, level = at >> 1, level + 1
                nodes[level, at] = hash_
        return nodes


def grow(size: int, frontier: bytes, row_hashes: Iterable[str]) -> Growth:
    """ValueError of what is no hash."""
    hashes, tiles = split_hashes(frontier), []
    leaves = [sha256(b"\x00" + bytes.fromhex(each)).digest() for each in row_hashes]
    for index, hash_ in enumerate(leaves, size):
        at, level = index, 0
        while at & 1:
            hash_ = sha256(b"\x01" + hashes.pop() + hash_).digest()
            at, level = at >> 1, level + 1
            if level % TILE_LEVELS == 0:
                tiles.append((level // TILE_LEVELS - 1, at, hash_))
        hashes.append(hash_)
    return Growth(size, frontier, leaves, b"".join(hashes), tiles)


class Cover:
    """Leaves in order, from any on, as the fewest full nodes; stretches of them can be joined."""

    def __init__(self, cuts: Collection[int] = ()) -> None:
        """`cuts`: sizes of trees. No node reaches over one, so that the root at each is known;
        stretches that are joined have the same."""
        self._cuts = frozenset(cuts)
        self._nodes: list[tuple[int, int, bytes]] = []

    def add_leaf(self, index: int, row_hash: str) -> None:
        """ValueError of what is no hash."""
        self._add(0, index, leaf_hash(row_hash))

    def join(self, following: "Cover") -> None:
        for level, index, hash_ in following._nodes:
            self._add(level, index, hash_)

    def root_at(self, size: int) -> bytes:
        """Of the tree when it had so many leaves, which is one of the cuts, or all that there are;
        where they begin with its first leaf."""
        beginning = Cover()
        for level, index, hash_ in self._nodes:
            if (index + 1) << level > size:
                break
            beginning._add(level, index, hash_)
        return root_of(b"".join(hash_ for _, _, hash_ in beginning._nodes))

    def _add(self, level: int, index: int, hash_: bytes) -> None:
        nodes = self._nodes
        while index & 1 and nodes and nodes[-1][:2] == (level, index - 1):
            if index << level in self._cuts:
                break
            hash_ = node_hash(nodes.pop()[2], hash_)
            level, index = level + 1, index >> 1
        nodes.append((level, index, hash_))


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

"""The tiles of the log's tree (C2SP tlog-tiles): each is kept once it is full, 256 hashes of one
level of every eighth. What is not full yet is read off the rows, and off the tiles below.

Nothing proves a tile by itself: who builds something of it holds that against the root of the tree.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from peewee import Database

from controlplane.domain.tree import (
    HASH_OCTETS,
    TILE_LEVELS,
    TILE_WIDTH,
    Growth,
    leaf_hash,
    root_over,
    split_hashes,
)
from controlplane.store.dialect import ask, place, readable
from controlplane.store.state import altered, row_hashes

_KEEP = (
    "INSERT INTO tiles (level, position, root, hashes) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
)
_HASHES = "SELECT hashes FROM tiles WHERE level = ? AND position = ?"
_TILE = "SELECT root, hashes FROM tiles WHERE level = ? AND position = ?"
_BEYOND = "SELECT position FROM tiles WHERE level = ? AND position >= ? ORDER BY position"
_ABOVE = "SELECT level, position FROM tiles WHERE level >= ? ORDER BY level, position"
_ROOTS = (
    "SELECT root FROM tiles WHERE level = ? AND position >= ? AND position < ? ORDER BY position"
)


def keep_full(database: Database, growth: Growth) -> None:
    """Within the write that this growth is of. One that does not fit the tree, because somebody
    wrote to what it is made of, is left out: signing goes on, and who asks for it hears of it."""
    for level, position, root in growth.tiles:
        hashes = _read(database, level, position, TILE_WIDTH, growth)
        if len(hashes) == TILE_WIDTH and root_over(hashes) == root:
            values = (level, position, root, b"".join(hashes))
            ask(database, place(database, _KEEP), values)
        else:
            altered(_name(level, position))


class Tiles:
    """Those of the tree at a size that the log has reached; within one transaction, and each read
    once."""

    def __init__(self, database: Database, size: int) -> None:
        self._database = database
        self._size = size
        self._known: dict[tuple[int, int], list[list[bytes]]] = {}

    def width(self, level: int, position: int) -> int:
        """How many hashes it has, 0 to 256."""
        return max(0, min((self._size >> level * TILE_LEVELS) - position * TILE_WIDTH, TILE_WIDTH))

    def tile(self, level: int, position: int) -> list[bytes]:
        """Raises Altered."""
        return self._levels(level, position)[0]

    def node(self, level: int, index: int) -> bytes:
        """As `domain.tree.Node`. Raises Altered."""
        above = level % TILE_LEVELS
        wide = TILE_LEVELS - above
        levels = self._levels(level // TILE_LEVELS, index >> wide)
        while len(levels) <= above:
            last = levels[-1]
            pairs = range(0, len(last) - 1, 2)
            levels.append([root_over(last[at : at + 2]) for at in pairs])
        return levels[above][index - (index >> wide << wide)]

    def _levels(self, level: int, position: int) -> list[list[bytes]]:
        known = self._known.get((level, position))
        if known is None:
            known = self._known[level, position] = [self._fetch(level, position)]
        return known

    def _fetch(self, level: int, position: int) -> list[bytes]:
        width, hashes = self.width(level, position), list[bytes]()
        if width == TILE_WIDTH:
            values = (level, position)
            found = _ask(self._database, _HASHES, values)
            hashes = split_hashes(_octets(found[0][0])) if found else hashes
        if len(hashes) != width:  # it is gone, or none, which keeps nobody from a proof
            hashes = _read(self._database, level, position, width)
        if len(hashes) != width or any(len(each) != HASH_OCTETS for each in hashes):
            raise altered(_name(level, position))
        return hashes


def find_strange(database: Database, size: int) -> Iterator[str]:
    """Names of the tiles of a tree of this size that are not what they are made of, or missing; and
    of those that are too many."""
    level, count = 0, size // TILE_WIDTH
    while count:
        for position in range(count):
            values = (level, position)
            found = _ask(database, _TILE, values)
            hashes = _read(database, level, position, TILE_WIDTH)
            if (
                len(hashes) != TILE_WIDTH
                or not found
                or tuple(map(_octets, found[0])) != (root_over(hashes), b"".join(hashes))
            ):
                yield _name(level, position)
        values = (level, count)
        for (position,) in _ask(database, _BEYOND, values):
            yield _name(level, position)
        level, count = level + 1, count // TILE_WIDTH
    for above, position in _ask(database, _ABOVE, (level,)):
        yield _name(above, position)


def _read(
    database: Database, level: int, position: int, width: int, growth: Growth | None = None
) -> list[bytes]:
    """Off what it is made of, as far as that can be read. `growth`: that is known already."""
    first = position * TILE_WIDTH
    if level:
        values = (level - 1, first, first + width)
        return [_octets(root) for (root,) in _ask(database, _ROOTS, values)]
    known: Sequence[bytes] = ()
    if growth is not None:
        begin = first - growth.before
        known = growth.leaves[max(0, begin) : max(0, begin + width)]
    unknown = row_hashes(database, first, first + width - len(known))
    try:
        return [*(leaf_hash(each) for each in unknown), *known]
    except ValueError:
        return []


def _ask(database: Database, statement: str, values: Sequence[object]) -> list[Any]:
    """None where one of them holds what cannot be read."""
    try:
        return list(readable(ask(database, place(database, statement), values)))
    except ValueError:
        return []


def _octets(value: object) -> bytes:
    """Nothing, where somebody has put something else: a number would be so many octets."""
    return bytes(value) if isinstance(value, bytes | memoryview) else b""


def _name(level: int, position: int) -> str:
    return f"tiles/{level}/{position}"

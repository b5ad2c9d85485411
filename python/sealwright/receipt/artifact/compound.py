"""Compound files ([MS-CFB]), read so that each sector has one owner: what no stream and no table
owns has to be marked free, and streams share nothing; nothing stands behind the last one."""

import struct
from collections.abc import Iterator

import msgspec

from sealwright.receipt.artifact.misfit import MisfitError

MAGIC = bytes.fromhex("d0cf11e0a1b11ae1")
_HEADER = struct.Struct("<8s16sHHHHH6sIIIIIIIII")
_FREE, _END, _TABLE, _DOUBLE = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD, 0xFFFFFFFC
_NO_ENTRY = 0xFFFFFFFF
_ENTRY = struct.Struct("<64sHBBIII16sIQQIQ")
_STORAGE, _STREAM, _ROOT = 1, 2, 5
_SMALL_SHIFT = 6
_SHIFTS = {3: 9, 4: 12}
"""By the major version: a sector is two to the power of this."""
_LITTLE_ENDIAN = 0xFFFE
_DEEPEST = 64


class Stream(msgspec.Struct, frozen=True):
    """`name`: as it is stored, UTF-16LE without its end."""

    name: bytes
    content: bytes


class Storage(msgspec.Struct, frozen=True):
    name: bytes
    class_id: bytes
    members: "list[Stream | Storage]"


class _Listed(msgspec.Struct, frozen=True):
    name: bytes
    kind: int
    left: int
    right: int
    child: int
    class_id: bytes
    start: int
    size: int


def read_compound(octets: memoryview) -> Storage:
    """The root.

    Raises:
        MisfitError: it is none, or one that could be read in two ways.
    """
    try:
        return _Compound(octets).root()
    except (struct.error, IndexError, RecursionError):
        raise _damaged() from None


class _Compound:
    def __init__(self, octets: memoryview) -> None:
        head = _HEADER.unpack_from(octets)
        major, order, shift, small = head[3:7]
        (tables, directory, _, self._cutoff, small_table, _, doubles, double_count) = head[9:17]
        if head[0] != MAGIC or (order, small) != (_LITTLE_ENDIAN, _SMALL_SHIFT):
            raise _damaged()
        if _SHIFTS.get(major) != shift:
            raise _damaged()
        self._octets = octets
        self._size = 1 << shift
        self._owned: set[int] = set()
        self._next = self._read_table(tables, doubles, double_count)
        entries = self._chain(directory)
        self._entries = [_listed(entries, place) for place in range(0, len(entries), _ENTRY.size)]
        self._seen: set[int] = set()
        self._small_next = _numbers(self._chain(small_table)) if small_table != _END else []
        root = self._entries[0]
        if root.kind != _ROOT:
            raise _damaged()
        self._small = self._chain(root.start)[: root.size] if root.size else b""
        self._small_owned: set[int] = set()

    def root(self) -> Storage:
        root = self._storage(0, 0)
        for number, following in enumerate(self._next):
            if following != _FREE and number not in self._owned:
                raise _damaged()
        if max(self._owned) + 2 != len(self._octets) // self._size:  # the header is before all
            raise _damaged()
        for number, each in enumerate(self._entries):
            if each.kind and number not in self._seen:
                raise _damaged()
        return root

    def _read_table(self, count: int, double: int, double_count: int) -> list[int]:
        places = list(struct.unpack_from("<109I", self._octets, _HEADER.size))
        for _ in range(double_count):
            *more, following = _numbers(self._sector(double))
            self._own(double)
            places += more
            double = following
        if double not in {_END, _FREE}:
            raise _damaged()
        used = places[:count]
        if len(used) != count or any(each != _FREE for each in places[count:]):
            raise _damaged()
        table: list[int] = []
        for place in used:
            self._own(place)
            table += _numbers(self._sector(place))
        sectors = len(self._octets) // self._size - 1
        if len(self._octets) % self._size or any(each != _FREE for each in table[sectors:]):
            raise _damaged()
        for number, following in enumerate(table):
            if (following in {_TABLE, _DOUBLE}) != (number in self._owned):
                raise _damaged()
        return table

    def _sector(self, number: int) -> bytes:
        start = (number + 1) * self._size
        sector = bytes(self._octets[start : start + self._size])
        if len(sector) != self._size:
            raise _damaged()
        return sector

    def _own(self, number: int) -> None:
        if number in self._owned:
            raise _damaged()
        self._owned.add(number)

    def _chain(self, number: int) -> bytes:
        sectors = []
        while number != _END:
            self._own(number)
            sectors.append(self._sector(number))
            number = self._next[number]
        return b"".join(sectors)

    def _small_chain(self, number: int) -> bytes:
        sectors = []
        while number != _END:
            if number in self._small_owned:
                raise _damaged()
            self._small_owned.add(number)
            start = number << _SMALL_SHIFT
            sectors.append(self._small[start : start + (1 << _SMALL_SHIFT)])
            number = self._small_next[number]
        return b"".join(sectors)

    def _storage(self, number: int, depth: int) -> Storage:
        listed = self._entries[number]
        self._seen.add(number)
        if depth > _DEEPEST:
            raise _damaged()
        members = [
            self._storage(each, depth + 1)
            if self._entries[each].kind == _STORAGE
            else self._stream(self._entries[each])
            for each in self._members(listed.child)
        ]
        if len({member.name for member in members}) != len(members):
            raise _damaged()
        return Storage(listed.name, listed.class_id, members)

    def _members(self, number: int) -> Iterator[int]:
        """Of the tree that begins here."""
        waiting = [number]
        while waiting:
            number = waiting.pop()
            if number == _NO_ENTRY:
                continue
            listed = self._entries[number]
            if number in self._seen or listed.kind not in {_STORAGE, _STREAM}:
                raise _damaged()
            self._seen.add(number)
            waiting += (listed.left, listed.right)
            yield number

    def _stream(self, listed: _Listed) -> Stream:
        content = b""
        if listed.size:
            small = listed.size < self._cutoff
            content = (self._small_chain if small else self._chain)(listed.start)
        unit = 1 << _SMALL_SHIFT if listed.size < self._cutoff else self._size
        if not 0 <= len(content) - listed.size < unit:
            raise _damaged()
        return Stream(listed.name, content[: listed.size])


def _listed(entries: bytes, place: int) -> _Listed:
    name, length, kind, _, left, right, child, class_id, _, _, _, start, size = _ENTRY.unpack_from(
        entries, place
    )
    if kind and (not 2 <= length <= len(name) or length % 2):
        raise _damaged()
    return _Listed(name[: max(length - 2, 0)], kind, left, right, child, class_id, start, size)


def _numbers(octets: bytes) -> list[int]:
    return list(struct.unpack(f"<{len(octets) // 4}I", octets))


def _damaged() -> MisfitError:
    return MisfitError("is a compound file that is damaged, or could be read in two ways")

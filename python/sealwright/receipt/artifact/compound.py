"""Compound files ([MS-CFB]), read so that each sector has one owner: what no stream and no table
owns has to be marked free and to be zeros, as has what is left of a sector behind a stream's end,
and streams share nothing; nothing stands behind the last one. Entries and header have zeros where
they say nothing. So nothing has room in it but streams, names and times."""

import struct
from collections.abc import Iterator

import msgspec

from sealwright.receipt.artifact.misfit import MisfitError

MAGIC = bytes.fromhex("d0cf11e0a1b11ae1")
_HEADER = struct.Struct("<8s16sHHHHH6sIIIIIIIII")
_NOTHING = bytes(16)
_CUTOFF = 4096
_MINORS = {0x3B, 0x3E, 0x21}
_FREE, _END, _TABLE, _DOUBLE = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD, 0xFFFFFFFC
_NO_ENTRY = 0xFFFFFFFF
_ENTRY = struct.Struct("<64sHBBIII16sIQQIQ")
_NEIGHBOURS_AT = 68
_OLD = 3
_STORAGE, _STREAM, _ROOT = 1, 2, 5
_SMALL_SHIFT = 6
_SHIFTS = {3: 9, 4: 12}
"""By the major version: a sector is two to the power of this."""
_HEADER_SIZE = 512
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
        class_id, minor, major, order, shift, small, reserved = head[1:8]
        (in_directory, tables, directory, _, self._cutoff, small_table, small_tables) = head[8:15]
        doubles, double_count = head[15:17]
        if head[0] != MAGIC or (order, small) != (_LITTLE_ENDIAN, _SMALL_SHIFT):
            raise _damaged()
        if _SHIFTS.get(major) != shift or minor not in _MINORS or self._cutoff != _CUTOFF:
            raise _damaged()
        if class_id != _NOTHING or any(reserved) or any(octets[_HEADER_SIZE : 1 << shift]):
            raise _damaged()
        self._octets = octets
        self._size = 1 << shift
        self._owned: set[int] = set()
        self._next = self._read_table(tables, doubles, double_count)
        entries = self._chain(directory)
        self._entries = [_listed(entries, place) for place in range(0, len(entries), _ENTRY.size)]
        if in_directory not in {0, len(entries) >> shift} or (in_directory and major == _OLD):
            raise _damaged()
        self._seen: set[int] = set()
        self._small_next = _numbers(self._chain(small_table)) if small_table != _END else []
        if small_tables << shift != len(self._small_next) * 4:
            raise _damaged()
        root = self._entries[0]
        if root.kind != _ROOT:
            raise _damaged()
        self._small = self._chain(root.start) if root.size else b""
        if not 0 <= len(self._small) - root.size < self._size:
            raise _damaged()
        self._small_owned: set[int] = set()

    def root(self) -> Storage:
        root = self._storage(0, 0)
        for number, following in enumerate(self._next):
            if number in self._owned:
                continue
            is_there = number < len(self._octets) // self._size - 1
            if following != _FREE or (is_there and any(self._sector(number))):
                raise _damaged()
        self._check_small()
        if max(self._owned) + 2 != len(self._octets) // self._size:  # the header is before all
            raise _damaged()
        for number, each in enumerate(self._entries):
            if each.kind and number not in self._seen:
                raise _damaged()
        return root

    def _check_small(self) -> None:
        unit = 1 << _SMALL_SHIFT
        for number, following in enumerate(self._small_next):
            # Tools that sign leave ends of chains there, of a signature that was.
            if number not in self._small_owned and following not in {_FREE, _END}:
                raise _damaged()
        for number in range(-(-len(self._small) // unit)):
            if number not in self._small_owned and any(
                self._small[number * unit : (number + 1) * unit]
            ):
                raise _damaged()

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
        if not 0 <= len(content) - listed.size < unit or any(content[listed.size :]):
            raise _damaged()
        return Stream(listed.name, content[: listed.size])


def _listed(entries: bytes, place: int) -> _Listed:
    octets = entries[place : place + _ENTRY.size]
    name, length, kind, colour, left, right, child, class_id, state, *times, start, size = (
        _ENTRY.unpack(octets)
    )
    if not kind:
        # Its neighbours are said to be none, or are zeros too.
        if any(octets[:_NEIGHBOURS_AT] + octets[_NEIGHBOURS_AT + 12 :]) or not (
            {left, right, child} <= {0, _NO_ENTRY}
        ):
            raise _damaged()
    elif (
        not 2 <= length <= len(name)
        or length % 2
        or any((*name[length - 2 :], state))
        or colour > 1
        or not (size or start in {0, _END})
        or (kind == _STORAGE and size)
        or (kind == _STREAM and (child != _NO_ENTRY or class_id != _NOTHING or any(times)))
    ):
        raise _damaged()
    return _Listed(name[: max(length - 2, 0)], kind, left, right, child, class_id, start, size)


def _numbers(octets: bytes) -> list[int]:
    return list(struct.unpack(f"<{len(octets) // 4}I", octets))


def _damaged() -> MisfitError:
    return MisfitError("is a compound file that is damaged, or could be read in two ways")

"""ZIP archives that every reader reads alike (APPNOTE.TXT 6.3): from the first octet to the last
one entry after another, then perhaps an APK's signing block, then the directory, without gaps,
prefixes, comments, or two entries of one name; what headers have beside is known."""

import stat
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from sealwright.receipt.artifact.misfit import MisfitError
from sealwright.receipt.artifact.zip_extra import KIND_64, ExtraError, read_extra

STORED, DEFLATED = 0, 8
_PIECE = 1 << 20
_END = struct.Struct("<4sHHHHIIH")
_END_64 = struct.Struct("<4sQHHIIQQQQ")
_LOCATOR_64 = struct.Struct("<4sIQI")
_CENTRAL = struct.Struct("<4sHHHHHHIIIHHHHHII")
_LOCAL = struct.Struct("<4sHHHHHIIIHH")
_FULL_16, _FULL_32 = 0xFFFF, 0xFFFFFFFF
_DESCRIPTOR, _UTF_8 = 0x0008, 0x0800
_NEWEST = 63  # that a reader has to know
_KNOWN_FLAGS = 0x080E  # compression level, descriptor, names in UTF-8
_IS_TEXT = 1  # the only internal attribute
_EMPTY_DEFLATED = 2


@dataclass(frozen=True, slots=True)
class Entry:
    """`name`: as UTF-8, which JARs have whatever their flags say; `data`: where its octets are."""

    name: str
    method: int
    crc: int
    compressed: int
    size: int
    data: int


@dataclass(frozen=True, slots=True)
class Archive:
    """`entries_end`: where a signing block begins, if there is one; `directory`, `end`: where the
    central directory and its end record begin."""

    octets: memoryview
    entries: dict[str, Entry]
    entries_end: int
    directory: int
    end: int

    def pieces(self, entry: Entry) -> Iterator[bytes]:
        """Its content.

        Raises:
            MisfitError: it is not what the directory says.
        """
        packed = self.octets[entry.data : entry.data + entry.compressed]
        crc = length = 0
        for piece in _stored(packed) if entry.method == STORED else _inflated(packed, entry):
            crc, length = zlib.crc32(piece, crc), length + len(piece)
            if length > entry.size:
                break
            yield piece
        if (crc, length) != (entry.crc, entry.size):
            raise _bent(f"the entry {entry.name!a} is damaged")

    def read(self, name: str, most: int) -> bytes:
        """
        Raises:
            MisfitError: there is no such entry, or it is larger than `most` octets.
        """
        entry = self.entries.get(name)
        if entry is None or entry.size > most:
            raise _bent(f"{name!a} is missing, or too large")
        return b"".join(self.pieces(entry))


@dataclass(slots=True)
class _Directory:
    start: int
    count: int
    end: int
    """Of the directory: where the records of its end begin."""
    entries: list[tuple[int, "_Listed"]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Listed:
    raw_name: bytes
    flags: int
    method: int
    time: tuple[int, int]
    attributes: int
    crc: int
    compressed: int
    size: int
    offset: int


def open_archive(octets: memoryview) -> Archive:
    """
    Raises:
        MisfitError: it is none, or one that could be read in two ways.
    """
    try:
        end = len(octets) - _END.size
        directory = _find_directory(octets, end)
        listed = sorted(_list_entries(octets, directory), key=lambda each: each.offset)
        entries: dict[str, Entry] = {}
        place = 0
        for each in listed:
            if each.offset != place:
                raise _bent("there is something between its entries")
            entry, place = _read_local(octets, each)
            if entry.name in entries:
                raise _bent(f"it has {entry.name!a} twice")
            entries[entry.name] = entry
    except (struct.error, UnicodeDecodeError):
        raise _bent("it is damaged") from None
    if place > directory.start:
        raise _bent("its entries reach into its directory")
    return Archive(octets, entries, place, directory.start, end)


def _find_directory(octets: memoryview, end: int) -> _Directory:
    if end < 0:
        raise _bent("it is too short")
    signature, disk, other, here, count, length, start, comment = _END.unpack_from(octets, end)
    if signature != b"PK\5\6":
        raise _bent("it does not end as one, or has a comment")
    if (disk, other, here, comment) != (0, 0, count, 0):
        raise _bent("it is of several parts")
    until = end
    if count == _FULL_16 or length == _FULL_32 or start == _FULL_32:
        until, count, length, start = _find_directory_64(octets, end)
    if start + length != until:
        raise _bent("its directory does not end where it should")
    return _Directory(start, count, until)


def _find_directory_64(octets: memoryview, end: int) -> tuple[int, int, int, int]:
    locator = end - _LOCATOR_64.size
    signature, disk, until, disks = _LOCATOR_64.unpack_from(octets, locator)
    if (signature, disk, disks) != (b"PK\6\7", 0, 1) or until + _END_64.size != locator:
        raise _bent("its directory does not end where it should")
    signature, size, _, _, disk, other, here, count, length, start = _END_64.unpack_from(
        octets, until
    )
    if (signature, size, disk, other, here) != (b"PK\6\6", _END_64.size - 12, 0, 0, count):
        raise _bent("its directory does not end where it should")
    return until, count, length, start


def _list_entries(octets: memoryview, directory: _Directory) -> Iterator[_Listed]:
    place, count = directory.start, 0
    while place < directory.end:
        head = _CENTRAL.unpack_from(octets, place)
        if head[0] != b"PK\1\2" or head[2] > _NEWEST:
            raise _bent("its directory is damaged")
        flags, method, time, crc, compressed, size = head[3], head[4], head[5:7], *head[7:10]
        name_size, extra_size, comment_size, disk, internal, attributes, offset = head[10:]
        place += _CENTRAL.size
        name = bytes(octets[place : place + name_size])
        if comment_size or disk or internal & ~_IS_TEXT:
            raise _bent(f"the entry {name!a} has a comment, or is of several parts")
        extra = _extra(octets[place + name_size : place + name_size + extra_size], name)
        size, compressed, offset = _large(extra, (size, compressed, offset))
        place += name_size + extra_size
        count += 1
        yield _Listed(name, flags, method, time, attributes, crc, compressed, size, offset)
    if place != directory.end or count != directory.count:
        raise _bent("its directory is damaged")


def _extra(octets: memoryview, name: bytes, *, is_local: bool = False) -> dict[int, bytes]:
    try:
        return read_extra(bytes(octets), is_local=is_local)
    except ExtraError as fault:
        raise _bent(f"the entry {name!a} has {fault}") from None


def _large(extra: dict[int, bytes], fields: tuple[int, int, int]) -> tuple[int, int, int]:
    """Size, compressed size and offset, from the extra field where they are too large."""
    octets = extra.get(KIND_64, b"")
    if len(octets) != 8 * fields.count(_FULL_32):
        raise _bent("its directory is damaged")
    there = iter(struct.unpack(f"<{len(octets) // 8}Q", octets))
    size, compressed, offset = (next(there) if each == _FULL_32 else each for each in fields)
    return size, compressed, offset


def _read_local(octets: memoryview, listed: _Listed) -> tuple[Entry, int]:
    """And where the next one begins."""
    signature, version, flags, method, *time, crc, compressed, size, name_size, extra_size = (
        _LOCAL.unpack_from(octets, listed.offset)
    )
    name_at = listed.offset + _LOCAL.size
    name = listed.raw_name.decode()
    if (
        signature != b"PK\3\4"
        or version > _NEWEST
        or (flags, method, *time) != (listed.flags, listed.method, *listed.time)
        or octets[name_at : name_at + name_size] != listed.raw_name
        or "\0" in name
        or not (name.isascii() or flags & _UTF_8)
    ):
        raise _bent(f"the entry {name!a} says two things of itself")
    _check_kind(name, listed)
    if flags & ~_KNOWN_FLAGS or method not in {STORED, DEFLATED}:
        raise _bent(f"the entry {name!a} is encrypted, or packed in a way that is not known")
    data = name_at + name_size + extra_size
    extra = _extra(octets[name_at + name_size : data], listed.raw_name, is_local=True)
    _check_local_64(extra, (compressed, size), listed)
    after = data + listed.compressed
    said = (crc, compressed, size)
    if flags & _DESCRIPTOR:
        after += _descriptor_size(octets, after, listed, name)
        is_same = all(
            local in {0, true, _FULL_32}
            for local, true in zip(said, (listed.crc, listed.compressed, listed.size), strict=True)
        )
    else:
        is_same = crc == listed.crc and all(
            local in {true, _FULL_32}
            for local, true in ((compressed, listed.compressed), (size, listed.size))
        )
    if not is_same:
        raise _bent(f"the entry {name!a} says two things of itself")
    if after > len(octets) or listed.compressed < 0 or listed.size < 0:
        raise _bent(f"the entry {name!a} is damaged")
    return Entry(name, method, listed.crc, listed.compressed, listed.size, data), after


def _check_kind(name: str, listed: _Listed) -> None:
    """A file, or a directory with nothing in it that could be read."""
    kind = stat.S_IFMT(listed.attributes >> 16)
    if name.endswith("/"):
        empty = _EMPTY_DEFLATED if listed.method == DEFLATED else 0
        if kind not in {0, stat.S_IFDIR} or listed.size or listed.compressed > empty:
            raise _bent(f"the directory {name!a} is something else too")
    elif kind not in {0, stat.S_IFREG}:
        raise _bent(f"the entry {name!a} is no file")
    elif listed.flags & _DESCRIPTOR and listed.method == STORED and listed.size:
        raise _bent(f"where the entry {name!a} ends is said behind it only")


def _check_local_64(extra: dict[int, bytes], said: tuple[int, int], listed: _Listed) -> None:
    """The extra field may say the sizes again, or nothing where they are said behind the entry."""
    octets = extra.get(KIND_64, b"")
    if len(octets) not in {0, 16} or (_FULL_32 in said and not octets):
        raise _bent(f"the entry {listed.raw_name!a} says two things of itself")
    known = {0, listed.size} if listed.flags & _DESCRIPTOR else {listed.size}
    packed = {0, listed.compressed} if listed.flags & _DESCRIPTOR else {listed.compressed}
    if octets:
        size, compressed = struct.unpack("<QQ", octets)
        if size not in known or compressed not in packed:
            raise _bent(f"the entry {listed.raw_name!a} says two things of itself")


def _descriptor_size(octets: memoryview, place: int, listed: _Listed, name: str) -> int:
    for layout in ("<4sIQQ", "<4sIII", "<IQQ", "<III"):
        size = struct.calcsize(layout)
        if place + size > len(octets):
            continue
        there = struct.unpack_from(layout, octets, place)
        numbers = there[1:] if layout.startswith("<4s") else there
        if numbers == (listed.crc, listed.compressed, listed.size) and (
            len(there) == len(numbers) or there[0] == b"PK\7\b"
        ):
            return size
    raise _bent(f"the entry {name!a} says two things of itself")


def _stored(packed: memoryview) -> Iterator[bytes]:
    for place in range(0, len(packed), _PIECE):
        yield bytes(packed[place : place + _PIECE])


def _inflated(packed: memoryview, entry: Entry) -> Iterator[bytes]:
    inflating = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        for place in range(0, len(packed), _PIECE):
            rest = bytes(packed[place : place + _PIECE])
            while rest:
                if inflating.eof:
                    raise _bent(f"there is something behind the entry {entry.name!a}")
                yield inflating.decompress(rest, _PIECE)
                rest = inflating.unconsumed_tail or inflating.unused_data
        while not inflating.eof and (piece := inflating.decompress(b"", _PIECE)):
            yield piece
    except zlib.error:
        raise _bent(f"the entry {entry.name!a} is damaged") from None
    if not inflating.eof:
        raise _bent(f"the entry {entry.name!a} is damaged")


def _bent(what: str) -> MisfitError:
    return MisfitError(f"is a ZIP archive that is not taken for what it looks like: {what}")

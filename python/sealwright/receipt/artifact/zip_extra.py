"""Extra fields of ZIP entries (APPNOTE.TXT 6.3 §4.5, Info-ZIP's proginfo/extrafld.txt): those that
say nothing but sizes, times, owners and padding. No other kind is let pass: to some readers it may
be another name, or it has room for anything."""

import struct
from collections.abc import Callable

KIND_64 = 0x0001
_HEAD = struct.Struct("<HH")
_EACH_64 = 8
_MOST_64 = 3
_NTFS = struct.Struct("<IHH24s")
_NTFS_TIMES = (0, 1, 24)
"""Nothing, then one attribute: three times."""
_TIMES = 3
_ID_OCTETS = (1, 2, 4, 8)
_ALIGNMENT_OCTETS = 2


class ExtraError(Exception):
    """`str()` of it says what it has."""


def read_extra(octets: bytes, *, is_local: bool) -> dict[int, bytes]:
    """By kind. In a local header zeros may end it: older tools align with them.

    Raises:
        ExtraError: it has something else.
    """
    found: dict[int, bytes] = {}
    place = 0
    while place < len(octets):
        if is_local and not any(octets[place:]):
            break
        if len(octets) - place < _HEAD.size:
            raise ExtraError("an extra field that is damaged")
        kind, length = _HEAD.unpack_from(octets, place)
        place += _HEAD.size
        content = octets[place : place + length]
        place += length
        if kind in found or len(content) != length or not _is_known(kind, content):
            raise ExtraError(f"an extra field of a kind that is not known (0x{kind:04x})")
        found[kind] = content
    return found


def _is_known(kind: int, content: bytes) -> bool:
    known = _KINDS.get(kind)
    return known is not None and known(content)


def _is_64(content: bytes) -> bool:
    return len(content) % _EACH_64 == 0 and len(content) <= _EACH_64 * _MOST_64


def _is_unix_times(content: bytes) -> bool:
    """Which of three, and those; in the directory the first alone, whatever is said."""
    if not content or content[0] >> _TIMES:
        return False
    return len(content) in {5, 1 + 4 * content[0].bit_count()}


def _is_ntfs_times(content: bytes) -> bool:
    return len(content) == _NTFS.size and _NTFS.unpack(content)[:3] == _NTFS_TIMES


def _is_unix_owner(content: bytes) -> bool:
    """A version, then user and group, each with its length before it."""
    if len(content) < 2 or content[0] != 1 or content[1] not in _ID_OCTETS:
        return False
    group = content[2 + content[1] :]
    return bool(group) and group[0] in _ID_OCTETS and len(group) == 1 + group[0]


def _is_alignment(content: bytes) -> bool:
    """Of Android: to what, and zeros up to there."""
    return len(content) >= _ALIGNMENT_OCTETS and not any(content[_ALIGNMENT_OCTETS:])


_KINDS: dict[int, Callable[[bytes], bool]] = {
    KIND_64: _is_64,
    0x000A: _is_ntfs_times,
    0x5455: _is_unix_times,
    0x7875: _is_unix_owner,
    0xCAFE: lambda content: not content,  # "this is a JAR"
    0xD935: _is_alignment,
}

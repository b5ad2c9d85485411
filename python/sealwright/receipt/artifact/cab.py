"""Signed cabinets ([MS-CAB], and what tools put into the header's reserved area): the header
but for where the signature is, and all from the folders to the signature, which is the end."""

import struct

from sealwright.receipt.artifact.authenticode import CABINET, check_authenticode
from sealwright.receipt.artifact.misfit import MisfitError
from sealwright.receipt.artifact.pe import without_padding
from sealwright.receipt.row import Row

MAGIC = b"MSCF"
_RESERVE_PRESENT = 4
_FLAGS_AT, _NUMBER_AT = 30, 34
_RESERVED = struct.Struct("<HBBIIII")
"""At 36: sizes of the reserved areas of header, folders and data; then the header's: what kind,
where the signature is, its size, nothing. The last four octets of it, 56 to 59, are hashed."""
_HASHED_FROM = 56
_SIZES = (20, 0, 0)
_KIND = 0x00100000
_ALIGNMENT = 8
_UNHASHED = (slice(4, 8), slice(_NUMBER_AT, 36))
"""Zeros: the checksum, and the number within a set."""


def check_cab(octets: memoryview, row: Row) -> None:
    """
    Raises:
        MisfitError: it does not lead to the row's signature.
    """
    try:
        *sizes, kind, place, length, nothing = _RESERVED.unpack_from(octets, 36)
        (size,) = struct.unpack_from("<I", octets, 8)
        (flags,) = struct.unpack_from("<H", octets, _FLAGS_AT)
    except struct.error:
        raise MisfitError("is no cabinet") from None
    if not flags & _RESERVE_PRESENT or (*sizes, kind, nothing) != (*_SIZES, _KIND, 0):
        raise MisfitError("has no signature, or of a kind that is not known here")
    if any(any(octets[each]) for each in _UNHASHED):
        raise MisfitError("has something in its header that no signature is for")
    if place < _HASHED_FROM + 4 or size != place or place + length != len(octets):
        raise MisfitError("has no signature at its end")
    pieces = (octets[:4], octets[8:_NUMBER_AT], octets[_HASHED_FROM:place])
    signature = without_padding(bytes(octets[place:]), _ALIGNMENT)
    check_authenticode(row, CABINET, signature, map(bytes, pieces))

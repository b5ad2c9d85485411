"""Signed PE images (EXE, DLL, EFI): all but the checksum, the entry that says where the signature
is, and the signature, which is the end of the file."""

import struct
import sys
from array import array

from sealwright.receipt.artifact.authenticode import PE_IMAGE, check_authenticode
from sealwright.receipt.artifact.misfit import MisfitError
from sealwright.receipt.row import Row

MAGIC = b"MZ"
_HEADER_AT = 0x3C
_OPTIONAL = 24  # after "PE\0\0" and the COFF header
_CHECKSUM = 64
_DIRECTORIES = {0x10B: 96, 0x20B: 112}
"""By the optional header's magic: where its data directories begin."""
_SECURITY = 4
_CERTIFICATE = struct.Struct("<IHH")
_REVISION, _PKCS = 0x0200, 0x0002
_ALIGNMENT = 8
_PIECE = 1 << 20


def check_pe(octets: memoryview, row: Row) -> None:
    """
    Raises:
        MisfitError: it does not lead to the row's signature.
    """
    try:
        (header,) = struct.unpack_from("<I", octets, _HEADER_AT)
        optional = header + _OPTIONAL
        (magic,) = struct.unpack_from("<H", octets, optional)
        directories = optional + _DIRECTORIES[magic]
        (count,) = struct.unpack_from("<I", octets, directories - 4)
        entry = directories + 8 * _SECURITY
        place, size = struct.unpack_from("<II", octets, entry)
        (checksum,) = struct.unpack_from("<I", octets, optional + _CHECKSUM)
    except (struct.error, KeyError):
        raise MisfitError("is no PE image") from None
    if bytes(octets[header : header + 4]) != b"PE\0\0" or count <= _SECURITY:
        raise MisfitError("is no PE image")
    if place < entry + 8 or place + size != len(octets) or place % _ALIGNMENT:
        raise MisfitError("has no signature at its end")
    if checksum not in {0, _checksum(octets, optional + _CHECKSUM)}:
        raise MisfitError("was changed: its checksum is another")
    pieces = (
        octets[: optional + _CHECKSUM],
        octets[optional + _CHECKSUM + 4 : entry],
        octets[entry + 8 : place],
    )
    check_authenticode(row, PE_IMAGE, _certificate(octets[place:]), map(bytes, pieces))


def _certificate(table: memoryview) -> bytes:
    """Of its one entry, without the zeros up to its end."""
    if len(table) < _CERTIFICATE.size:
        raise MisfitError("has no signature at its end")
    length, revision, kind = _CERTIFICATE.unpack_from(table)
    whole = length + -length % _ALIGNMENT
    if (revision, kind) != (_REVISION, _PKCS) or whole != len(table):
        raise MisfitError("has another number of signatures than one")
    return without_padding(bytes(table[_CERTIFICATE.size :]), _ALIGNMENT)


def without_padding(octets: bytes, most: int) -> bytes:
    """A DER value, without fewer than `most` zeros behind it."""
    length = _der_size(octets)
    rest = octets[length:]
    if len(rest) >= most or any(rest):
        raise MisfitError("has something behind its signature")
    return octets[:length]


def _der_size(octets: bytes) -> int:
    if len(octets) < 2 or octets[1] < 0x80:
        return 2 + (octets[1] if len(octets) > 1 else 0)
    count = octets[1] & 0x7F
    return 2 + count + int.from_bytes(octets[2 : 2 + count])


def _checksum(octets: memoryview, place: int) -> int:
    """The sum of 16-bit words with carries added in, the checksum's own as zeros, and the size."""
    total = 0
    for start in range(0, len(octets), _PIECE):
        piece = bytes(octets[start : start + _PIECE])
        words = array("H", piece + b"\0" * (len(piece) % 2))
        if sys.byteorder == "big":
            words.byteswap()
        total += sum(words)
    for half in struct.unpack_from("<HH", octets, place):
        total -= half
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total + len(octets)

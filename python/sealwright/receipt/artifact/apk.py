"""APK Signature Schemes v2 and v3 (source.android.com, "APK signing"): a block between the entries
and the directory of a ZIP archive, with the hashes of all that is around it.

Stricter than its verifiers: the row is that of the newest scheme, which they look at first, and the
others, for older ones, have the same certificate; in the block there is nothing else."""

import hashlib
import struct

import msgspec

from sealwright.receipt.artifact.misfit import MisfitError
from sealwright.receipt.artifact.signed import check_signed, spellings
from sealwright.receipt.artifact.zip_archive import Archive
from sealwright.receipt.row import Row

_MAGIC = b"APK Sig Block 42"
_SCHEMES = {0x1B93AD61: "v3.1", 0xF05368C0: "v3", 0x7109871A: "v2"}
"""The newest first."""
_PADDING = 0x42726577
_HASHES = {
    0x0101: "sha256",
    0x0102: "sha512",
    0x0103: "sha256",
    0x0104: "sha512",
    0x0201: "sha256",
    0x0202: "sha512",
}
"""By the id of the signature's algorithm; those with fs-verity are not known here."""
_CHUNK = 1 << 20
_DIRECTORY_AT = 16
"""In the record of the directory's end: where that begins."""
_ALIGNMENT = 4096
"""Before the block there may be zeros, so that it begins at a multiple of this."""
_SMALLEST_BLOCK = 32
_PAIR = struct.Struct("<QI")
_LEVELS = 8
_NOTHING = bytes(4)
_V2 = "v2"


class _Reader:
    """Fields with their length before them, little-endian."""

    def __init__(self, octets: memoryview) -> None:
        self._rest = octets

    def __bool__(self) -> bool:
        return bool(self._rest)

    def field(self) -> memoryview:
        return self.take(int.from_bytes(self.take(4), "little"))

    def fields(self) -> list[memoryview]:
        """Of a sequence of them, which is a field."""
        inner, found = _Reader(self.field()), []
        while inner:
            found.append(inner.field())
        return found

    def take(self, length: int) -> memoryview:
        if length > len(self._rest):
            raise _damaged()
        taken, self._rest = self._rest[:length], self._rest[length:]
        return taken


class _Block(msgspec.Struct, frozen=True):
    """`start`: where it begins; `values`: by their id."""

    start: int
    values: dict[int, memoryview]


def has_block(archive: Archive) -> bool:
    return archive.entries_end != archive.directory


def check_block(archive: Archive) -> _Block:
    """What stands between entries and directory.

    Raises:
        MisfitError: no signing block, or one that is damaged.
    """
    tail = archive.octets[archive.entries_end : archive.directory]
    if len(tail) < _SMALLEST_BLOCK or tail[-16:] != _MAGIC:
        raise MisfitError("has something before its directory that is no APK signing block")
    (size,) = struct.unpack_from("<Q", tail, len(tail) - 24)
    padding = len(tail) - 8 - size
    if (
        not 0 <= padding < _ALIGNMENT
        or any(tail[:padding])
        or struct.unpack_from("<Q", tail, padding) != (size,)
    ):
        raise _damaged()
    return _Block(archive.entries_end + padding, _values(tail[padding + 8 : -24]))


def check_apk(archive: Archive, row: Row) -> str:
    """The scheme.

    Raises:
        MisfitError: none of these schemes leads to the row's signature.
    """
    block = check_block(archive)
    signers = {
        scheme: _signer(block.values[id_], scheme)
        for id_, scheme in _SCHEMES.items()
        if id_ in block.values
    }
    newest = next(iter(signers), None)
    if newest is None:
        raise MisfitError("carries no signature that covers all of it")
    signer = signers[newest]
    if any(other.certificate != signer.certificate for other in signers.values()):
        raise MisfitError("is signed with several certificates")
    if signer.signature not in spellings(row):
        raise MisfitError(f"does not carry the signature of this row as APK {newest}")
    if _HASHES.get(signer.algorithm) is None or signer.algorithm not in signer.digests:
        raise MisfitError("is signed in a way that is not known here")
    check_signed(row, signer.signed, signer.certificate)
    if signer.digests[signer.algorithm] != _content_digest(
        archive, block, _HASHES[signer.algorithm]
    ):
        raise MisfitError("was changed after it was signed")
    return newest


class _Signer(msgspec.Struct, frozen=True):
    """`digests`: by the id of their algorithm; `certificate`: DER."""

    signed: bytes
    algorithm: int
    signature: bytes
    digests: dict[int, bytes]
    certificate: bytes


def _signer(value: memoryview, scheme: str) -> _Signer:
    """The one that there is, with its one signature."""
    outer = _Reader(value)
    signers = outer.fields()
    if len(signers) != 1 or outer:
        raise MisfitError("is signed by another number of signers than one")
    reader = _Reader(signers[0])
    signed = reader.field()
    if scheme != _V2:
        reader.take(_LEVELS)  # the first and the last API level, which are signed too
    signatures = reader.fields()
    reader.field()  # the certificate's key
    inner = _Reader(signed)
    digests = {struct.unpack_from("<I", each)[0]: bytes(each[8:]) for each in inner.fields()}
    certificates = inner.fields()
    if len(signatures) != 1 or not certificates or reader:
        raise MisfitError("is signed in a way that is not known here")
    (algorithm,) = struct.unpack_from("<I", signatures[0])
    return _Signer(
        bytes(signed), algorithm, bytes(signatures[0][8:]), digests, bytes(certificates[0])
    )


def _content_digest(archive: Archive, block: _Block, name: str) -> bytes:
    """Of entries, directory and its end, which is read as if there were no block."""
    octets = archive.octets
    end = bytearray(octets[archive.end :])
    struct.pack_into("<I", end, _DIRECTORY_AT, block.start)
    chunks = []
    for section in (
        octets[: block.start],
        octets[archive.directory : archive.end],
        memoryview(end),
    ):
        for place in range(0, len(section), _CHUNK):
            chunk = section[place : place + _CHUNK]
            hashed = hashlib.new(name, b"\xa5" + len(chunk).to_bytes(4, "little"))
            hashed.update(chunk)
            chunks.append(hashed.digest())
    top = b"\x5a" + len(chunks).to_bytes(4, "little")
    return hashlib.new(name, top + b"".join(chunks)).digest()


def _values(rest: memoryview) -> dict[int, memoryview]:
    values: dict[int, memoryview] = {}
    while rest:
        if len(rest) < _PAIR.size:
            raise _damaged()
        length, id_ = _PAIR.unpack_from(rest)
        if not 4 <= length <= len(rest) - 8 or id_ in values:
            raise _damaged()
        value = rest[_PAIR.size : 8 + length]
        if id_ not in _SCHEMES and (id_ != _PADDING or any(value)):
            raise MisfitError("has something in its APK signing block that no signature is for")
        values[id_] = value
        rest = rest[8 + length :]
    return values


def _damaged() -> MisfitError:
    return MisfitError("has an APK signing block that is damaged")

"""Authenticode (Microsoft, "Windows Authenticode Portable Executable Signature Format"): a CMS
whose content names the hash of what the file is without it."""

import hashlib
from collections.abc import Iterable

from sealwright.receipt.artifact import der
from sealwright.receipt.artifact.cms import HASH_NAMES, check_signature, read_signature
from sealwright.receipt.artifact.misfit import MisfitError
from sealwright.receipt.row import Row

PE_IMAGE = bytes.fromhex("060a2b06010401823702010f")  # 1.3.6.1.4.1.311.2.1.15
CABINET = bytes.fromhex("060a2b060104018237020119")  # 1.3.6.1.4.1.311.2.1.25
SUBJECT_PACKAGE = bytes.fromhex("060a2b06010401823702011e")  # 1.3.6.1.4.1.311.2.1.30
"""What the signed content says that the file is; in DER."""
_INDIRECT = bytes.fromhex("060a2b060104018237020104")  # 1.3.6.1.4.1.311.2.1.4


def check_authenticode(row: Row, kind: bytes, octets: bytes, hashed: Iterable[bytes]) -> None:
    """
    Args:
        octets: the CMS.
        hashed: what the file's hash is over, in pieces.

    Raises:
        MisfitError: it does not lead to the row's signature.
    """
    signed = read_signature(row, octets)
    if signed.content_type != _INDIRECT or signed.content is None:
        raise MisfitError("has a signature of another kind")
    check_signature(row, signed)
    try:  # SpcIndirectDataContent
        data, info = der.values(signed.content)
        type_, *_ = data.fields()
        algorithm, value = der.pair(info)
        digest = value.of(der.OCTETS).content
        name = HASH_NAMES.get(algorithm.fields()[0].octets)
    except (ValueError, IndexError):
        raise MisfitError("has a signature of another kind") from None
    if type_.octets != kind or name is None:
        raise MisfitError("has a signature of another kind, or with a hash that is not SHA-2")
    hash_ = hashlib.new(name)
    for piece in hashed:
        hash_.update(piece)
    if hash_.digest() != digest:
        raise MisfitError("was changed after it was signed")

"""Authenticode (Microsoft, "Windows Authenticode Portable Executable Signature Format"): a CMS
whose content names the hash of what the file is without it."""

import hashlib
from collections.abc import Iterable

from asn1crypto import algos, core

from sealwright.receipt.artifact.cms import check_signature, der_length, parse_signed_data
from sealwright.receipt.artifact.misfit import MisfitError
from sealwright.receipt.artifact.signed import HASHES
from sealwright.receipt.row import Row

PE_IMAGE = "1.3.6.1.4.1.311.2.1.15"
CABINET = "1.3.6.1.4.1.311.2.1.25"
SUBJECT_PACKAGE = "1.3.6.1.4.1.311.2.1.30"
"""What the signed content says that the file is."""
_INDIRECT = "1.3.6.1.4.1.311.2.1.4"


class _TypeAndValue(core.Sequence):  # type: ignore[misc]
    _fields = [("type", core.ObjectIdentifier), ("value", core.Any, {"optional": True})]  # noqa: RUF012


class _Indirect(core.Sequence):  # type: ignore[misc]
    """SpcIndirectDataContent."""

    _fields = [("data", _TypeAndValue), ("digest", algos.DigestInfo)]  # noqa: RUF012


def check_authenticode(row: Row, kind: str, octets: bytes, hashed: Iterable[bytes]) -> None:
    """
    Args:
        octets: the CMS.
        hashed: what the file's hash is over, in pieces.

    Raises:
        MisfitError: it does not lead to the row's signature.
    """
    signed = parse_signed_data(octets)
    if signed.content_type != _INDIRECT or signed.content is None:
        raise MisfitError("has a signature of another kind")
    try:
        content = _Indirect.load(
            b"\x30" + der_length(len(signed.content)) + signed.content, strict=True
        )
        is_kind = content["data"]["type"].dotted == kind
        name = content["digest"]["digest_algorithm"]["algorithm"].native
        digest = content["digest"]["digest"].native
    except (ValueError, TypeError, KeyError):
        raise MisfitError("has a signature of another kind") from None
    if not is_kind or name not in HASHES:
        raise MisfitError("has a signature of another kind, or with a hash that is not SHA-2")
    check_signature(row, signed)
    hash_ = hashlib.new(name)
    for piece in hashed:
        hash_.update(piece)
    if hash_.digest() != digest:
        raise MisfitError("was changed after it was signed")

"""CMS SignedData (RFC 5652, PKCS#7) down to the octets that are signed. DER alone."""

import hashlib
from collections.abc import Callable
from typing import Any

import msgspec
from asn1crypto import cms, core

from sealwright.receipt.artifact.misfit import MisfitError
from sealwright.receipt.artifact.signed import HASHES, check_signed, spellings
from sealwright.receipt.row import Row

_FILES = ("1.2.840.113549.1.7.1", "1.3.6.1.4.1.311.10.1")
"""The content that is a file of its own: data, and a catalogue of files (.cat). Whatever else is
signed is about something outside of it."""
_SIGNED_DATA = "1.2.840.113549.1.7.2"
_SET_OF = b"\x31"
_CONTENT_TYPE, _MESSAGE_DIGEST = "1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4"


class Signer(msgspec.Struct, frozen=True):
    """`attributes`: as they are signed, None if the content itself is; `issuer`: DER."""

    hash: str
    attributes: bytes | None
    signature: bytes
    issuer: bytes
    serial: int


class SignedData(msgspec.Struct, frozen=True):
    """`content`: what message digests are over (without the tag and length of what is in it), None
    if it is elsewhere; `certificates`: DER."""

    content_type: str
    content: bytes | None
    signers: tuple[Signer, ...]
    certificates: tuple[bytes, ...]


def parse_signed_data(octets: bytes) -> SignedData:
    """
    Raises:
        MisfitError: this is none, or something stands behind it.
    """
    try:
        info = cms.ContentInfo.load(octets, strict=True)
        if info["content_type"].dotted != _SIGNED_DATA:
            raise ValueError
        signed = info["content"]
        content = signed["encap_content_info"]
        certificates = tuple(each.chosen.dump() for each in signed["certificates"] or ())
        return SignedData(
            content["content_type"].dotted,
            _content(content["content"]),
            tuple(map(_signer, signed["signer_infos"])),
            certificates,
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise MisfitError("has a signature that is no CMS") from None


def check_signature(row: Row, signed: SignedData, content: bytes | None = None) -> None:
    """That this is a signature of the row, and over `content` (else over what is in it).

    Raises:
        MisfitError: it is not.
    """
    signature = spellings(row)
    signers = [each for each in signed.signers if each.signature in signature]
    if len(signers) != 1:
        raise MisfitError("does not carry the signature of this row")
    check_signer(signers[0], signed, content, _of_row(row))


def check_file_content(row: Row, signed: SignedData, content: bytes | None = None) -> None:
    """The same, of a signature that is a file of its own, or beside one.

    Raises:
        MisfitError: it is not, or is part of another format.
    """
    if signed.content_type not in _FILES:
        raise MisfitError("is a signature out of a file of another format")
    check_signature(row, signed, content)


Check = Callable[[bytes, bytes], None]
"""Of what is signed, and the certificate."""


def _of_row(row: Row) -> Check:
    return lambda message, certificate: check_signed(row, message, certificate)


def check_signer(signer: Signer, signed: SignedData, content: bytes | None, check: Check) -> None:
    """
    Raises:
        MisfitError: what it signed is not `content`, or as `check`.
    """
    if content is None:
        content = signed.content
    if content is None:
        raise MisfitError("is a detached signature: give what it is of, and this with --signature")
    if signed.content is not None and content != signed.content:
        raise MisfitError("has a signature of something else")
    named = [
        each for each in signed.certificates if _identity(each) == (signer.issuer, signer.serial)
    ]
    if len(set(named)) != 1:
        raise MisfitError("lacks the certificate that its signature names")
    message = content
    if signer.attributes is not None:
        _check_attributes(signer, signed.content_type, content)
        message = signer.attributes
    check(message, named[0])


def _check_attributes(signer: Signer, content_type: str, content: bytes) -> None:
    if signer.hash not in HASHES:
        raise MisfitError("has a digest that is not of SHA-2")
    digest = hashlib.new(signer.hash, content).digest()
    try:
        values = _attributes(signer.attributes or b"")
    except (ValueError, TypeError, KeyError):
        raise MisfitError("has a signature with attributes that cannot be read") from None
    if values.get(_MESSAGE_DIGEST) != [core.OctetString(digest).dump()]:
        raise MisfitError("was changed after it was signed")
    if values.get(_CONTENT_TYPE) != [core.ObjectIdentifier(content_type).dump()]:
        raise MisfitError("has a signature of content of another kind")


def _attributes(octets: bytes) -> dict[str, list[bytes]]:
    """By type, all values in DER."""
    values: dict[str, list[bytes]] = {}
    for attribute in cms.CMSAttributes.load(octets, strict=True):
        values.setdefault(attribute["type"].dotted, []).extend(
            value.dump() for value in attribute["values"]
        )
    return values


def _content(value: Any) -> bytes | None:
    """An OCTET STRING's octets, or what is in whatever else stands there (PKCS#7)."""
    if value is None or isinstance(value, core.Void):
        return None
    if isinstance(value, core.Any):
        return bytes(value.parsed.contents)
    return bytes(value)


def _signer(info: Any) -> Signer:
    sid = info["sid"].chosen
    attributes = info["signed_attrs"]
    signed = None
    if not isinstance(attributes, core.Void):
        # As a SET OF, whose tag and length stand for those that it has here (RFC 5652 §5.4).
        signed = _SET_OF + der_length(len(attributes.contents)) + attributes.contents
    return Signer(
        info["digest_algorithm"]["algorithm"].native,
        signed,
        info["signature"].native,
        sid["issuer"].dump(),
        sid["serial_number"].native,
    )


def _identity(certificate: bytes) -> tuple[bytes, int]:
    from asn1crypto import x509

    fields = x509.Certificate.load(certificate)["tbs_certificate"]
    return fields["issuer"].dump(), fields["serial_number"].native


def der_length(length: int) -> bytes:
    if length < 0x80:
        return bytes([length])
    octets = length.to_bytes((length.bit_length() + 7) // 8)
    return bytes([0x80 | len(octets)]) + octets

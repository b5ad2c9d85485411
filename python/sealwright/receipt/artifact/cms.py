"""CMS SignedData (RFC 5652, PKCS#7) down to the octets that are signed. DER alone, with the fields
that are told here and no others: one signer, the certificates of its chain, no revocation lists,
and unsigned attributes only for timestamps. So nothing has room in it that nobody signed but what
certificates and timestamps have."""

import hashlib

import msgspec

from sealwright.receipt.artifact import der
from sealwright.receipt.artifact.der import DerError, Value
from sealwright.receipt.artifact.misfit import MisfitError
from sealwright.receipt.artifact.signed import HASHES, check_signed, spellings
from sealwright.receipt.row import Row


def _oid(content: str) -> bytes:
    """In DER. `content`: in hex."""
    return bytes([der.OBJECT, len(content) // 2]) + bytes.fromhex(content)


_SIGNED_DATA = _oid("2a864886f70d010702")  # 1.2.840.113549.1.7.2
_DATA = _oid("2a864886f70d010701")  # 1.2.840.113549.1.7.1
_FILES = (_DATA, _oid("2b0601040182370a01"))  # 1.3.6.1.4.1.311.10.1
"""The content that is a file of its own: data, and a catalogue of files (.cat). Whatever else is
signed is about something outside of it."""
_TIME = _oid("2a864886f70d0109100104")  # 1.2.840.113549.1.9.16.1.4, the content of a timestamp
_CONTENT_TYPE = _oid("2a864886f70d010903")  # 1.2.840.113549.1.9.3
_MESSAGE_DIGEST = _oid("2a864886f70d010904")  # 1.2.840.113549.1.9.4
_PSS = _oid("2a864886f70d01010a")  # 1.2.840.113549.1.1.10
_SCHEMES = {
    _PSS,
    _oid("2a864886f70d010101"),  # 1.2.840.113549.1.1.1, rsaEncryption
    *(_oid(f"2a864886f70d0101{last:02x}") for last in (11, 12, 13)),  # with SHA-2
    _oid("2a8648ce3d0201"),  # 1.2.840.10045.2.1, id-ecPublicKey, which PKCS#7 has
    *(_oid(f"2a8648ce3d0403{last:02x}") for last in (2, 3, 4)),  # 1.2.840.10045.4.3, with SHA-2
    _oid("2b6570"),  # 1.3.101.112, Ed25519
}
_TIMESTAMPS = {
    _oid("2a864886f70d010910020e"),  # 1.2.840.113549.1.9.16.2.14
    _oid("2b060104018237030301"),  # 1.3.6.1.4.1.311.3.3.1
}
HASH_NAMES = {_oid(f"6086480165030402{last:02x}"): name for last, name in enumerate(HASHES, 1)}
"""2.16.840.1.101.3.4.2.1 to 3."""
_SET_OF = b"\x31"
_FIRST, _SECOND = 0xA0, 0xA1
"""Tags of what is optional."""
_LARGEST = 256 << 10
"""Octets beside the content."""
_MOST_CERTIFICATES = 16
_LONGEST_ALGORITHM = 128
_NO_PARAMETERS = (b"", b"\x05\x00")


class Signer(msgspec.Struct, frozen=True):
    """`attributes`: as they are signed, None if the content itself is; `issuer` (a name) and
    `serial`: DER."""

    hash: str
    attributes: bytes | None
    signature: bytes
    issuer: bytes
    serial: bytes


class Certificate(msgspec.Struct, frozen=True):
    """All in DER."""

    octets: bytes
    serial: bytes
    issuer: bytes
    subject: bytes


class SignedData(msgspec.Struct, frozen=True):
    """`content_type`: DER; `content`: what message digests are over (without the tag and length of
    what is in it), None if it is elsewhere."""

    content_type: bytes
    content: bytes | None
    signer: Signer
    certificates: tuple[Certificate, ...]


def read_signature(row: Row, octets: bytes) -> SignedData:
    """One with the row's signature, which is looked for before anything else.

    Raises:
        MisfitError: this is none, or has something else in it.
    """
    signature = spellings(row)
    if not any(each in octets for each in signature):
        raise MisfitError("does not carry the signature of this row")
    try:
        signed = _signed_data(octets)
    except (DerError, IndexError, ValueError):
        raise MisfitError(
            "has a signature that is no CMS in DER, or one with more in it than is known here"
        ) from None
    if signed.signer.signature not in signature:
        raise MisfitError("does not carry the signature of this row")
    return signed


def check_signature(row: Row, signed: SignedData, content: bytes | None = None) -> None:
    """That this is a signature of the row, and over `content` (else over what is in it).

    Raises:
        MisfitError: it is not.
    """
    signer = signed.signer
    if content is None:
        content = signed.content
    if content is None:
        raise MisfitError("is a detached signature: give what it is of, and this with --signature")
    if signed.content is not None and content != signed.content:
        raise MisfitError("has a signature of something else")
    certificate = _chain(signed)
    message = content
    if signer.attributes is not None:
        _check_attributes(signer, signed.content_type, content)
        message = signer.attributes
    check_signed(row, message, certificate.octets)


def check_file_content(row: Row, signed: SignedData, content: bytes | None = None) -> None:
    """The same, of a signature that is a file of its own, or beside one.

    Raises:
        MisfitError: it is not, or is part of another format.
    """
    if signed.content_type not in _FILES:
        raise MisfitError("is a signature out of a file of another format")
    check_signature(row, signed, content)


def _chain(signed: SignedData) -> Certificate:
    """The signer's certificate; all others are in its chain, by their names."""
    signer = signed.signer
    waiting = list(signed.certificates)
    named = [
        each for each in waiting if (each.issuer, each.serial) == (signer.issuer, signer.serial)
    ]
    if len(named) != 1:
        raise MisfitError("lacks the certificate that its signature names")
    waiting.remove(named[0])
    issuer = named[0].issuer
    while above := [each for each in waiting if each.subject == issuer]:
        waiting.remove(above[0])
        issuer = above[0].issuer
    if waiting:
        raise MisfitError("has a certificate that is not in the chain of its signature")
    return named[0]


def _check_attributes(signer: Signer, content_type: bytes, content: bytes) -> None:
    digest = hashlib.new(signer.hash, content).digest()
    try:
        attributes = [
            der.pair(each) for each in der.value(signer.attributes or b"").fields(der.SET)
        ]
        found = [type_.octets for type_, _ in attributes]
        values = {type_.octets: each.of(der.SET).content for type_, each in attributes}
    except (DerError, IndexError):
        raise MisfitError("has a signature with attributes that cannot be read") from None
    if len(set(found)) != len(found):
        raise MisfitError("has a signature with an attribute twice")
    if values.get(_MESSAGE_DIGEST) != bytes([der.OCTETS, len(digest)]) + digest:
        raise MisfitError("was changed after it was signed")
    if values.get(_CONTENT_TYPE) != content_type:
        raise MisfitError("has a signature of content of another kind")


def _signed_data(octets: bytes) -> SignedData:
    type_, explicit = der.pair(der.value(octets))
    if type_.octets != _SIGNED_DATA:
        raise DerError
    (signed,) = explicit.fields(_FIRST)
    version, hashes, encapsulated, *certificates, signers = signed.fields()
    (signer,) = signers.fields(der.SET)
    (hash_,) = hashes.fields(der.SET)
    beside = b"".join(each.octets for each in (version, hashes, *certificates, signers))
    if len(beside) > _LARGEST:
        raise DerError
    der.check(beside)
    _check_number(version)
    if len(certificates) != 1:
        raise DerError
    found = certificates[0].fields(_FIRST)
    if len(found) > _MOST_CERTIFICATES:
        raise DerError
    content_type, content = _content(encapsulated)
    read, algorithm = _signer(signer)
    if hash_.octets != algorithm.octets:
        raise DerError
    return SignedData(content_type, content, read, tuple(map(_certificate, found)))


def _content(encapsulated: Value) -> tuple[bytes, bytes | None]:
    """Of an OCTET STRING its octets; else what is in the SEQUENCE that stands there (PKCS#7)."""
    type_, *rest = encapsulated.fields()
    type_.of(der.OBJECT)
    if not rest:
        return type_.octets, None
    (explicit,) = rest
    (content,) = explicit.fields(_FIRST)
    if content.tag != der.OCTETS and (type_.octets == _DATA or content.tag != der.SEQUENCE):
        raise DerError
    return type_.octets, content.content


def _signer(info: Value) -> tuple[Signer, Value]:
    """And the algorithm of its digest."""
    version, sid, hash_, *rest = info.fields()
    _check_number(version)
    issuer, serial = der.pair(sid)
    signed = None
    if rest and rest[0].tag == _FIRST:
        # As a SET OF, whose tag stands for the one that it has here (RFC 5652 §5.4).
        signed = _SET_OF + rest.pop(0).octets[1:]
    if rest and rest[-1].tag == _SECOND:
        _check_unsigned(rest.pop())
    algorithm, signature = rest
    type_, parameters = _algorithm(hash_)
    of_signature, of_scheme = _algorithm(algorithm)
    if parameters not in _NO_PARAMETERS:
        raise DerError
    if of_signature not in _SCHEMES or (of_scheme not in _NO_PARAMETERS and of_signature != _PSS):
        raise DerError
    if type_ not in HASH_NAMES:
        raise MisfitError("has a digest that is not of SHA-2")
    return Signer(
        HASH_NAMES[type_],
        signed,
        signature.of(der.OCTETS).content,
        issuer.of(der.SEQUENCE).octets,
        serial.of(der.INTEGER).octets,
    ), hash_


def _algorithm(identifier: Value) -> tuple[bytes, bytes]:
    """Its object identifier, and its parameters, if it has some."""
    type_, *parameters = identifier.fields()
    if len(parameters) > 1 or len(identifier.octets) > _LONGEST_ALGORITHM:
        raise DerError
    return type_.of(der.OBJECT).octets, b"".join(each.octets for each in parameters)


def _check_unsigned(attributes: Value) -> None:
    found = [der.pair(each) for each in attributes.fields(_SECOND)]
    if not found or len({type_.octets for type_, _ in found}) != len(found):
        raise DerError
    for type_, tokens in found:
        (token,) = tokens.fields(der.SET)
        if type_.octets not in _TIMESTAMPS or _signed_data(token.octets).content_type != _TIME:
            raise DerError


def _check_number(version: Value) -> None:
    if len(version.of(der.INTEGER).content) != 1:
        raise DerError


def _certificate(certificate: Value) -> Certificate:
    signed, algorithm, signature = certificate.fields()
    fields = signed.fields()
    if fields[0].tag == _FIRST:
        del fields[0]  # the version
    serial, _, issuer, _, subject = fields[:5]
    _algorithm(algorithm)
    signature.of(der.BITS)
    return Certificate(
        certificate.octets,
        serial.of(der.INTEGER).octets,
        issuer.of(der.SEQUENCE).octets,
        subject.of(der.SEQUENCE).octets,
    )

"""Tokens: who was shown which digest, and when (RFC 3161 §2.4.2, as a CMS of RFC 5652)."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from controlplane.timestamps import der
from controlplane.timestamps.request import Request

ACCURACY_SECONDS = 1
"""That the time in a token may be off: tokens tell whole seconds."""

# Without parameters, as RFC 5754 has it (§2, §3.3).
_SHA256 = der.sequence(der.object_identifier("2.16.840.1.101.3.4.2.1"))
_ECDSA_WITH_SHA256 = der.sequence(der.object_identifier("1.2.840.10045.4.3.2"))
_SIGNED_DATA = der.object_identifier("1.2.840.113549.1.7.2")
_TST_INFO = der.object_identifier("1.2.840.113549.1.9.16.1.4")
_CONTENT_TYPE = der.object_identifier("1.2.840.113549.1.9.3")
_MESSAGE_DIGEST = der.object_identifier("1.2.840.113549.1.9.4")
_SIGNING_CERTIFICATE_V2 = der.object_identifier("1.2.840.113549.1.9.16.2.47")
_DIRECTORY_NAME = 4  # of a GeneralName


@dataclass(frozen=True, slots=True)
class Unit:
    """What signs tokens (the TSU of RFC 3628), on P-256. `chain`: its own certificate first, the
    root not in it."""

    key: ec.EllipticCurvePrivateKey
    chain: tuple[x509.Certificate, ...]


@dataclass(frozen=True, slots=True)
class Told:
    """What a token says beside what was asked."""

    policy: str  # OID
    serial: int
    at: datetime


def make_token(unit: Unit, request: Request, told: Told) -> bytes:
    """DER of its ContentInfo."""
    info = _info(request, told)
    chain = sorted(each.public_bytes(Encoding.DER) for each in unit.chain)
    signed = der.sequence(
        der.integer(3),
        der.set_of(_SHA256),
        der.sequence(_TST_INFO, der.in_context(0, der.octets(info))),
        der.in_context(0, *chain) if request.wants_chain else b"",
        der.set_of(_signer_info(unit, info)),
    )
    return der.sequence(_SIGNED_DATA, der.in_context(0, signed))


def _info(request: Request, told: Told) -> bytes:
    """TSTInfo. `ordering` is false, and so left out, as DER has it."""
    return der.sequence(
        der.integer(1),
        der.object_identifier(told.policy),
        request.imprint,
        der.integer(told.serial),
        der.time(told.at),
        der.sequence(der.integer(ACCURACY_SECONDS)),
        b"" if request.nonce is None else der.integer(request.nonce),
    )


def _signer_info(unit: Unit, info: bytes) -> bytes:
    certificate = unit.chain[0]
    issuer, serial = certificate.issuer.public_bytes(), der.integer(certificate.serial_number)
    attributes = sorted(
        (
            _attribute(_CONTENT_TYPE, _TST_INFO),
            _attribute(_MESSAGE_DIGEST, der.octets(hashlib.sha256(info).digest())),
            _attribute(_SIGNING_CERTIFICATE_V2, _name(certificate, issuer, serial)),
        )
    )
    signature = unit.key.sign(der.element(der.SET, *attributes), ec.ECDSA(SHA256()))
    return der.sequence(
        der.integer(1),
        der.sequence(issuer, serial),
        _SHA256,
        der.in_context(0, *attributes),
        _ECDSA_WITH_SHA256,
        der.octets(signature),
    )


def _attribute(oid: bytes, value: bytes) -> bytes:
    return der.sequence(oid, der.set_of(value))


def _name(certificate: x509.Certificate, issuer: bytes, serial: bytes) -> bytes:
    """SigningCertificateV2 of one ESSCertIDv2 (RFC 5816 §2.2.1), whose hash is SHA-256 where it
    names none."""
    hash_ = hashlib.sha256(certificate.public_bytes(Encoding.DER)).digest()
    names = der.sequence(der.in_context(_DIRECTORY_NAME, issuer))
    return der.sequence(der.sequence(der.sequence(der.octets(hash_), der.sequence(names, serial))))

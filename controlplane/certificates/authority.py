"""The built-in CA: a root, an intermediate that issues, and certificates for code signing; and the
same for timestamps, under the same root.

All on P-384: as strong as the strongest signer, made in no time, and read by every verifier that
knows the CA/B Forum's code-signing rules.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import load_der_public_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from controlplane.algorithms.kinds import certificate_hash
from controlplane.algorithms.scheme import PrivateKey
from controlplane.certificates.reading import describe
from controlplane.certificates.subject import to_name
from controlplane.domain.model import Certificate
from controlplane.domain.subject import Subject
from controlplane.errors import Code, Refused

ROOT_YEARS = 25
INTERMEDIATE_YEARS = 15
TIMESTAMPING_DAYS = 4106  # never more than 135 months (CSBR 6.3.2)
_CLOCK_SKEW = timedelta(minutes=5)
_SHORTEST = timedelta(days=1) - 2 * _CLOCK_SKEW
_SERIAL_BITS = 127  # a positive INTEGER of 16 octets


@dataclass(frozen=True, slots=True)
class Issuer:
    """`chain`: the issuer's own certificate first, root last."""

    key: PrivateKey
    chain: tuple[x509.Certificate, ...]


def make_root(key: PrivateKey, now: datetime) -> x509.Certificate:
    name = _authority_name("Root")
    start = now - _CLOCK_SKEW
    builder = _builder(name, name, key.public_key(), start, _years(now, ROOT_YEARS))
    return _finish_authority(builder, key, path_length=1)


def make_intermediate(
    root: Issuer, public_key: CertificatePublicKeyTypes, now: datetime
) -> x509.Certificate:
    name = _authority_name("Code Signing CA")
    issuer = root.chain[0]
    start = now - _CLOCK_SKEW
    builder = _builder(name, issuer.subject, public_key, start, _years(now, INTERMEDIATE_YEARS))
    builder = _identify_issuer(builder, issuer).add_extension(_CODE_SIGNING, critical=False)
    return _finish_authority(builder, root.key, path_length=0)


def make_timestamping_intermediate(
    root: Issuer, public_key: CertificatePublicKeyTypes, now: datetime
) -> x509.Certificate:
    """As long as the root: what it issues has to outlive what that signs by ten years."""
    issuer = root.chain[0]
    start, end = now - _CLOCK_SKEW, issuer.not_valid_after_utc
    builder = _builder(_authority_name("Timestamping CA"), issuer.subject, public_key, start, end)
    builder = _identify_issuer(builder, issuer).add_extension(_TIME_STAMPING, critical=False)
    return _finish_authority(builder, root.key, path_length=0)


def issue_timestamping_leaf(
    issuer: Issuer, public_key: CertificatePublicKeyTypes, now: datetime
) -> x509.Certificate:
    """For a unit that signs timestamps (RFC 3161 §2.3: the one extended key usage, critical)."""
    authority = issuer.chain[0]
    start = now - _CLOCK_SKEW
    end = min(start + timedelta(days=TIMESTAMPING_DAYS), authority.not_valid_after_utc)
    name = _authority_name("Timestamping")
    return (
        _identify_issuer(_builder(name, authority.subject, public_key, start, end), authority)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signatures=True), critical=True)
        .add_extension(_TIME_STAMPING, critical=True)
        .sign(issuer.key, certificate_hash(issuer.key))
    )


def issue_leaf(
    issuer: Issuer, public_key: bytes, subject: Subject, days: int, now: datetime
) -> Certificate:
    """For a signer; `public_key` is DER SubjectPublicKeyInfo. Never outlives its issuers; Refused
    issuer_ends where it would last for less than a day."""
    authority = issuer.chain[0]
    start = now - _CLOCK_SKEW
    first = min(issuer.chain, key=lambda each: each.not_valid_after_utc)
    end = min(start + timedelta(days=days), first.not_valid_after_utc)
    if end - now < _SHORTEST:
        raise Refused(
            Code.ISSUER_ENDS,
            f"The certificate {first.subject.rfc4514_string()!r} of the built-in CA ends at "
            f"{first.not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}: it certifies nothing any more.",
        )
    key = cast("CertificatePublicKeyTypes", load_der_public_key(public_key))  # else a TypeError
    builder = (
        _identify_issuer(_builder(to_name(subject), authority.subject, key, start, end), authority)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signatures=True), critical=True)
        .add_extension(_CODE_SIGNING, critical=False)
    )
    return describe(builder.sign(issuer.key, certificate_hash(issuer.key)), issuer.chain)


_CODE_SIGNING = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING])
_TIME_STAMPING = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])


def _authority_name(role: str) -> x509.Name:
    """Unlike the name of any other installation's authority, so that trust stores can hold both."""
    return x509.Name(
        [x509.NameAttribute(NameOID.COMMON_NAME, f"Sealwright {role} {secrets.token_hex(4)}")]
    )


def _years(now: datetime, years: int) -> datetime:
    return now + timedelta(days=365 * years)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public_key: CertificatePublicKeyTypes,
    start: datetime,
    end: datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(1 << (_SERIAL_BITS - 1) | secrets.randbits(_SERIAL_BITS - 1))
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


def _identify_issuer(
    builder: x509.CertificateBuilder, issuer: x509.Certificate
) -> x509.CertificateBuilder:
    identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return builder.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False
    )


def _finish_authority(
    builder: x509.CertificateBuilder, key: PrivateKey, path_length: int
) -> x509.Certificate:
    return (
        builder.add_extension(
            x509.BasicConstraints(ca=True, path_length=path_length), critical=True
        )
        .add_extension(_key_usage(signatures=False), critical=True)
        .sign(key, certificate_hash(key))
    )


def _key_usage(*, signatures: bool) -> x509.KeyUsage:
    """For a leaf, or else for an authority."""
    return x509.KeyUsage(
        digital_signature=signatures,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=not signatures,
        crl_sign=not signatures,
        encipher_only=False,
        decipher_only=False,
    )

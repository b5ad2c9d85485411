"""An authority of somebody else, whose certificates look like none of ours."""

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.key_usage import key_usage

ROOT = x509.Name(
    [
        x509.NameAttribute(NameOID.COUNTRY_NAME, "AT"),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Österreich, Wien"),
        x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "Prüfung", _ASN1Type.BMPString),
    ]
)
INTERMEDIATE = x509.Name(
    [
        x509.NameAttribute(NameOID.COMMON_NAME, "not the last"),
        x509.NameAttribute(NameOID.COMMON_NAME, "Zwischenstelle Köln"),
    ]
)

LARGEST_SERIAL = 2**159 - 1  # RFC 5280 §4.1.2.2: twenty octets


def certify(
    request: bytes,
    issuer: x509.Name = INTERMEDIATE,
    valid_for: timedelta = timedelta(days=100),
) -> list[x509.Certificate]:
    """For this PKCS#10 request: leaf, intermediate, root."""
    csr = x509.load_pem_x509_csr(request)
    root_key, key = (ec.generate_private_key(ec.SECP384R1()) for _ in range(2))
    root = _sign(_authority(ROOT, ROOT, root_key.public_key(), 1, 1), root_key, root_key)
    intermediate = _sign(_authority(issuer, ROOT, key.public_key(), 0x80, 0), root_key, root_key)
    now = datetime.now(UTC)
    leaf = _sign(
        _certificate(csr.subject, issuer, csr.public_key(), LARGEST_SERIAL)
        .not_valid_after(now + valid_for)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(key_usage(certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False),
        key,
        key,
    )
    return [leaf, intermediate, root]


def _authority(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    serial: int,
    below: int,
) -> x509.CertificateBuilder:
    return (
        _certificate(subject, issuer, key, serial)
        .not_valid_after(datetime(2075, 12, 31, 23, 59, 59, tzinfo=UTC))
        .add_extension(x509.BasicConstraints(ca=True, path_length=below), critical=True)
        .add_extension(key_usage(certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: CertificatePublicKeyTypes, serial: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(serial)
        .not_valid_before(datetime.now(UTC) - timedelta(minutes=5))
    )


def _sign(
    builder: x509.CertificateBuilder,
    key: ec.EllipticCurvePrivateKey,
    issuer: ec.EllipticCurvePrivateKey,
) -> x509.Certificate:
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key())
    return builder.add_extension(identifier, critical=False).sign(key, hashes.SHA384())

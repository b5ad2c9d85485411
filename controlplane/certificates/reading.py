"""Certificates from DER and PEM, and back."""

from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from controlplane.domain.model import Certificate


def describe(leaf: x509.Certificate, issuers: Sequence[x509.Certificate]) -> Certificate:
    """`issuers`: the leaf's own first, root last."""
    return Certificate(
        serial=format_serial(leaf.serial_number),
        subject=leaf.subject.rfc4514_string(),
        issuer=leaf.issuer.rfc4514_string(),
        not_before=leaf.not_valid_before_utc,
        not_after=leaf.not_valid_after_utc,
        der=leaf.public_bytes(Encoding.DER),
        chain=tuple(issuer.public_bytes(Encoding.DER) for issuer in issuers),
    )


def format_serial(serial: int) -> str:
    """Lower-case hex of whole octets."""
    text = format(serial, "x")
    return text.rjust(len(text) + len(text) % 2, "0")


def to_pem(der: bytes) -> str:
    return x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM).decode("ascii")


def parse_certificate(der: bytes) -> x509.Certificate:
    return x509.load_der_x509_certificate(der)

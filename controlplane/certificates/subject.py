"""Subjects as X.509 has them."""

from cryptography import x509
from cryptography.x509.oid import NameOID

from controlplane.domain.subject import Subject


def to_name(subject: Subject) -> x509.Name:
    """From the country to the common name; what is not said is left out."""
    parts = (
        (NameOID.COUNTRY_NAME, subject.country),
        (NameOID.LOCALITY_NAME, subject.locality),
        (NameOID.ORGANIZATION_NAME, subject.organization),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, subject.unit),
        (NameOID.COMMON_NAME, subject.common_name),
    )
    return x509.Name([x509.NameAttribute(oid, text) for oid, text in parts if text is not None])

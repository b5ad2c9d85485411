"""PKCS#10 requests for signers whose certificate comes from another CA."""

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from controlplane.algorithms.kinds import certificate_hash
from controlplane.algorithms.scheme import PrivateKey
from controlplane.certificates.subject import to_name
from controlplane.domain.subject import Subject


def make_request(key: PrivateKey, subject: Subject) -> str:
    """PEM (RFC 2986), asking for the usages that a code signer needs."""
    usage = x509.KeyUsage(True, False, False, False, False, False, False, False, False)
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(to_name(subject))
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
        .sign(key, certificate_hash(key))
    )
    return request.public_bytes(Encoding.PEM).decode("ascii")

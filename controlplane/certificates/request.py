"""PKCS#10 requests for signers whose certificate comes from another CA."""

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


def make_request(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, common_name: str) -> str:
    """PEM (RFC 2986), asking for the usages that a code signer needs."""
    usage = x509.KeyUsage(True, False, False, False, False, False, False, False, False)
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)]))
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
        .sign(key, _hash_for(key))
    )
    return request.public_bytes(Encoding.PEM).decode("ascii")


def _hash_for(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey,
) -> SHA256 | SHA384 | SHA512:
    match key.key_size if isinstance(key, ec.EllipticCurvePrivateKey) else None:
        case 384:
            return SHA384()
        case 521:
            return SHA512()
    return SHA256()

"""What was signed, by a row's own account: held against what a file carries."""

import hashlib
import hmac
from typing import TYPE_CHECKING

from sealwright.receipt.artifact.misfit import MisfitError
from sealwright.receipt.row import Row

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

HASHES = ("sha256", "sha384", "sha512")
"""Those that a file may lead to its signature with. For SHA-1 and older, two files are found that
have the same."""
_ED25519, _ECDSA, _P1363 = "ed25519", "ecdsa", "p1363"
_MESSAGE_HASH = "sha512"
"""What `digest` is of a message that Ed25519 signed."""


def digest_hash(row: Row) -> str | None:
    """The hash whose value is the row's `digest`; None where that is not known."""
    if row.scheme == _ED25519:
        return _MESSAGE_HASH
    return row.hash if row.hash in HASHES else None


def spellings(row: Row) -> tuple[bytes, ...]:
    """The row's signature as a file may carry it: tools ask the module for r‖s, and write DER."""
    signature = row.signature or b""
    if row.scheme == _ECDSA and row.ecdsa_encoding == _P1363:
        from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

        half = len(signature) // 2
        r, s = int.from_bytes(signature[:half]), int.from_bytes(signature[half:])
        return (signature, encode_dss_signature(r, s))
    return (signature,)


def check_signed(row: Row, signed: bytes, certificate: bytes) -> None:
    """That the row's signature is over these octets, and by the key of this certificate, which is
    the one that the row names.

    Args:
        signed: what the signature in the file is over.
        certificate: DER.

    Raises:
        MisfitError: one of these is not so.
    """
    name = digest_hash(row)
    if name is None or not hmac.compare_digest(
        hashlib.new(name, signed).digest(), row.digest or b""
    ):
        raise MisfitError("carries the signature, on something that it was not made for")
    from cryptography.x509 import load_der_x509_certificate

    try:
        loaded = load_der_x509_certificate(certificate)
        key, serial = loaded.public_key(), loaded.serial_number
    except ValueError:
        raise MisfitError("has a certificate that cannot be read") from None
    if row.certificate_serial is None or serial != int(row.certificate_serial, 16):
        raise MisfitError(f"names the certificate {serial:x}, and the row another")
    if not _is_signed(row, key, signed):
        raise MisfitError("carries a signature that the key of its certificate did not make")


def _is_signed(row: Row, key: "CertificatePublicKeyTypes", signed: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

    by_name: dict[str | None, hashes.HashAlgorithm] = {
        "sha256": hashes.SHA256(),
        "sha384": hashes.SHA384(),
        "sha512": hashes.SHA512(),
    }
    signature = spellings(row)[-1]
    try:
        if isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, signed)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, signed, ec.ECDSA(by_name[row.hash]))
        elif isinstance(key, rsa.RSAPublicKey) and row.pss is not None:
            mask = padding.MGF1(by_name[row.pss.mgf_hash])
            pss = padding.PSS(mask, row.pss.salt_length)
            key.verify(signature, signed, pss, by_name[row.hash])
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, signed, padding.PKCS1v15(), by_name[row.hash])
        else:
            return False
    except (InvalidSignature, KeyError, ValueError):
        return False
    return True

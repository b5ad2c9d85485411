"""Is this the certificate of that key, may it sign code, and does its chain hold?

RFC 5280 §6 for the few things that chains of code-signing certificates are made of: signatures,
validity, basic constraints, key usage, extended key usage.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

from controlplane.certificates.reading import describe
from controlplane.domain.model import Certificate
from controlplane.domain.ranges import CHAIN
from controlplane.errors import Refused, invalid

T = TypeVar("T", bound=x509.ExtensionType)

MAX_CERTIFICATES = 10


def check_chain(pem: str, public_keys: Sequence[bytes], now: datetime) -> tuple[bytes, Certificate]:
    """The key of `public_keys` (DER SubjectPublicKeyInfo) that the leaf is for, and the
    certificate with its chain in order. Refused 400 naming `chain`."""
    found = _parse(pem)
    leaf, public_key = _find_leaf(found, public_keys)
    rest = [each for each in found if each is not leaf]
    issuers = _order(leaf, rest)
    for certificate in [leaf, *issuers]:
        _check_validity(certificate, now)
    _check_leaf(leaf)
    for below, issuer in enumerate(issuers):
        _check_issuer(issuer, below)
    return public_key, describe(leaf, issuers)


def _parse(pem: str) -> list[x509.Certificate]:
    if len(pem) > CHAIN.most:
        raise _refuse(f"The file is longer than {CHAIN.most} characters.")
    if "PRIVATE KEY-----" in pem:
        raise _refuse("The file holds a private key. Send certificates only, and replace that key.")
    try:
        found = x509.load_pem_x509_certificates(pem.encode())
    except ValueError as error:
        raise _refuse("The file holds no certificates in PEM, or a broken one.") from error
    unique = list(dict.fromkeys(found))
    if len(unique) > MAX_CERTIFICATES:
        raise _refuse(f"The file holds more than {MAX_CERTIFICATES} certificates.")
    return unique


def _find_leaf(
    found: Sequence[x509.Certificate], public_keys: Sequence[bytes]
) -> tuple[x509.Certificate, bytes]:
    matching = [
        (certificate, spki) for certificate in found if (spki := _spki(certificate)) in public_keys
    ]
    if not matching:
        raise _refuse(
            "None of the certificates is for this signer's key: has it been renewed since the CSR?"
        )
    if len(matching) > 1:
        raise _refuse("More than one of the certificates is for this signer's key; send one.")
    return matching[0]


def _spki(certificate: x509.Certificate) -> bytes:
    try:
        key = certificate.public_key()
    except ValueError:  # a kind of key that is not known here; no signer has it
        return b""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _order(
    leaf: x509.Certificate, others: Sequence[x509.Certificate]
) -> tuple[x509.Certificate, ...]:
    """From the leaf's issuer to the root."""
    ordered: list[x509.Certificate] = []
    current, remaining = leaf, list(others)
    while not _is_issued_by(current, current):
        issuer = next((each for each in remaining if _is_issued_by(current, each)), None)
        if issuer is None:
            raise _refuse(
                f"The certificate of the issuer {_name(current.issuer)} is missing;"
                " the chain must reach a self-signed root."
            )
        remaining.remove(issuer)
        ordered.append(issuer)
        current = issuer
    if not ordered:
        raise _refuse("The certificate is self-signed; a CA must issue it.")
    if remaining:
        raise _refuse(f"The certificate {_name(remaining[0].subject)} is not part of the chain.")
    return tuple(ordered)


def _is_issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    if certificate.issuer != issuer.subject:
        return False
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def _check_validity(certificate: x509.Certificate, now: datetime) -> None:
    name = _name(certificate.subject)
    if now < certificate.not_valid_before_utc:
        start = certificate.not_valid_before_utc.strftime("%Y-%m-%dT%H:%M:%SZ")
        raise _refuse(f"The certificate {name} is not valid before {start}.")
    if now >= certificate.not_valid_after_utc:
        end = certificate.not_valid_after_utc.strftime("%Y-%m-%dT%H:%M:%SZ")
        raise _refuse(f"The certificate {name} expired at {end}.")


def _check_leaf(leaf: x509.Certificate) -> None:
    extensions = _extensions(leaf)
    purposes = _get(extensions, x509.ExtendedKeyUsage)
    if purposes is None or ExtendedKeyUsageOID.CODE_SIGNING not in purposes:
        raise _refuse("The certificate lacks the extended key usage codeSigning.")
    usage = _get(extensions, x509.KeyUsage)
    if usage is not None and not usage.digital_signature:
        raise _refuse("The certificate's key usage lacks digitalSignature.")
    constraints = _get(extensions, x509.BasicConstraints)
    if constraints is not None and constraints.ca:
        raise _refuse("The certificate for this signer's key is one of a CA.")


def _check_issuer(issuer: x509.Certificate, below: int) -> None:
    """`below`: how many CA certificates stand between it and the leaf."""
    name = _name(issuer.subject)
    extensions = _extensions(issuer)
    constraints = _get(extensions, x509.BasicConstraints)
    if constraints is None or not constraints.ca:
        raise _refuse(f"The certificate {name} issues others, but its basic constraints forbid it.")
    if constraints.path_length is not None and below > constraints.path_length:
        raise _refuse(f"The certificate {name} allows no chain of this length below it.")
    usage = _get(extensions, x509.KeyUsage)
    if usage is not None and not usage.key_cert_sign:
        raise _refuse(f"The certificate {name} issues others, but its key usage forbids it.")
    purposes = _get(extensions, x509.ExtendedKeyUsage)
    allowing = {ExtendedKeyUsageOID.CODE_SIGNING, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}
    if purposes is not None and allowing.isdisjoint(purposes):
        raise _refuse(f"The certificate {name} is not for code signing.")


def _extensions(certificate: x509.Certificate) -> x509.Extensions:
    try:
        return certificate.extensions
    except (ValueError, x509.DuplicateExtension) as error:
        raise _refuse(f"The certificate {_name(certificate.subject)} is malformed.") from error


def _get(extensions: x509.Extensions, kind: type[T]) -> T | None:
    try:
        return extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _name(name: x509.Name) -> str:
    return repr(name.rfc4514_string())


def _refuse(title: str) -> Refused:
    return invalid("chain", title)

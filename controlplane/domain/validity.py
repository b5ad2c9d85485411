"""Until when a certificate verifies: no longer than each that it rests on."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from cryptography import x509


@dataclass(frozen=True, slots=True)
class IssuerEnd:
    """When an issuing certificate ends; `issuer`: its subject, RFC 4514."""

    at: datetime
    issuer: str


def first_issuer_end(chain: Iterable[bytes]) -> IssuerEnd | None:
    """Of those that end first, the one next to the leaf. `chain`: DER, the leaf's issuer first."""
    return min(map(_end_of, chain), key=lambda end: end.at, default=None)


@lru_cache(maxsize=1024)  # signers share their issuers, and each signature asks
def _end_of(der: bytes) -> IssuerEnd:
    certificate = x509.load_der_x509_certificate(der)
    return IssuerEnd(certificate.not_valid_after_utc, certificate.subject.rfc4514_string())

"""What a person should know about a signer or an API key before it hurts, as facts."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from controlplane.domain.misfit import Misfit, find_misfit
from controlplane.domain.model import ApiKey, KeyAlgorithm, Signer
from controlplane.domain.validity import first_issuer_end

SOON = timedelta(days=30)
KEY_ENDS_SOON = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class CertificateEnds:
    """Soon, or it has ended: then `days` is None; whole days otherwise, 0 for less than one."""

    at: datetime
    days: int | None


@dataclass(frozen=True, slots=True)
class IssuerEnds:
    """One that the certificate rests on; `at` and `days` as of CertificateEnds."""

    issuer: str
    at: datetime
    days: int | None


@dataclass(frozen=True, slots=True)
class KeyWaits:
    """A new key of an external signer, for its certificate."""

    signer: str


@dataclass(frozen=True, slots=True)
class WeakKey:
    """`why`: a sentence, that of its kind."""

    key: KeyAlgorithm
    why: str


@dataclass(frozen=True, slots=True)
class SameName:
    """Its common name reads like that of these other signers."""

    common_name: str
    others: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NobodyAgrees:
    """Too few could complete the steps of its protected policy: `why` are sentences."""

    policy: str
    why: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ApiKeyEnds:
    """Soon. `days`: whole ones, 0 for less than one."""

    key_id: str
    identity: str
    at: datetime
    days: int


SignerWarning = CertificateEnds | IssuerEnds | KeyWaits | WeakKey | Misfit | SameName | NobodyAgrees


def warnings_of(signer: Signer, now: datetime) -> tuple[SignerWarning, ...]:
    """None for a healthy signer."""
    found: list[SignerWarning] = []
    if signer.certificate is not None:
        end, issuer = signer.certificate.not_after, first_issuer_end(signer.certificate.chain)
        if end - now <= SOON:
            found.append(CertificateEnds(end, _days_until(end, now)))
        if issuer is not None and issuer.at - now <= SOON:
            found.append(IssuerEnds(issuer.issuer, issuer.at, _days_until(issuer.at, now)))
    if (why := signer.key.kind.warning) is not None:
        found.append(WeakKey(signer.key, why))
    if (misfit := find_misfit(signer)) is not None:
        found.append(misfit)
    return tuple(found)


def _days_until(end: datetime, now: datetime) -> int | None:
    return None if end <= now else (end - now).days


def find_ending(identity: str, keys: Iterable[ApiKey], now: datetime) -> tuple[ApiKeyEnds, ...]:
    """Those of its API keys that still work and end soon."""
    return tuple(
        ApiKeyEnds(key.id, identity, key.expires_at, (key.expires_at - now).days)
        for key in keys
        if key.revoked_at is None
        and key.expires_at is not None
        and now < key.expires_at <= now + KEY_ENDS_SOON
    )

"""What a person should know about a signer before it hurts, as facts."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from controlplane.domain.misfit import Misfit, find_misfit
from controlplane.domain.model import KeyAlgorithm, Signer

SOON = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class CertificateEnds:
    """Soon, or it has ended: then `days` is None; whole days otherwise, 0 for less than one."""

    at: datetime
    days: int | None


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


SignerWarning = CertificateEnds | WeakKey | Misfit | SameName


def warnings_of(signer: Signer, now: datetime) -> tuple[SignerWarning, ...]:
    """None for a healthy signer."""
    found: list[SignerWarning] = []
    if signer.certificate is not None:
        end = signer.certificate.not_after
        if end <= now:
            found.append(CertificateEnds(end, None))
        elif end - now <= SOON:
            found.append(CertificateEnds(end, (end - now).days))
    if (why := signer.key.kind.warning) is not None:
        found.append(WeakKey(signer.key, why))
    if (misfit := find_misfit(signer)) is not None:
        found.append(misfit)
    return tuple(found)

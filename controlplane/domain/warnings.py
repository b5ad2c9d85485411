"""What a person should know about a signer before it hurts."""

from datetime import datetime, timedelta

from controlplane.domain.misfit import find_misfit
from controlplane.domain.model import Signer

SOON = timedelta(days=30)


def warnings_of(signer: Signer, now: datetime) -> tuple[str, ...]:
    """Sentences; none for a healthy signer."""
    found = []
    if signer.certificate is not None:
        end = signer.certificate.not_after
        day = end.strftime("%Y-%m-%d")
        if end <= now:
            found.append(f"The certificate expired on {day}: renew it.")
        elif end - now <= SOON:
            days = (end - now).days
            left = "today" if days == 0 else f"in {days} day{'s' if days > 1 else ''}, on {day}"
            found.append(f"The certificate expires {left}: renew it.")
    if signer.key.kind.warning is not None:
        found.append(signer.key.kind.warning)
    if (misfit := find_misfit(signer)) is not None:
        found.append(f"{misfit.fault} {misfit.remedy}")
    return tuple(found)

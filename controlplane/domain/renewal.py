"""Which certificates the server renews by itself, and for how long."""

from datetime import datetime, timedelta

from controlplane.domain.keys import KeyedSigner
from controlplane.domain.model import Certificate, SignerStatus
from controlplane.domain.ranges import CERTIFICATE_DAYS


def is_due(keyed: KeyedSigner, before: timedelta, now: datetime) -> bool:
    """Of a signer that signs: what has ended, or was disabled, comes back by nobody but an admin.
    `before` its end, but not in the first two thirds of its life. An external signer that has a key
    which waits for its certificate needs no other."""
    signer, certificate = keyed.signer, keyed.signer.certificate
    if certificate is None or signer.status(now) is not SignerStatus.ACTIVE:
        return False
    if signer.external and keyed.next_key is not None:
        return False
    third = (certificate.not_after - certificate.not_before) / 3
    return certificate.usable_until - now <= min(before, third)


def days_again(certificate: Certificate) -> int:
    """As many as it was made for."""
    days = (certificate.not_after - certificate.not_before).days
    return max(CERTIFICATE_DAYS.least, min(days, CERTIFICATE_DAYS.most))

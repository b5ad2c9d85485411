"""Enrolment: a code for one use, which gets its holder an API key that nobody else ever saw."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from controlplane.domain.network import Network
from controlplane.domain.secret import ENROLMENT_CODE, Secret

LIFETIME = timedelta(hours=24)

_CODES = Secret(ENROLMENT_CODE)
new_code, hash_code, digest_of = _CODES.new, _CODES.hash, _CODES.digest


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A code without its secret: that is shown once and stored only as SHA-256.

    `issued_by`: the name of who made it. `key_lifetime_seconds` and `allowed_addresses`: limits of
    the key that comes of it; None: none. `ended_at`: when it was used, or made void.
    """

    id: str
    identity_id: str
    created_at: datetime
    expires_at: datetime
    issued_by: str
    key_lifetime_seconds: int | None = None
    allowed_addresses: tuple[Network, ...] = ()
    ended_at: datetime | None = None
    api_key_id: str | None = None  # that came of it
    proposal: str | None = None  # that it came of

    def is_open(self, now: datetime) -> bool:
        return self.ended_at is None and now < self.expires_at

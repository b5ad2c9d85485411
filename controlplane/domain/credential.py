"""With which credential somebody may approve: one that others may know is as good as theirs.
Rejecting and cancelling need no more than any call. Pure; times and facts are given."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from controlplane.domain.model import ApiKey
from controlplane.errors import Code, Refused


@dataclass(frozen=True, slots=True)
class Presented:
    """`holder`: the name of whose key it is. `is_first`: they never had another one before."""

    key: ApiKey
    holder: str
    is_first: bool

    @property
    def is_known_to_another(self) -> bool:
        """Somebody else made it, and saw it. Of a key without an issuer nobody knows: it is older
        than that being noted, or was made by who has the server's machine, and with it all."""
        key = self.key
        return not key.enrolled and key.issued_by is not None and key.issued_by != self.holder

    def held_until(self, hold: timedelta) -> datetime | None:
        """None: it is not held. The first key that somebody gets takes nobody's place."""
        if self.is_first or not self.is_known_to_another:
            return None
        return self.key.created_at + hold


def check_approving(
    presented: Presented, *, is_protected: bool, hold: timedelta, now: datetime
) -> None:
    """`is_protected`: a protected policy, or another safeguard, wants it approved. Refused 403
    credential_not_enrolled, credential_too_young."""
    key, holder = presented.key, presented.holder
    if is_protected and not key.enrolled:
        raise Refused(
            Code.CREDENTIAL_NOT_ENROLLED,
            f"This is protected: {holder} approves it with a key that {holder} enrolled, which "
            "nobody else ever saw.",
        )
    until = presented.held_until(hold)
    if until is not None and now < until:
        raise Refused(
            Code.CREDENTIAL_TOO_YOUNG,
            f"{key.issued_by} gave {holder} this API key, and knows it: it approves nothing until "
            f"{until:%Y-%m-%dT%H:%M:%SZ}.",
        )

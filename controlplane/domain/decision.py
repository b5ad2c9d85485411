"""May this call to sign go ahead? One pure function; everything it judges by is given to it."""

from dataclasses import dataclass
from datetime import datetime

from controlplane.domain.keys import KeyedSigner
from controlplane.domain.model import Identity, MemberRole, SignerStatus
from controlplane.domain.permissions import may_see_signer
from controlplane.errors import Refused, conflict, forbidden, not_found


@dataclass(frozen=True, slots=True)
class Allowed:
    """The call may be signed by this signer, with the key and certificate that it has now."""

    keyed: KeyedSigner
    certificate_serial: str


@dataclass(frozen=True, slots=True)
class Denied:
    """`reason` goes into the row; `refused` is what the caller hears. They differ where a caller
    may not even know of the signer."""

    reason: str
    refused: Refused


@dataclass(frozen=True, slots=True)
class Circumstances:
    """`keyed` is None if there is no signer of that `name`; `role` is the caller's on it."""

    identity: Identity
    name: str
    keyed: KeyedSigner | None
    role: MemberRole | None
    certificate_serial: str | None  # that the caller expects
    now: datetime


def decide(given: Circumstances) -> Allowed | Denied:
    if given.keyed is None or not may_see_signer(given.identity, given.role):
        return Denied("not_a_member", not_found("signer", given.name))
    signer = given.keyed.signer
    if given.role is None:
        return _forbid("not_a_member", f"You are no member of the signer {signer.name!r}.")
    if given.role is MemberRole.AUDITOR:
        return _forbid(
            "role_cannot_sign", f"An auditor of the signer {signer.name!r} reads, and cannot sign."
        )
    match signer.status(given.now):
        case SignerStatus.DISABLED:
            return _forbid("signer_disabled", f"The signer {signer.name!r} is disabled.")
        case SignerStatus.EXPIRED:
            return _forbid(
                "certificate_expired",
                f"The certificate of the signer {signer.name!r} has expired; it must be renewed.",
            )
    if signer.certificate is None:
        return _forbid("signer_pending", f"The signer {signer.name!r} has no certificate yet.")
    serial = signer.certificate.serial
    if given.certificate_serial is not None and given.certificate_serial != serial:
        return Denied(
            "certificate_changed",
            conflict(
                "certificate_changed",
                f"The signer {signer.name!r} has another certificate now: start the tool again.",
            ),
        )
    return Allowed(given.keyed, serial)


def _forbid(code: str, title: str) -> Denied:
    return Denied(code, forbidden(code, title))

"""May this call to sign go ahead? One pure function; everything it judges by is given to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from controlplane.domain.keys import KeyedSigner
from controlplane.domain.model import (
    Grant,
    GrantState,
    HashAlgorithm,
    Identity,
    IdentityKind,
    MemberRole,
    Policy,
    ServerRole,
    Signer,
    SignerStatus,
)
from controlplane.domain.permissions import may_see_signer
from controlplane.domain.validity import first_issuer_end
from controlplane.errors import Code, Refused, not_found

LASTING = frozenset(
    {
        Code.NOT_A_MEMBER,
        Code.ROLE_CANNOT_SIGN,
        Code.SIGNER_DISABLED,
        Code.SIGNER_PENDING,
        Code.CERTIFICATE_EXPIRED,
        Code.CERTIFICATE_NOT_YET_VALID,
    }
)
"""Reasons of a denial that say nothing of this one call: its caller could not sign now at all. The
others are of what the call asks for, or of a grant, which is used up by what it allowed."""

_NO_END = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Allowed:
    """The call may be signed by this signer, with the key and certificate that it has now, and
    uses up one signing of the grant; None: the signer has no policy."""

    keyed: KeyedSigner
    certificate_serial: str
    grant: Grant | None


@dataclass(frozen=True, slots=True)
class Denied:
    """`reason` goes into the row; `sentence` is the whole truth, for those who may have it;
    `refused` is what the caller hears, who may not even know of the signer."""

    reason: Code
    sentence: str
    refused: Refused


@dataclass(frozen=True, slots=True)
class Circumstances:
    """`keyed` is None if there is no signer of that `name`; `role` is the identity's on it, as far
    as it counts; `grants` are its grants for this signer, whatever their state, in any order.

    `hash` None asks about any hash that is allowed at all.
    """

    identity: Identity
    name: str
    keyed: KeyedSigner | None
    role: MemberRole | None
    grants: Sequence[Grant]
    hash: HashAlgorithm | None
    certificate_serial: str | None  # that the caller expects
    now: datetime


def decide(given: Circumstances) -> Allowed | Denied:
    who = given.identity.name
    if given.keyed is None:
        unseen = not_found("signer", given.name)
        return Denied(Code.NOT_A_MEMBER, f"There is no signer {given.name!r}.", unseen)
    signer = given.keyed.signer
    if given.identity.disabled:
        return _deny(Code.IDENTITY_DISABLED, f"The identity {who} is disabled.")
    if given.role is None:
        sentence = f"{who} is no member of the signer {signer.name!r}."
        if may_see_signer(given.identity, given.role, signer.policy):
            return _deny(Code.NOT_A_MEMBER, sentence)
        return Denied(Code.NOT_A_MEMBER, sentence, not_found("signer", given.name))
    if given.identity.role is ServerRole.AUDITOR:
        sentence = f"{who} is a server auditor, who reads and cannot sign."
        return _deny(Code.ROLE_CANNOT_SIGN, sentence)
    if not given.role.signs:
        is_machine = given.identity.kind is IdentityKind.MACHINE
        or_of_one = ", or a machine of an auditor" if is_machine else ""
        return _deny(
            Code.ROLE_CANNOT_SIGN,
            f"{who} is an auditor of the signer {signer.name!r}{or_of_one}, who reads and cannot "
            "sign.",
        )
    match signer.status(given.now):
        case SignerStatus.DELETING:
            return _deny(Code.SIGNER_DISABLED, f"The signer {signer.name!r} is being deleted.")
        case SignerStatus.DISABLED:
            return _deny(Code.SIGNER_DISABLED, f"The signer {signer.name!r} is disabled.")
        case SignerStatus.EXPIRED:
            return _deny(
                Code.CERTIFICATE_EXPIRED,
                _say_end(signer, given.now),
            )
    if signer.certificate is None:
        return _deny(Code.SIGNER_PENDING, f"The signer {signer.name!r} has no certificate yet.")
    start = signer.certificate.not_before
    if given.now < start:
        return _deny(
            Code.CERTIFICATE_NOT_YET_VALID,
            f"The certificate of the signer {signer.name!r} is valid from "
            f"{start:%Y-%m-%dT%H:%M:%SZ} on, not yet.",
        )
    serial = signer.certificate.serial
    if given.certificate_serial is not None and given.certificate_serial != serial:
        sentence = f"The signer {signer.name!r} has another certificate now: start the tool again."
        return _deny(Code.CERTIFICATE_CHANGED, sentence)
    if signer.policy is None:
        return Allowed(given.keyed, serial, None)
    return _decide_by_policy(given, given.keyed, serial, signer.policy)


def _decide_by_policy(
    given: Circumstances, keyed: KeyedSigner, serial: str, policy: Policy
) -> Allowed | Denied:
    """Each grant carries the hashes that it was issued for, so that an edit of the policy takes
    nothing from it and adds nothing to it."""
    counting = [
        grant
        for grant in given.grants
        if grant.policy_id == policy.id and grant.state(given.now) is GrantState.ACTIVE
    ]
    usable = [grant for grant in counting if given.hash is None or grant.allows(given.hash)]
    if usable:
        # Who holds several wants to lose none of them unused.
        first = min(usable, key=lambda grant: (grant.not_after or _NO_END, grant.id))
        return Allowed(keyed, serial, first)
    allowed = counting[0].hashes if counting else policy.terms.hashes
    if given.hash is not None and allowed and given.hash not in allowed:
        who = f"the grant of {given.identity.name}" if counting else f"the policy {policy.name!r}"
        key, hash_ = keyed.signer.key, given.hash.value
        what = f"{key} counts as {hash_}, which" if key.kind.message_hash == hash_ else hash_
        return _deny(
            Code.ALGORITHM_NOT_ALLOWED,
            f"{what} is not allowed: {who} allows {', '.join(allowed)} only.",
        )
    return _deny(
        Code.NO_ACTIVE_GRANT,
        f"{given.identity.name} has no open grant for the signer {keyed.signer.name!r}, which the "
        f"policy {policy.name!r} asks for.",
    )


def _say_end(signer: Signer, now: datetime) -> str:
    certificate = signer.certificate
    issuer = None if certificate is None else first_issuer_end(certificate.chain)
    if certificate is None or issuer is None or now >= certificate.not_after:
        return f"The certificate of the signer {signer.name!r} has expired; it must be renewed."
    return (
        f"The certificate of the signer {signer.name!r} rests on that of {issuer.issuer!r}, which "
        f"expired at {issuer.at:%Y-%m-%dT%H:%M:%SZ}; it needs one of another issuer."
    )


def _deny(code: Code, sentence: str) -> Denied:
    return Denied(code, sentence, Refused(code, sentence))

"""What a denial lacks, in sentences that say who can do what about it."""

from datetime import datetime

from controlplane.domain.approval import describe_missing
from controlplane.domain.decision import Allowed, Circumstances, Denied
from controlplane.domain.misfit import find_misfit
from controlplane.domain.model import Grant, GrantState, HashAlgorithm, Request, Signer
from controlplane.domain.policy import count


def describe_allowed(allowed: Allowed, given: Circumstances) -> str:
    signer, who = allowed.keyed.signer, given.identity.name
    may = f"{who} may sign with {signer.name!r} now"
    if allowed.grant is None:
        return f"{may}: it has no policy, so its members need no grant."
    return f"{may}, by the grant {allowed.grant.id}: {_describe_room(allowed.grant)}."


def list_missing(
    denied: Denied, given: Circumstances, pending: Request | None, latest: Grant | None
) -> tuple[str, ...]:
    """What has to happen before such a call is allowed. `pending`: a request of the identity
    that waits, `latest`: its last grant for the signer."""
    name, who = given.name, given.identity.name
    if given.keyed is None:
        return (f"An admin creates it: sealwright signer create {name}",)
    signer = given.keyed.signer
    match denied.reason:
        case "identity_disabled":
            return (f"An admin enables it: sealwright identity enable {who}",)
        case "not_a_member" | "role_cannot_sign":
            step = f"sealwright member add {name} {who} --role operator"
            return (f"An administrator of the signer makes it an operator: {step}",)
        case "signer_disabled":
            return (f"An administrator of the signer enables it: sealwright signer enable {name}",)
        case "certificate_expired":
            return (f"An admin renews it: sealwright signer renew {name}",)
        case "signer_pending":
            install = f"sealwright signer install-certificate {name} --chain FILE.pem"
            return (f"Its CA certifies it (sealwright signer csr {name}); then {install}",)
        case "algorithm_not_allowed":
            return (_describe_way_to_hash(signer, given.hash),)
        case "no_active_grant":
            return list_missing_of_grant(signer, given.now, pending, latest)
    return ()


def list_missing_of_grant(
    signer: Signer, now: datetime, pending: Request | None, latest: Grant | None
) -> tuple[str, ...]:
    """What stands between somebody without an open grant and one."""
    if pending is not None:
        return describe_missing(pending, now)
    ended = () if latest is None else (_describe_end(latest, signer, now),)
    return (*ended, f"Ask for one: sealwright request create {signer.name} --why TEXT")


def _describe_way_to_hash(signer: Signer, hash_: HashAlgorithm | None) -> str:
    """To a signature with this hash, which a grant or the policy does not allow."""
    if (misfit := find_misfit(signer)) is not None:
        return misfit.remedy
    allowed = () if signer.policy is None else signer.policy.terms.hashes
    if not allowed or hash_ in allowed:
        ask = f"sealwright request create {signer.name} --why TEXT"
        return f"The policy allows it to new grants; ask for one: {ask}"
    return "Sign with a hash that is allowed, or have the policy edited."


def _describe_end(grant: Grant, signer: Signer, now: datetime) -> str:
    match grant.state(now):
        case GrantState.EXHAUSTED:
            return f"The last one is used up: {grant.used} of {grant.max_signings} signings."
        case GrantState.EXPIRED:
            return f"The last one ended at {_moment(grant.not_after)}."
        case GrantState.REVOKED if grant.revocation is not None:
            return f"The last one was revoked by {grant.revocation.by}: {grant.revocation.reason}"
    return (
        f"The last one was issued under the policy {grant.policy!r}, which {signer.name!r} does "
        "not have now."
    )


def _describe_room(grant: Grant) -> str:
    left = "any number of signings"
    if grant.max_signings is not None:
        left = f"{count(grant.max_signings - grant.used, 'signing')} left"
    end = "without end" if grant.not_after is None else f"until {_moment(grant.not_after)}"
    return f"{left}, {end}"


def _moment(time: datetime | None) -> str:
    return "-" if time is None else f"{time:%Y-%m-%dT%H:%M:%SZ}"

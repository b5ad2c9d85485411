"""What a call to sign lacks, as facts: a code and what it is about. Who shows them to people puts
them into words of their own."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from controlplane.domain.approval import LackingStep, find_lacking
from controlplane.domain.decision import Circumstances, Denied
from controlplane.domain.misfit import Misfit, find_misfit
from controlplane.domain.model import Grant, GrantState, HashAlgorithm, Request, Signer
from controlplane.errors import Code


class Action(StrEnum):
    """What can be done about a denial, and by whom."""

    CREATE_SIGNER = "create_signer"  # an admin
    ENABLE_IDENTITY = "enable_identity"  # an admin
    MAKE_OPERATOR = "make_operator"  # an administrator of the signer
    ENABLE_SIGNER = "enable_signer"  # an administrator of the signer
    UNDELETE_SIGNER = "undelete_signer"  # an admin; then it is enabled
    RENEW_SIGNER = "renew_signer"  # an admin
    CERTIFY_SIGNER = "certify_signer"  # its CA, then an admin
    CHANGE_HASH = "change_hash"  # who signs; or an admin, in the policy
    REQUEST_GRANT = "request_grant"  # who signs
    REQUEST_WIDER_GRANT = "request_wider_grant"  # who signs: the policy allows more than theirs


@dataclass(frozen=True, slots=True)
class Remedy:
    """`signer` and `identity`: names of what is acted on, and for whom."""

    action: Action
    signer: str
    identity: str


@dataclass(frozen=True, slots=True)
class LastGrant:
    """Of somebody who has no open one. `state` ACTIVE: it was issued under a policy that the
    signer does not have now."""

    grant: Grant
    state: GrantState


Missing = Remedy | LastGrant | LackingStep | Misfit


def list_missing(
    denied: Denied, given: Circumstances, pending: Request | None, latest: Grant | None
) -> tuple[Missing, ...]:
    """What has to happen before such a call is allowed. `pending`: a request of the identity
    that waits, `latest`: its last grant for the signer."""
    who = given.identity.name
    if given.keyed is None:
        return (Remedy(Action.CREATE_SIGNER, given.name, who),)
    signer = given.keyed.signer
    match denied.reason:
        case Code.IDENTITY_DISABLED:
            action = Action.ENABLE_IDENTITY
        case Code.NOT_A_MEMBER | Code.ROLE_CANNOT_SIGN:
            action = Action.MAKE_OPERATOR
        case Code.SIGNER_DISABLED:
            is_deleting = signer.deletes_at is not None
            action = Action.UNDELETE_SIGNER if is_deleting else Action.ENABLE_SIGNER
        case Code.CERTIFICATE_EXPIRED:
            action = Action.RENEW_SIGNER
        case Code.SIGNER_PENDING:
            action = Action.CERTIFY_SIGNER
        case Code.ALGORITHM_NOT_ALLOWED:
            return (find_misfit(signer) or Remedy(_way_to(given.hash, signer), signer.name, who),)
        case Code.NO_ACTIVE_GRANT:
            return list_missing_of_grant(signer, who, given.now, pending, latest)
        case _:
            return ()
    return (Remedy(action, signer.name, who),)


def list_missing_of_grant(
    signer: Signer, identity: str, now: datetime, pending: Request | None, latest: Grant | None
) -> tuple[Missing, ...]:
    """What stands between somebody without an open grant and one."""
    if pending is not None:
        return find_lacking(pending, now)
    ended = () if latest is None else (LastGrant(latest, latest.state(now)),)
    return (*ended, Remedy(Action.REQUEST_GRANT, signer.name, identity))


def _way_to(hash_: HashAlgorithm | None, signer: Signer) -> Action:
    """To a signature with this hash, which a grant or the policy does not allow."""
    allowed = () if signer.policy is None else signer.policy.terms.hashes
    if not allowed or hash_ in allowed:
        return Action.REQUEST_WIDER_GRANT
    return Action.CHANGE_HASH

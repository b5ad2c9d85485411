"""Would this be allowed, and what is missing? The decision of a call to sign, without signing."""

from dataclasses import dataclass
from datetime import datetime

from peewee import Database

from controlplane.domain import permissions
from controlplane.domain.decision import Allowed, Circumstances, decide
from controlplane.domain.explanation import Missing, list_missing
from controlplane.domain.instant import Clock
from controlplane.domain.mechanism import judged_hash_of
from controlplane.domain.model import Caller, Grant, HashAlgorithm, Identity, Request, Signer
from controlplane.errors import not_found
from controlplane.service.grants import GrantView
from controlplane.service.roles import role_that_counts
from controlplane.service.visibility import find_visible
from controlplane.store import grants, identities, requests
from controlplane.store.database import Store


@dataclass(frozen=True, slots=True)
class Explanation:
    """`code`, `sentence` and `missing` are there if it is not allowed; `grant` is the one that a
    call would use up, `request` is the pending one."""

    signer: Signer
    identity: str
    allowed: bool
    code: str | None
    sentence: str | None  # of the refusal
    missing: tuple[Missing, ...]
    grant: GrantView | None
    request: Request | None


class Explanations:
    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def explain(
        self, caller: Caller, name: str, identity: str, hash_: HashAlgorithm | None
    ) -> Explanation:
        """About oneself, a member, or whom the caller may read. Refused 400 naming
        `hash`, which the signer's key does not take; 404 signer_not_found, identity_not_found."""
        with self._store.read() as database:
            now = self._clock()
            stored, _ = find_visible(database, caller.identity, name, now)
            signer = stored.signer
            who = identities.find(database, identity)
            role = role_that_counts(database, signer.id, who) if who else None
            if who is None or not (
                role is not None or permissions.may_see_identity(caller.identity, who)
            ):
                raise not_found("identity", identity)
            given = Circumstances(
                identity=who,
                name=name,
                keyed=stored,
                role=role,
                grants=grants.find_active(database, now, signer=name, grantee=identity),
                hash=judged_hash_of(signer.key, hash_),
                certificate_serial=None,
                now=now,
            )
            pending, latest = find_grant_or_request(database, signer, who, now)
        decision = decide(given)
        if isinstance(decision, Allowed):
            used = decision.grant
            view = None if used is None else GrantView(used, used.state(now))
            return Explanation(signer, identity, True, None, None, (), view, pending)
        missing = list_missing(decision, given, pending, latest)
        return Explanation(
            signer, identity, False, decision.reason, decision.sentence, missing, None, pending
        )


def find_grant_or_request(
    database: Database, signer: Signer, identity: Identity, now: datetime
) -> tuple[Request | None, Grant | None]:
    """The newest request that waits under the signer's policy, and the latest grant."""
    policy_id = signer.policy.id if signer.policy else None
    waiting = requests.find_pending(database, now, signer=signer.name, requester=identity.name)
    counting = [request for request in waiting if request.policy_id == policy_id]
    latest = grants.find_latest(database, signer.name, identity.name)
    return (counting[-1] if counting else None), latest

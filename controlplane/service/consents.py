"""Who has a say in a change: the protected policies that it would touch."""

from datetime import datetime

from peewee import Database

from controlplane.domain.model import GrantState, Identity, Policy, Signer
from controlplane.service.gate import Consent
from controlplane.store import grants, policies, signers


def of_signer(signer: Signer) -> tuple[Consent, ...]:
    """In what is done to a signer."""
    return _of(signer.policy)


def of_attached(database: Database, policy: Policy, now: datetime) -> tuple[Consent, ...]:
    """In what is done to a policy, while a signer has it."""
    if not signers.names_with_policy(database, policy.id, now, seen_by=None, limit=1):
        return ()
    return _of(policy)


def of_approver(database: Database, identity: Identity, now: datetime) -> tuple[Consent, ...]:
    """In what makes somebody else of an identity that is named as an approver."""
    naming = policies.attached_naming(database, identity.name, now)
    return tuple(consent for policy in naming for consent in _of(policy))


def of_grantee(database: Database, identity: Identity, now: datetime) -> tuple[Consent, ...]:
    """In what lets somebody else sign under a grant of an identity."""
    held = grants.list_before(
        database,
        None,
        _MOST_GRANTS,
        now,
        signer=None,
        grantee=identity.name,
        state=GrantState.ACTIVE,
        seen_by=None,
    )
    found: list[Consent] = []
    for name in sorted({grant.signer for grant in held}):
        stored = signers.find(database, name, now)
        if stored is not None:
            found += of_signer(stored.signer)
    return tuple(dict.fromkeys(found))


_MOST_GRANTS = 10_000


def _of(policy: Policy | None) -> tuple[Consent, ...]:
    if policy is None or not policy.terms.protected:
        return ()
    return (Consent(f"the policy {policy.name!r}", policy.terms.steps),)

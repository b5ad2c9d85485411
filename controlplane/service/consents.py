"""Who has a say in a change: the protected policies that it would touch."""

from datetime import datetime

from peewee import Database

from controlplane.domain.model import (
    Group,
    Identity,
    MemberRole,
    Policy,
    ServerRole,
    Signer,
    Step,
)
from controlplane.domain.settings import FOUR_EYES
from controlplane.service.gate import Consent
from controlplane.store import grants, identities, policies, settings, signers

WEIGHTY = (MemberRole.ADMINISTRATOR, MemberRole.AUDITOR)
"""Who rules over a signer, and who, watching it, may no longer say no."""


def of_signer(signer: Signer) -> tuple[Consent, ...]:
    """In what is done to a signer."""
    return _of(signer.policy)


def of_attached(database: Database, policy: Policy, now: datetime) -> tuple[Consent, ...]:
    """In what is done to a policy, while a signer has it."""
    if not signers.names_with_policy(database, policy.id, now, seen_by=None, limit=1):
        return ()
    return _of(policy)


def of_approver(database: Database, identity: Identity, now: datetime) -> tuple[Consent, ...]:
    """In what makes somebody else of an identity that is named as an approver, itself or by a
    group."""
    naming = policies.attached_naming(database, identity.name, now)
    return tuple(consent for policy in naming for consent in _of(policy))


def of_group(database: Database, group: Group, now: datetime) -> tuple[Consent, ...]:
    """In who is in a group: of the policies that name it, and where it has weight."""
    found: list[Consent] = []
    for policy in policies.naming_group(database, group):
        found += of_attached(database, policy, now)
    for signer, role in signers.with_group(database, group, now):
        if role in WEIGHTY:
            found += of_signer(signer)
    return tuple(dict.fromkeys(found))


def of_grantee(database: Database, identity: Identity, now: datetime) -> tuple[Consent, ...]:
    """In what lets somebody else sign under a grant of an identity."""
    held = grants.signers_of_open(database, now, grantee=identity.name)
    found: list[Consent] = []
    for name in sorted(held):
        stored = signers.find(database, name, now)
        if stored is not None:
            found += of_signer(stored.signer)
    return tuple(dict.fromkeys(found))


def of_credential(database: Database, identity: Identity, now: datetime) -> tuple[Consent, ...]:
    """In what lets somebody call as an identity."""
    found = (*of_approver(database, identity, now), *of_grantee(database, identity, now))
    return tuple(dict.fromkeys(found))


def of_new_credential(
    database: Database, actor: Identity, identity: Identity, now: datetime
) -> tuple[Consent, ...]:
    """The same, of a credential that the actor makes; in one's own nobody else has a say."""
    if actor.id == identity.id:
        return ()
    of_admins = of_second_admin(database, actor) if identity.role is ServerRole.ADMIN else ()
    return (*of_credential(database, identity, now), *of_admins)


def of_second_admin(database: Database, actor: Identity) -> tuple[Consent, ...]:
    """In what changes the whole installation."""
    if not settings.read_setting(database, FOUR_EYES):
        return ()
    others = tuple(each.name for each in identities.admins(database) if each.id != actor.id)
    return (Consent("another admin", (Step("second admin", 1, others),)),)


def _of(policy: Policy | None) -> tuple[Consent, ...]:
    if policy is None or not policy.terms.protected:
        return ()
    return (Consent(f"the policy {policy.name!r}", policy.people.steps),)

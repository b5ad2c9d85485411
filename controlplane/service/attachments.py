"""A policy on a signer: put on and taken off for all to see, and only where it can be met."""

from collections.abc import Mapping
from datetime import datetime

from peewee import Database

from controlplane.domain.action import Action
from controlplane.domain.model import (
    Caller,
    Identity,
    Policy,
    PolicyChange,
    PolicyChangeKind,
    Signer,
    Terms,
)
from controlplane.domain.policy import find_unmet
from controlplane.domain.settings import REQUIRE_POLICY, RequirePolicy
from controlplane.domain.warnings import NobodyAgrees
from controlplane.errors import Code, Refused, not_found
from controlplane.service.candidates import Crowd
from controlplane.service.changes import carried_out, record
from controlplane.service.visibility import limited
from controlplane.store import identities, members, policies, settings, signers


def find_policy(database: Database, name: str) -> Policy:
    """Refused 404 policy_not_found."""
    policy = policies.find(database, name)
    if policy is None:
        raise not_found("policy", name)
    return policy


def find_visible_policy(
    database: Database, reader: Identity, name: str, now: datetime
) -> tuple[Policy, tuple[str, ...]]:
    """With the names of the signers that have it and that the reader sees. Refused 404
    policy_not_found, also where the reader may not see it."""
    policy = find_policy(database, name)
    seen_by = limited(reader)
    having = signers.names_with_policy(database, policy.id, now, seen_by=seen_by)
    if seen_by is not None and not having and reader.name not in policy.people.approvers:
        raise not_found("policy", name)
    return policy, having


def find_meetable(
    database: Database, actor: Identity, name: str, signer: Signer, now: datetime
) -> Policy:
    """The policy, which the actor sees and the signer has or can be given. Refused 404
    policy_not_found, 409 policy_cannot_be_met."""
    policy, _ = find_visible_policy(database, actor, name, now)
    if signer.policy is None or signer.policy.id != policy.id:
        auditors = members.auditors_of(database, signer.id)
        refuse_unmet(database, policy, {signer.name: auditors})
    return policy


def refuse_without_policy(database: Database, signer: str, terms: Terms | None) -> None:
    """`terms`: of the policy that the signer is to have. Refused 409 policy_required."""
    required = settings.read_setting(database, REQUIRE_POLICY)
    if required is RequirePolicy.NONE:
        return
    if terms is None or (required is RequirePolicy.PROTECTED and not terms.protected):
        what = "a policy" if required is RequirePolicy.ANY else "a protected policy"
        raise Refused(
            Code.POLICY_REQUIRED,
            f"The signer {signer!r} must have {what}: so the setting {REQUIRE_POLICY.name} "
            f"({required.value}) has it.",
        )


def change_policy(
    database: Database, caller: Caller | None, signer: Signer, policy: Policy | None, at: datetime
) -> None:
    """Gives the signer this policy, which can be met there, instead of the one it has; nothing if
    it has it already. `caller` None: on the server's own machine."""
    before = signer.policy
    if (policy.id if policy else None) == (before.id if before else None):
        return
    signers.set_policy(database, signer.id, policy)
    if before is not None:
        _tell(database, caller, signer, before, PolicyChangeKind.DETACHED, at)
    if policy is not None:
        _tell(database, caller, signer, policy, PolicyChangeKind.ATTACHED, at)
    record(
        database,
        caller,
        Action.SIGNER_SET_POLICY,
        signer.name,
        at=at,
        signer=signer.name,
        details={
            "policy": policy.name if policy else None,
            "policy_id": policy.id if policy else None,
            "before": before.name if before else None,
        },
    )


def refuse_unmet(
    database: Database, policy: Policy, auditors: Mapping[str, frozenset[str]]
) -> None:
    """`auditors`: of each signer in question, by its name, their ids. Refused 409
    policy_cannot_be_met: a step that too few people could complete on the first such signer."""
    terms = policy.people
    crowd = Crowd(database, terms.approvers)
    # Most signers have the same of them as auditors: none.
    judged: dict[frozenset[str], tuple[str, ...]] = {}
    for signer, watching in auditors.items():
        among = watching & crowd.ids
        if among not in judged:
            judged[among] = find_unmet(terms.steps, crowd.on(among))
        if judged[among]:
            told = " ".join(judged[among])
            raise Refused(Code.POLICY_CANNOT_BE_MET, f"On the signer {signer!r}: {told}")


def find_nobody(database: Database, signer: Signer) -> tuple[NobodyAgrees, ...]:
    """Whether its protected policy takes more people with an enrolled key than there are: then
    nobody can agree to anything, a new key of theirs included."""
    policy = signer.policy
    if policy is None or not policy.terms.protected:
        return ()
    crowd = Crowd(database, policy.people.approvers)
    enrolled = identities.with_enrolled_key(database, crowd.ids)
    candidates = crowd.on(members.auditors_of(database, signer.id))
    unmet = find_unmet(policy.people.steps, candidates, enrolled=enrolled)
    return (NobodyAgrees(policy.name, unmet),) if unmet else ()


def _tell(
    database: Database,
    caller: Caller | None,
    signer: Signer,
    policy: Policy,
    change: PolicyChangeKind,
    at: datetime,
) -> None:
    by, what = (caller.author, carried_out(caller)) if caller else (None, ())
    told = PolicyChange(at, by, policy.id, policy.name, signer.name, change, what)
    policies.insert_change(database, told)


def no_policy(signer: Signer) -> Refused:
    return Refused(
        Code.NO_POLICY,
        f"The signer {signer.name!r} has no policy: its members sign without a grant.",
    )

"""Changing what a policy asks for: its own steps have a say in it, if it is protected."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar

from peewee import Database

from controlplane.domain import permissions
from controlplane.domain.action import Action
from controlplane.domain.model import (
    Caller,
    Identity,
    Policy,
    PolicyChange,
    PolicyChangeKind,
    Terms,
)
from controlplane.domain.policy import Comparison, TermsEdit, check_terms, compare, describe_terms
from controlplane.service import consents
from controlplane.service.attachments import (
    find_policy,
    refuse_unmet,
    refuse_without_policy,
)
from controlplane.service.changes import carried_out, record
from controlplane.service.gate import Change, Ruling
from controlplane.service.grants import revoke_all
from controlplane.service.mentions import find_groups, who_are
from controlplane.service.requests import cancel_all
from controlplane.store import grants, requests, signers
from controlplane.store import policies as rows


@dataclass(frozen=True, slots=True)
class EditPolicy(Change[None]):
    """Requests and grants keep the terms that they were made under. Where it becomes protected, or
    its steps change while it is, requests that wait end, and grants without the approvals that its
    steps ask for: what others let through before is not what it protects. Refused 400,
    403, 404, 409 policy_required, policy_cannot_be_met on a signer that has the policy."""

    action: ClassVar[Action] = Action.POLICY_EDIT

    policy: str
    given: TermsEdit

    def judge(self, database: Database, actor: Identity, at: datetime) -> Ruling[None]:
        permissions.require_admin(actor, "edit policies")
        before = find_policy(database, self.policy)
        after = replace(before, terms=self.given.revise(before.terms))
        comparison = compare(before.terms, after.terms)
        if after != before:
            check_terms(after.terms)
            after = replace(after, groups=find_groups(database, after.terms))
            auditors = signers.auditors_with_policy(database, before.id, at)
            refuse_unmet(database, after, auditors)
            for signer in sorted(auditors)[:1]:
                refuse_without_policy(database, signer, after.terms)

        def apply(database: Database, caller: Caller, at: datetime) -> None:
            if after != before:
                self._edit(database, caller, before, after, at)

        lets_more_through = comparison.loosened or after.terms.steps != before.terms.steps
        details = _details(before.terms, after.terms)
        return Ruling(
            subject=before.name,
            needs=consents.of_attached(database, before, at) if lets_more_through else (),
            rests_on=(before, after.groups),
            apply=apply,
            details={"change": _kind(comparison).value, **details, **who_are(after.groups)},
        )

    def _edit(
        self, database: Database, caller: Caller, before: Policy, after: Policy, at: datetime
    ) -> None:
        rows.update(database, after)
        comparison = compare(before.terms, after.terms)
        change = _kind(comparison)
        what = (*comparison.loosened, *comparison.tightened)
        tell(database, caller, after, change, at, what)
        details = {
            "id": after.id,
            "change": change.value,
            **_details(before.terms, after.terms),
        }
        record(database, caller, self.action, after.name, at=at, details=details)
        if after.terms.protected and (
            not before.terms.protected or after.terms.steps != before.terms.steps
        ):
            why = f"Other approvers decide under the policy {after.name!r} from now on."
            cancel_all(database, caller, at, requests.under_policy(after.id))
            revoke_all(database, caller, at, grants.given_past(database, after), why)


def tell(
    database: Database,
    caller: Caller,
    policy: Policy,
    change: PolicyChangeKind,
    at: datetime,
    what: tuple[str, ...] = (),
) -> None:
    """Those who read the policy."""
    what = (*what, *carried_out(caller))
    told = PolicyChange(at, caller.author, policy.id, policy.name, None, change, what)
    rows.insert_change(database, told)


def _kind(comparison: Comparison) -> PolicyChangeKind:
    if comparison.loosened:
        return PolicyChangeKind.LOOSENED
    return PolicyChangeKind.TIGHTENED if comparison.tightened else PolicyChangeKind.CHANGED


def _details(before: Terms, after: Terms) -> dict[str, str | int | bool | None]:
    """What it was and what it is, where that differs."""
    was, is_ = describe_terms(before), describe_terms(after)
    details: dict[str, str | int | bool | None] = {}
    for field in is_:
        if is_[field] != was[field]:
            details |= {field: is_[field], f"{field}_before": was[field]}
    return details

"""Named sets of constraints, shared by any number of signers."""

from dataclasses import dataclass

from peewee import Database

from controlplane.domain import permissions
from controlplane.domain.action import Action
from controlplane.domain.identifier import new_id
from controlplane.domain.instant import Clock
from controlplane.domain.model import (
    Caller,
    Policy,
    PolicyChange,
    PolicyChangeKind,
    Terms,
)
from controlplane.domain.names import check_policy_name
from controlplane.domain.page import Page, PageRequest
from controlplane.domain.policy import TermsEdit, check_terms, describe_terms
from controlplane.errors import Code, Refused
from controlplane.service import cursor
from controlplane.service.attachments import find_policy, find_visible_policy
from controlplane.service.changes import confirm, record
from controlplane.service.gate import Gate
from controlplane.service.mentions import find_groups
from controlplane.service.policy_edit import EditPolicy, tell
from controlplane.service.visibility import limited
from controlplane.store import policies as rows
from controlplane.store import signers
from controlplane.store.database import Store

_MOST_NAMES = 8  # of signers, in a sentence


@dataclass(frozen=True, slots=True)
class PolicyView:
    """A policy as this caller sees it now."""

    policy: Policy
    signers: tuple[str, ...]  # that have it and that the caller sees, by name
    changes: tuple[PolicyChange, ...]  # newest first


class Policies:
    def __init__(self, store: Store, gate: Gate, clock: Clock) -> None:
        self._store = store
        self._gate = gate
        self._clock = clock

    def create(self, caller: Caller, name: str, terms: Terms) -> PolicyView:
        """Refused 400 (name, terms; an approver that is neither identity nor group),
        403, 409 policy_exists."""
        check_policy_name(name)
        check_terms(terms)
        with self._store.write() as database:
            self._administered(database, caller, "create policies")
            if rows.find(database, name) is not None:
                raise Refused(Code.POLICY_EXISTS, f"There is a policy {name!r} already.")
            named = find_groups(database, terms)
            policy = Policy(new_id(), name, terms, self._clock(), named)
            rows.insert(database, policy)
            tell(database, caller, policy, PolicyChangeKind.CREATED, policy.created_at)
            details = {"id": policy.id, **describe_terms(terms)}
            record(
                database, caller, Action.POLICY_CREATE, name, at=policy.created_at, details=details
            )
        return self.get(caller, name)

    def list(self, caller: Caller, page: PageRequest) -> Page[Policy]:
        """By name: all for server-wide readers; for others those that name them as approver, and
        those of signers that they are members of."""
        after = cursor.read_text(page, "")
        with self._store.read() as database:
            seen_by = limited(caller.identity)
            found = rows.list_after(database, after, page.limit + 1, self._clock(), seen_by=seen_by)
        return cursor.cut(found, page, lambda policy: policy.name)

    def get(self, caller: Caller, name: str) -> PolicyView:
        """Refused 404 policy_not_found, also where the caller may not see it."""
        with self._store.read() as database:
            now = self._clock()
            policy, having = find_visible_policy(database, caller.identity, name, now)
            seen_by = limited(caller.identity)
            seen = None if seen_by is None else signers.names_seen_by(database, seen_by, now)
            return PolicyView(policy, having, rows.changes_of_policy(database, policy.id, seen))

    def edit(self, caller: Caller, name: str, given: TermsEdit) -> PolicyView:
        """Requests and grants keep the terms that they were made under. Refused as EditPolicy.
        Raises Proposed."""
        self._gate.make(caller, EditPolicy(name, given))
        return self.get(caller, name)

    def delete(self, caller: Caller, name: str) -> None:
        """Refused 403, 404, 409 policy_in_use while a signer has it."""
        with self._store.change() as database:  # whoever judged by it judges again
            self._administered(database, caller, "delete policies")
            policy = find_policy(database, name)
            having = signers.names_with_policy(
                database, policy.id, self._clock(), seen_by=None, limit=_MOST_NAMES + 1
            )
            if having:
                raise Refused(
                    Code.POLICY_IN_USE,
                    f"The policy {name!r} is attached to {', '.join(having[:_MOST_NAMES])}"
                    f"{' and others' if len(having) > _MOST_NAMES else ''}: detach it first.",
                )
            rows.delete(database, policy.id)
            details = {"id": policy.id, **describe_terms(policy.terms)}
            record(database, caller, Action.POLICY_DELETE, name, at=self._clock(), details=details)

    def _administered(self, database: Database, caller: Caller, what: str) -> None:
        permissions.require_admin(confirm(database, caller), what)

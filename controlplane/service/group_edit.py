"""Changing who is in a group: what is protected and names it has a say in that."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar

from peewee import Database

from controlplane.domain import permissions
from controlplane.domain.action import Action
from controlplane.domain.model import Caller, Group, Identity, IdentityKind, PolicyChangeKind
from controlplane.domain.ranges import GROUP
from controlplane.errors import invalid, not_found
from controlplane.service import consents
from controlplane.service.attachments import refuse_unmet
from controlplane.service.changes import record
from controlplane.service.gate import Change, Ruling
from controlplane.service.identity_edit import find_identity
from controlplane.service.policy_edit import tell
from controlplane.service.roles import refuse_joining
from controlplane.store import groups as rows
from controlplane.store import policies, signers


@dataclass(frozen=True, slots=True)
class AddedUser:
    group: Group
    created: bool  # False: was in it before


@dataclass(frozen=True, slots=True)
class AddToGroup(Change[AddedUser]):
    """Refused 400 (no user, or one too many), 403, 404, 409 roles_exclude."""

    action: ClassVar[Action] = Action.GROUP_ADD

    group: str
    identity: str

    def judge(self, database: Database, actor: Identity, at: datetime) -> Ruling[AddedUser]:
        permissions.require_admin(actor, "change groups")
        group, user = find_group(database, self.group), find_identity(database, self.identity)
        if user.kind is not IdentityKind.USER:
            raise invalid("identity", f"{user.name} is a machine; a group is of users.")
        is_in = user.name in group.users
        after = replace(group, users=tuple(sorted({*group.users, user.name})))
        if len(after.users) not in GROUP:
            raise invalid("identity", f"A group has at most {GROUP.most} users.")
        if not is_in:
            refuse_joining(database, user, group, at)

        def apply(database: Database, caller: Caller, at: datetime) -> AddedUser:
            if not is_in:
                rows.add(database, group, user, at)
                _leave_traces(database, caller, self.action, group, user, at)
            return AddedUser(after, created=not is_in)

        return Ruling(
            subject=group.name,
            needs=() if is_in else consents.of_group(database, group, at),
            rests_on=(group, user.id),
            apply=apply,
            details={"identity": user.name},
        )


@dataclass(frozen=True, slots=True)
class RemoveFromGroup(Change[None]):
    """Refused 403, 404 group_not_found, identity_not_found, member_not_found, 409
    policy_cannot_be_met on a signer whose policy names the group."""

    action: ClassVar[Action] = Action.GROUP_REMOVE
    needs_time: ClassVar[bool] = False

    group: str
    identity: str

    def judge(self, database: Database, actor: Identity, at: datetime) -> Ruling[None]:
        permissions.require_admin(actor, "change groups")
        group, user = find_group(database, self.group), find_identity(database, self.identity)
        if user.name not in group.users:
            raise not_found("member", user.name)
        after = replace(group, users=tuple(each for each in group.users if each != user.name))
        for policy in policies.naming_group(database, group):
            named = tuple(after if each == group else each for each in policy.groups)
            auditors = signers.auditors_with_policy(database, policy.id, at)
            refuse_unmet(database, replace(policy, groups=named), auditors)

        def apply(database: Database, caller: Caller, at: datetime) -> None:
            rows.remove(database, group, user)
            _leave_traces(database, caller, self.action, group, user, at)

        return Ruling(
            subject=group.name,
            needs=consents.of_group(database, group, at),
            rests_on=(group, user.id),
            apply=apply,
            details={"identity": user.name},
        )


def find_group(database: Database, name: str) -> Group:
    """Refused 404 group_not_found."""
    group = rows.find(database, name)
    if group is None:
        raise not_found("group", name)
    return group


def _leave_traces(
    database: Database, caller: Caller, action: Action, group: Group, user: Identity, at: datetime
) -> None:
    """A row, and a word to those who read a policy that names the group."""
    joins = action is Action.GROUP_ADD
    change = PolicyChangeKind.LOOSENED if joins else PolicyChangeKind.TIGHTENED
    what = f"{group.mention}: {user.name} {'may' if joins else 'may no longer'} approve"
    for policy in policies.naming_group(database, group):
        tell(database, caller, policy, change, at, (what,))
    record(database, caller, action, group.name, at=at, details={"identity": user.name})

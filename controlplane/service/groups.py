"""Users who are named together, as approvers and as members."""

from dataclasses import dataclass

from peewee import Database

from controlplane.domain import permissions
from controlplane.domain.action import Action
from controlplane.domain.identifier import new_id
from controlplane.domain.instant import Clock
from controlplane.domain.model import Caller, Group
from controlplane.domain.names import check_group_name
from controlplane.domain.page import Page, PageRequest
from controlplane.errors import Code, Refused, not_found
from controlplane.service import cursor
from controlplane.service.changes import confirm, record
from controlplane.service.gate import Gate
from controlplane.service.group_edit import AddedUser, AddToGroup, RemoveFromGroup, find_group
from controlplane.service.visibility import limited
from controlplane.store import groups as rows
from controlplane.store import identities, policies, signers
from controlplane.store.database import Store


@dataclass(frozen=True, slots=True)
class GroupView:
    """A group, and the names of what names it: who is in it sees all of that."""

    group: Group
    policies: tuple[str, ...]
    signers: tuple[str, ...]


class Groups:
    def __init__(self, store: Store, gate: Gate, clock: Clock) -> None:
        self._store = store
        self._gate = gate
        self._clock = clock

    def create(self, caller: Caller, name: str) -> Group:
        """Without users. Refused 400 (name), 403, 409 group_exists; identity_exists where an
        identity of an earlier version is named as the group would be."""
        check_group_name(name)
        with self._store.change() as database:
            permissions.require_admin(confirm(database, caller), "create groups")
            group = Group(new_id(), name, (), self._clock())
            if rows.find(database, name) is not None:
                raise Refused(Code.GROUP_EXISTS, f"There is a group {name!r} already.")
            if identities.find(database, group.mention) is not None:
                title = f"There is an identity {group.mention!r}: give the group another name."
                raise Refused(Code.IDENTITY_EXISTS, title)
            rows.insert(database, group)
            details = {"id": group.id}
            record(
                database, caller, Action.GROUP_CREATE, name, at=group.created_at, details=details
            )
        return group

    def list(self, caller: Caller, page: PageRequest) -> Page[Group]:
        """By name: all for server-wide readers; for others those that they are in."""
        after = cursor.read_text(page, "")
        with self._store.read() as database:
            seen_by = limited(caller.identity)
            found = rows.list_after(database, after, page.limit + 1, seen_by=seen_by)
        return cursor.cut(found, page, lambda group: group.name)

    def get(self, caller: Caller, name: str) -> GroupView:
        """Refused 404 group_not_found, also where the caller may not see it."""
        with self._store.read() as database:
            group = find_group(database, name)
            seen_by = limited(caller.identity)
            if seen_by is not None and seen_by.name not in group.users:
                raise not_found("group", name)
            return self._view(database, group)

    def delete(self, caller: Caller, name: str) -> None:
        """Refused 403, 404, 409 group_in_use while a policy or a signer names it."""
        with self._store.change() as database:
            permissions.require_admin(confirm(database, caller), "delete groups")
            view = self._view(database, find_group(database, name))
            named_by = [f"the policy {each!r}" for each in view.policies]
            named_by += [f"the signer {each!r}" for each in view.signers]
            if named_by:
                others = " and others" if len(named_by) > 1 else ""
                raise Refused(
                    Code.GROUP_IN_USE,
                    f"The group {name!r} is named by {named_by[0]}{others}: take it out there "
                    "first.",
                )
            rows.delete(database, view.group.id)
            details = {"id": view.group.id, "users": ", ".join(view.group.users) or None}
            record(database, caller, Action.GROUP_DELETE, name, at=self._clock(), details=details)

    def add(self, caller: Caller, name: str, identity: str) -> AddedUser:
        """Refused as AddToGroup. Raises Proposed."""
        return self._gate.make(caller, AddToGroup(name, identity))

    def remove(self, caller: Caller, name: str, identity: str) -> None:
        """Refused as RemoveFromGroup. Raises Proposed."""
        self._gate.make(caller, RemoveFromGroup(name, identity))

    def _view(self, database: Database, group: Group) -> GroupView:
        return GroupView(
            group,
            tuple(policy.name for policy in policies.naming_group(database, group)),
            tuple(signer.name for signer, _ in signers.with_group(database, group, self._clock())),
        )

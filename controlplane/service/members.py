"""Which identity or group may do what with which signer."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from peewee import Database

from controlplane.domain import permissions
from controlplane.domain.action import Action
from controlplane.domain.instant import Clock
from controlplane.domain.keys import KeyedSigner
from controlplane.domain.model import Caller, Group, Identity, Member, MemberRole, Signer
from controlplane.domain.names import GROUP_MARK
from controlplane.domain.page import Page, PageRequest
from controlplane.errors import not_found
from controlplane.service import consents, cursor
from controlplane.service.changes import confirm, record
from controlplane.service.gate import Change, Gate, Ruling
from controlplane.service.mentions import who_are
from controlplane.service.roles import refuse_role
from controlplane.service.visibility import find_visible
from controlplane.store import groups, identities, members
from controlplane.store.database import Store


@dataclass(frozen=True, slots=True)
class AddedMember:
    member: Member
    created: bool  # False: was a member before


class Members:
    def __init__(self, store: Store, gate: Gate, clock: Clock) -> None:
        self._store = store
        self._gate = gate
        self._clock = clock

    def list(self, caller: Caller, signer: str, page: PageRequest) -> Page[Member]:
        """By name, groups with their mark; who is a member by a group is not listed. Refused 404
        signer_not_found."""
        after = cursor.read_text(page, "")
        with self._store.read() as database:
            stored, _ = find_visible(database, caller.identity, signer, self._clock())
            found = members.list_after(database, stored.signer, after, page.limit + 1)
        return cursor.cut(found, page, lambda member: member.identity)

    def add(self, caller: Caller, signer: str, identity: str, role: MemberRole) -> AddedMember:
        """Adds, or gives a member this role. Refused as AddMember. Raises Proposed."""
        return self._gate.make(caller, AddMember(signer, identity, role))

    def remove(self, caller: Caller, signer: str, identity: str) -> None:
        """Refused 403, 404 member_not_found."""
        with self._store.change() as database:
            actor = confirm(database, caller)
            stored, found = _find_managed(database, actor, signer, identity, self._clock())
            before = members.find(database, stored.signer, found)
            if before is None:
                raise not_found("member", identity)
            members.delete(database, stored.signer, found)
            record(
                database,
                caller,
                Action.MEMBER_REMOVE,
                identity,
                at=self._clock(),
                signer=signer,
                details={"before": before.role.value},
            )


@dataclass(frozen=True, slots=True)
class AddMember(Change[AddedMember]):
    """Refused 403, 404, 409 roles_exclude."""

    action: ClassVar[Action] = Action.MEMBER_ADD

    signer: str
    identity: str  # or a group, with its mark
    role: MemberRole

    def judge(self, database: Database, actor: Identity, at: datetime) -> Ruling[AddedMember]:
        stored, found = _find_managed(database, actor, self.signer, self.identity, at)
        before = members.find(database, stored.signer, found)
        is_other = before is None or before.role is not self.role
        has_a_say = is_other and self.role in consents.WEIGHTY
        if is_other:
            refuse_role(database, found, self.signer, self.role, at)

        def apply(database: Database, caller: Caller, at: datetime) -> AddedMember:
            if before is not None and before.role is self.role:
                return AddedMember(before, created=False)
            return self._put(database, caller, stored.signer, found, before, at)

        return Ruling(
            subject=self.identity,
            signer=self.signer,
            needs=consents.of_signer(stored.signer) if has_a_say else (),
            rests_on=(stored.signer.id, found if isinstance(found, Group) else found.id, before),
            apply=apply,
            details={
                "role": self.role.value,
                "before": before.role.value if before else None,
                **who_are((found,) if isinstance(found, Group) else ()),
            },
        )

    def _put(
        self,
        database: Database,
        caller: Caller,
        signer: Signer,
        who: Identity | Group,
        before: Member | None,
        at: datetime,
    ) -> AddedMember:
        added = at if before is None else before.added_at
        members.put(database, signer, who, self.role, added)
        record(
            database,
            caller,
            Action.MEMBER_ADD if before is None else Action.MEMBER_CHANGE,
            self.identity,
            at=at,
            signer=self.signer,
            details={"role": self.role.value, "before": before.role.value if before else None},
        )
        member = Member(self.signer, self.identity, self.role, added)
        return AddedMember(member, created=before is None)


def _find_managed(
    database: Database, actor: Identity, signer: str, identity: str, at: datetime
) -> tuple[KeyedSigner, Identity | Group]:
    stored, role = find_visible(database, actor, signer, at)
    permissions.require_signer_manager(actor, role, "change its members")
    named = groups.mentioned(database, [identity])
    found = named[0] if named else identities.find(database, identity)
    if found is None:
        raise not_found("group" if identity.startswith(GROUP_MARK) else "identity", identity)
    return stored, found

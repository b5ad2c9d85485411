"""Which identity may do what with which signer."""

from dataclasses import dataclass

from peewee import Database

from controlplane.domain import permissions
from controlplane.domain.action import Action
from controlplane.domain.instant import Clock
from controlplane.domain.keys import KeyedSigner
from controlplane.domain.model import Caller, Identity, Member, MemberRole
from controlplane.domain.page import Page, PageRequest
from controlplane.errors import not_found
from controlplane.service import cursor
from controlplane.service.changes import confirm, record
from controlplane.service.visibility import find_visible
from controlplane.store import identities, members
from controlplane.store.database import Store


@dataclass(frozen=True, slots=True)
class AddedMember:
    member: Member
    created: bool  # False: was a member before


class Members:
    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def list(self, caller: Caller, signer: str, page: PageRequest) -> Page[Member]:
        """By identity name. Refused 404 signer_not_found."""
        after = cursor.read_text(page, "")
        with self._store.read() as database:
            stored, _ = find_visible(database, caller.identity, signer, self._clock())
            found = members.list_after(database, stored.signer, after, page.limit + 1)
        return cursor.cut(found, page, lambda member: member.identity)

    def add(self, caller: Caller, signer: str, identity: str, role: MemberRole) -> AddedMember:
        """Adds, or gives a member this role. Refused 403, 404."""
        with self._store.change() as database:
            stored, found = self._managed(database, caller, signer, identity)
            before = members.find(database, stored.signer, found)
            if before is not None and before.role is role:
                return AddedMember(before, created=False)
            at = self._clock()
            added = at if before is None else before.added_at
            members.put(database, stored.signer, found, role, added)
            record(
                database,
                caller,
                Action.MEMBER_ADD if before is None else Action.MEMBER_CHANGE,
                identity,
                at=at,
                signer=signer,
                details={"role": role.value, "before": before.role.value if before else None},
            )
        return AddedMember(Member(signer, identity, role, added), created=before is None)

    def remove(self, caller: Caller, signer: str, identity: str) -> None:
        """Refused 403, 404 member_not_found."""
        with self._store.change() as database:
            stored, found = self._managed(database, caller, signer, identity)
            before = members.find(database, stored.signer, found)
            if before is None:
                raise not_found("member", identity)
            members.delete(database, stored.signer.id, found.id)
            record(
                database,
                caller,
                Action.MEMBER_REMOVE,
                identity,
                at=self._clock(),
                signer=signer,
                details={"before": before.role.value},
            )

    def _managed(
        self, database: Database, caller: Caller, signer: str, identity: str
    ) -> tuple[KeyedSigner, Identity]:
        actor = confirm(database, caller)
        stored, role = find_visible(database, actor, signer, self._clock())
        permissions.require_signer_manager(actor, role, "change its members")
        found = identities.find(database, identity)
        if found is None:
            raise not_found("identity", identity)
        return stored, found

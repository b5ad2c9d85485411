"""Changing an identity: its role, its e-mail address, and who is to own it."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from peewee import Database

from controlplane.domain import permissions
from controlplane.domain.action import Action
from controlplane.domain.identity_edit import IdentityEdit
from controlplane.domain.model import Caller, Identity, IdentityKind
from controlplane.domain.names import check_email
from controlplane.domain.operation import Details
from controlplane.errors import invalid, not_found
from controlplane.service import consents
from controlplane.service.changes import record
from controlplane.service.gate import Change, Consent, Ruling
from controlplane.service.roles import refuse_change
from controlplane.store import identities as rows


@dataclass(frozen=True, slots=True)
class EditIdentity(Change[Identity]):
    """Who is to own a machine that a protected policy names is not for an admin alone to say.
    Refused 400 (owner, email), 403, 404, 409 last_admin, roles_exclude."""

    action: ClassVar[Action] = Action.IDENTITY_EDIT

    identity: str
    given: IdentityEdit

    def judge(self, database: Database, actor: Identity, at: datetime) -> Ruling[Identity]:
        permissions.require_admin(actor, "edit identities")
        before = find_identity(database, self.identity)
        after = self.given.revise(before)
        if after.proposed_owner not in (None, before.proposed_owner):
            check_offered(database, after.kind, after.proposed_owner)
        if after.email is not None:
            check_email(after.email)
        if counts_as_admin(before) and not permissions.is_admin(after):
            permissions.require_remaining_admin(
                rows.count_other_admins(database, [before.id], at), "give anybody a role again"
            )
        refuse_change(database, before, after, at)

        def apply(database: Database, caller: Caller, at: datetime) -> Identity:
            if after != before:
                rows.update(database, after)
                details = describe_edit(before, after)
                record(database, caller, self.action, before.name, at=at, details=details)
            return after

        return Ruling(
            subject=before.name,
            needs=_consents(database, actor, before, after, at),
            rests_on=(before,),
            apply=apply,
            details=describe_edit(before, after),
        )


def find_identity(database: Database, name: str) -> Identity:
    """Refused 404 identity_not_found."""
    identity = rows.find(database, name)
    if identity is None:
        raise not_found("identity", name)
    return identity


def check_offered(database: Database, kind: IdentityKind, owner: str) -> None:
    """Refused 400 naming the owner."""
    if kind is IdentityKind.USER:
        raise invalid("owner", "A user has no owner; only machines have one.")
    found = rows.find(database, owner)
    if found is None or found.kind is not IdentityKind.USER:
        raise invalid("owner", f"The owner must be a user; there is no user {owner!r}.")
    if found.disabled:
        raise invalid("owner", f"The user {owner!r} is disabled, and could not accept it.")


def counts_as_admin(identity: Identity) -> bool:
    return permissions.is_admin(identity) and not identity.disabled


def _consents(
    database: Database, actor: Identity, before: Identity, after: Identity, at: datetime
) -> tuple[Consent, ...]:
    """In another role everybody's other admins, in another owner those whom the machine decides
    for or signs under."""
    found: tuple[Consent, ...] = ()
    if after.role is not before.role:
        found += consents.of_second_admin(database, actor)
    if after.proposed_owner not in (None, before.proposed_owner):
        found += consents.of_new_credential(database, actor, before, at)
    return tuple(dict.fromkeys(found))


def describe_edit(before: Identity, after: Identity) -> Details:
    """What changed, and what it was."""
    details: dict[str, str | int | bool | None] = {}
    for field in ("role", "proposed_owner", "email"):
        was, is_ = getattr(before, field), getattr(after, field)
        if was != is_:
            details |= {field: is_, f"{field}_before": was}
    return details

"""Signers as a caller sees them."""

from dataclasses import dataclass, replace
from datetime import datetime

from peewee import Database

from controlplane.domain import permissions
from controlplane.domain.keys import KeyedSigner
from controlplane.domain.model import Identity, MemberRole, PolicyChange, Signer, SignerStatus
from controlplane.domain.warnings import KeyWaits, SignerWarning, warnings_of
from controlplane.errors import Code, Refused, not_found
from controlplane.store import members, signers


@dataclass(frozen=True, slots=True)
class SignerView:
    """A signer as this caller sees it now. `policy_changes`: newest first, where one signer was
    asked for."""

    signer: Signer
    status: SignerStatus
    role: MemberRole | None  # the caller's
    warnings: tuple[SignerWarning, ...]
    policy_changes: tuple[PolicyChange, ...] = ()


def view_of(signer: Signer, role: MemberRole | None, now: datetime) -> SignerView:
    return SignerView(signer, signer.status(now), role, warnings_of(signer, now))


def view_of_stored(stored: KeyedSigner, role: MemberRole | None, now: datetime) -> SignerView:
    """Tells of a key that waits, too."""
    view = view_of(stored.signer, role, now)
    if stored.next_key is None:
        return view
    return replace(view, warnings=(*view.warnings, KeyWaits(stored.signer.name)))


def find_visible(
    database: Database, identity: Identity, name: str, now: datetime
) -> tuple[KeyedSigner, MemberRole | None]:
    """With the identity's role on it. Refused 404 signer_not_found."""
    stored = signers.find(database, name, now)
    if stored is None:
        raise not_found("signer", name)
    role = members.find_role(database, stored.signer.id, identity.id)
    if not permissions.may_see_signer(identity, role, stored.signer.policy):
        raise not_found("signer", name)
    return stored, role


def list_visible(
    database: Database, identity: Identity, after: int, limit: int | None, now: datetime
) -> list[SignerView]:
    """By number, those after this one."""
    roles = members.roles_of(database, identity.id)
    found = signers.list_after(database, after, limit, now, seen_by=limited(identity))
    return [view_of_stored(each, roles.get(each.signer.id), now) for each in found]


def refuse_deleting(signer: Signer) -> None:
    """Refused 409 signer_deleting: what would be of no use to a signer that will be gone."""
    if signer.deletes_at is not None:
        raise Refused(
            Code.SIGNER_DELETING,
            f"The signer {signer.name!r} is being deleted: take that back first "
            f"(sealwright signer undelete {signer.name}).",
        )


def limited(identity: Identity) -> Identity | None:
    """The identity whose view a list is limited to; None for those who read everything."""
    return None if permissions.may_read_everything(identity) else identity

"""Making an identity, with its first credential: an API key, or a code of which one is made."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar

from peewee import Database

from controlplane.domain import permissions
from controlplane.domain.action import Action
from controlplane.domain.enrolment import Enrolment
from controlplane.domain.identifier import new_id
from controlplane.domain.model import ApiKey, Caller, Identity, IdentityKind, ServerRole
from controlplane.domain.names import check_identity_name
from controlplane.errors import Code, Refused, invalid
from controlplane.service import consents
from controlplane.service.changes import record
from controlplane.service.gate import Change, Ruling
from controlplane.service.identity_edit import check_offered
from controlplane.service.new_credentials import CreateEnrolment, insert_key
from controlplane.service.roles import refuse_new
from controlplane.store import identities as rows


@dataclass(frozen=True, slots=True)
class NewIdentity:
    identity: Identity
    api_key: str  # shown once
    api_key_id: str


@dataclass(frozen=True, slots=True)
class FirstKey:
    """`digest`: SHA-256 in hex."""

    id: str
    digest: str


@dataclass(frozen=True, slots=True)
class Created:
    identity: Identity
    enrolment: Enrolment | None


@dataclass(frozen=True, slots=True)
class CreateIdentity(Change[Created]):
    """With a key, or a code. A user has no owner; a machine is its creator's until the user named
    as its owner accepts it. Refused 400 (name, owner), 403, 409 identity_exists, roles_exclude."""

    action: ClassVar[Action] = Action.IDENTITY_CREATE

    name: str
    kind: IdentityKind
    role: ServerRole | None
    owner: str | None
    key: FirstKey | None = None
    code: CreateEnrolment | None = None

    def judge(self, database: Database, actor: Identity, at: datetime) -> Ruling[Created]:
        check_identity_name(self.name)
        permissions.require_admin(actor, "create identities")
        owner, proposed_owner = _owners_of(database, actor, self.kind, self.owner)
        if rows.find(database, self.name) is not None:
            raise Refused(Code.IDENTITY_EXISTS, f"There is an identity {self.name!r} already.")
        identity = Identity(
            new_id(), self.name, self.kind, self.role, False, owner, at, proposed_owner
        )
        refuse_new(database, identity)

        def apply(database: Database, caller: Caller, at: datetime) -> Created:
            return self._create(database, caller, replace(identity, created_at=at), at)

        return Ruling(
            subject=self.name,
            needs=consents.of_second_admin(database, actor) if self.role else (),
            rests_on=(owner, proposed_owner),
            apply=apply,
            details={
                **_describe(identity),
                "credential": f"api_key, known to {actor.name}" if self.key else "enrolment_code",
            },
        )

    def _create(
        self, database: Database, caller: Caller, identity: Identity, at: datetime
    ) -> Created:
        rows.insert(database, identity)
        if self.key is not None:
            key = ApiKey(self.key.id, identity.id, at, None, issued_by=caller.author)
            rows.insert_key(database, key, bytes.fromhex(self.key.digest))
        details = {
            "id": identity.id,
            **_describe(identity),
            "api_key_id": self.key.id if self.key else None,
        }
        record(database, caller, self.action, identity.name, at=at, details=details)
        if self.code is None:
            return Created(identity, None)
        return Created(identity, self.code.issue(database, caller, identity, at))


def insert_identity(database: Database, identity: Identity) -> NewIdentity:
    """With its first API key, on the server's own machine."""
    rows.insert(database, identity)
    created = insert_key(database, identity, identity.created_at)
    return NewIdentity(identity, created.api_key, created.key.id)


def _describe(identity: Identity) -> dict[str, str | int | bool | None]:
    return {
        "kind": identity.kind.value,
        "role": identity.role.value if identity.role else None,
        "owner": identity.owner,
        "proposed_owner": identity.proposed_owner,
    }


def _owners_of(
    database: Database, creator: Identity, kind: IdentityKind, wanted: str | None
) -> tuple[str | None, str | None]:
    """The owner of a new identity, and who is to own it once they accept it."""
    if kind is IdentityKind.USER:
        if wanted is not None:
            raise invalid("owner", "A user has no owner; only machines have one.")
        return None, None
    own = creator.name if creator.kind is IdentityKind.USER else creator.owner
    offered = creator.proposed_owner
    if wanted is None:
        return own, offered
    proposed = None if wanted == own else wanted
    if proposed is not None:
        check_offered(database, kind, proposed)
    if offered not in (None, proposed):
        raise invalid(
            "owner",
            f"{creator.name} was offered to {offered}, who has not accepted yet: until then its "
            "machines are offered to nobody else.",
        )
    return own, proposed

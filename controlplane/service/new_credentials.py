"""New credentials of identities: API keys, and codes of which keys are made."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from peewee import Database

from controlplane.domain import permissions
from controlplane.domain.action import Action
from controlplane.domain.api_key import digest_of, new_api_key
from controlplane.domain.enrolment import LIFETIME, Enrolment
from controlplane.domain.identifier import new_id
from controlplane.domain.instant import to_text
from controlplane.domain.model import ApiKey, Caller, Identity
from controlplane.domain.network import Network, read_networks
from controlplane.errors import Code, Refused
from controlplane.service import consents
from controlplane.service.changes import record
from controlplane.service.gate import Change, Ruling
from controlplane.service.identity_edit import find_identity
from controlplane.store import enrolments, identities


@dataclass(frozen=True, slots=True)
class NewApiKey:
    key: ApiKey
    api_key: str  # shown once


@dataclass(frozen=True, slots=True)
class AddKey(Change[ApiKey]):
    """`digest`: the key's SHA-256, in hex; `lifetime`: seconds from when it is made;
    `allowed_addresses`: CIDRs with blanks between them. Refused 403 (also
    credential_not_enrolled), 404."""

    action: ClassVar[Action] = Action.API_KEY_CREATE

    identity: str
    key_id: str
    digest: str
    lifetime: int | None
    allowed_addresses: str | None

    def admit(self, database: Database, caller: Caller) -> None:
        _refuse_key_of_others(database, caller, self.identity)

    def judge(self, database: Database, actor: Identity, at: datetime) -> Ruling[ApiKey]:
        permissions.require_admin(actor, "give API keys")
        identity = find_identity(database, self.identity)
        lifetime = None if self.lifetime is None else timedelta(seconds=self.lifetime)

        def apply(database: Database, caller: Caller, at: datetime) -> ApiKey:
            key = ApiKey(
                id=self.key_id,
                identity_id=identity.id,
                created_at=at,
                revoked_at=None,
                expires_at=None if lifetime is None else at + lifetime,
                allowed_addresses=read_networks(self.allowed_addresses),
                issued_by=caller.author,
            )
            identities.insert_key(database, key, bytes.fromhex(self.digest))
            details = {
                "api_key_id": key.id,
                "expires_at": None if key.expires_at is None else to_text(key.expires_at),
                "allowed_addresses": self.allowed_addresses,
            }
            record(database, caller, self.action, identity.name, at=at, details=details)
            return key

        return Ruling(
            subject=identity.name,
            needs=consents.of_new_credential(database, actor, identity, at),
            rests_on=(identity.id,),
            apply=apply,
            details={
                "known_to": actor.name,
                "api_key_id": self.key_id,
                "lifetime_seconds": self.lifetime,
                "allowed_addresses": self.allowed_addresses,
            },
        )


@dataclass(frozen=True, slots=True)
class Issued:
    identity: Identity
    enrolment: Enrolment


@dataclass(frozen=True, slots=True)
class CreateEnrolment(Change[Issued]):
    """Makes earlier codes of the identity void. `digest`: the code's SHA-256, in hex. Refused 403
    admin_required, credential_not_enrolled, 404 identity_not_found."""

    action: ClassVar[Action] = Action.ENROLMENT_CREATE

    identity: str
    enrolment_id: str
    digest: str
    key_lifetime_seconds: int | None
    allowed_addresses: str | None

    def admit(self, database: Database, caller: Caller) -> None:
        _refuse_key_of_others(database, caller, self.identity)

    def judge(self, database: Database, actor: Identity, at: datetime) -> Ruling[Issued]:
        permissions.require_admin(actor, "give enrolment codes")
        identity = find_identity(database, self.identity)

        def apply(database: Database, caller: Caller, at: datetime) -> Issued:
            enrolments.end_open(database, identity.id, at)
            return Issued(identity, self.issue(database, caller, identity, at))

        return Ruling(
            subject=identity.name,
            needs=consents.of_new_credential(database, actor, identity, at),
            rests_on=(identity.id,),
            apply=apply,
            details={
                "enrolment_id": self.enrolment_id,
                "expires_in_seconds": self.key_lifetime_seconds,
                "allowed_addresses": self.allowed_addresses,
            },
        )

    def issue(
        self, database: Database, caller: Caller, identity: Identity, at: datetime
    ) -> Enrolment:
        enrolment = Enrolment(
            id=self.enrolment_id,
            identity_id=identity.id,
            created_at=at,
            expires_at=at + LIFETIME,
            issued_by=caller.author,
            key_lifetime_seconds=self.key_lifetime_seconds,
            allowed_addresses=read_networks(self.allowed_addresses),
            proposal=caller.carrying.id if caller.carrying else None,
        )
        enrolments.insert(database, enrolment, bytes.fromhex(self.digest))
        details = {
            "enrolment_id": enrolment.id,
            "enrolment_expires_at": to_text(enrolment.expires_at),
            "expires_in_seconds": enrolment.key_lifetime_seconds,
            "allowed_addresses": self.allowed_addresses,
        }
        record(database, caller, self.action, identity.name, at=at, details=details)
        return enrolment


def _refuse_key_of_others(database: Database, caller: Caller, identity: str) -> None:
    """One's own new credential: not of a key that others may know, for who has enrolled one. Or
    whoever kept such a key would enrol in their place. Refused 403 credential_not_enrolled."""
    key = caller.key
    if identity != caller.identity.name or key.enrolled or key.issued_by is None:
        return
    if any(each.enrolled for each in identities.keys_of(database, caller.identity.id)):
        raise Refused(
            Code.CREDENTIAL_NOT_ENROLLED,
            f"{identity} has enrolled a key: {identity} gets another one with that key, not with "
            "one that others may know.",
        )


def insert_key(
    database: Database,
    identity: Identity,
    at: datetime,
    *,
    expires_at: datetime | None = None,
    allowed_addresses: tuple[Network, ...] = (),
    issued_by: str | None = None,
    enrolled: bool = False,
) -> NewApiKey:
    """`issued_by` None: on the server's own machine."""
    secret = new_api_key()
    key = ApiKey(
        id=new_id(),
        identity_id=identity.id,
        created_at=at,
        revoked_at=None,
        expires_at=expires_at,
        allowed_addresses=allowed_addresses,
        issued_by=issued_by,
        enrolled=enrolled,
    )
    identities.insert_key(database, key, digest_of(secret))
    return NewApiKey(key, secret)

"""Enrolment: codes in the place of API keys, and the keys that come of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from msgspec import structs
from peewee import Database

from controlplane.domain.action import Action
from controlplane.domain.enrolment import Enrolment, digest_of, hash_code, new_code
from controlplane.domain.identifier import new_id
from controlplane.domain.instant import to_text
from controlplane.domain.model import ApiKey, Caller, Identity, IdentityKind, ServerRole
from controlplane.domain.network import Network, spell_networks
from controlplane.errors import Code, Refused
from controlplane.service import consents
from controlplane.service.changes import change, record_all
from controlplane.service.gate import Gate, Proposed
from controlplane.service.identity_creation import CreateIdentity
from controlplane.service.new_credentials import CreateEnrolment, NewApiKey, insert_key
from controlplane.service.rates import Rates
from controlplane.service.time import Time
from controlplane.store import enrolments as rows
from controlplane.store import identities
from controlplane.store.database import Store


@dataclass(frozen=True, slots=True)
class NewEnrolment:
    identity: Identity
    enrolment: Enrolment
    code: str  # shown once


@dataclass(frozen=True, slots=True)
class Enrolled:
    """`others`: API keys of the identity that worked already, oldest first."""

    identity: Identity
    new: NewApiKey
    others: tuple[ApiKey, ...]


class Enrolments:
    def __init__(self, store: Store, gate: Gate, rates: Rates, time: Time) -> None:
        self._store = store
        self._gate = gate
        self._rates = rates
        self._clock = time

    def create_identity(
        self,
        caller: Caller,
        name: str,
        kind: IdentityKind,
        role: ServerRole | None = None,
        owner: str | None = None,
    ) -> NewEnrolment:
        """An identity without an API key, and a code that gets it one. Refused as CreateIdentity.
        Raises Proposed."""
        code = new_code()
        issue = CreateEnrolment(name, new_id(), digest_of(code).hex(), None, None)
        try:
            made = self._gate.make(caller, CreateIdentity(name, kind, role, owner, code=issue))
        except Proposed as proposed:
            raise Proposed(proposed.view, {"enrolment_code": code}) from None
        if made.enrolment is None:
            raise AssertionError("a code was asked for")
        return NewEnrolment(made.identity, made.enrolment, code)

    def create(
        self,
        caller: Caller,
        name: str,
        lifetime: timedelta | None = None,
        allowed_addresses: Sequence[Network] = (),
    ) -> NewEnrolment:
        """The limits are those of the key that comes of it, as in `Identities.add_key`. Refused as
        CreateEnrolment. Raises Proposed."""
        code = new_code()
        change = CreateEnrolment(
            name,
            new_id(),
            digest_of(code).hex(),
            None if lifetime is None else int(lifetime.total_seconds()),
            spell_networks(allowed_addresses),
        )
        try:
            made = self._gate.make(caller, change)
        except Proposed as proposed:
            raise Proposed(proposed.view, {"enrolment_code": code}) from None
        return NewEnrolment(made.identity, made.enrolment, code)

    def open_of(self, identity: Identity) -> tuple[Enrolment, ...]:
        """Those that can still be used."""
        with self._store.read() as database:
            return rows.find_open(database, identity.id, self._clock())

    def use(self, code: str, address: str | None) -> Enrolled:
        """`address`: where the call comes from; None: not known. Nobody is told what of a code is
        wrong. Refused 404 enrolment_unknown; 429 too_many_calls for those with which that happens
        again and again; 503 clock_behind."""
        self._clock.check()
        place = f"enrol from {address}"
        self._rates.check(place, self._clock())
        digest = hash_code(code)
        try:
            with self._store.read() as database:  # strangers do not make others wait for a write
                _find_usable(database, digest, self._clock())
            with self._store.change() as database:
                at = self._clock()
                enrolment, identity = _find_usable(database, digest, at)
                return _enrol(database, enrolment, identity, at)
        except Refused as refused:
            if refused.code is Code.ENROLMENT_UNKNOWN:
                self._rates.count(place, self._clock())
            raise


def _find_usable(
    database: Database, digest: bytes | None, now: datetime
) -> tuple[Enrolment, Identity]:
    enrolment = None if digest is None else rows.find(database, digest)
    if enrolment is not None and enrolment.is_open(now):
        identity = identities.find_by_id(database, enrolment.identity_id)
        if (
            identity is not None
            and not identity.disabled
            and not _lacks_consent(database, enrolment, identity, now)
        ):
            return enrolment, identity
    raise Refused(
        Code.ENROLMENT_UNKNOWN,
        "No enrolment waits for this code: it was used, is void or older than 24 h, or never was.",
    )


def _lacks_consent(
    database: Database, enrolment: Enrolment, identity: Identity, now: datetime
) -> bool:
    """A code of before there was anybody to ask, for who has enrolled without it. That what they
    enrolled was revoked is no reason to ask nobody: an admin revokes alone."""
    if enrolment.proposal is not None or enrolment.issued_by == identity.name:
        return False
    if not any(key.enrolled for key in identities.keys_of(database, identity.id)):
        return False
    issuer = identities.find(database, enrolment.issued_by)
    if issuer is None:
        raise AssertionError("identities are never deleted")
    return bool(consents.of_new_credential(database, issuer, identity, now))


def _enrol(database: Database, enrolment: Enrolment, identity: Identity, at: datetime) -> Enrolled:
    keys = identities.keys_of(database, identity.id)
    others = tuple(each for each in keys if each.revoked_at is None and not each.has_ended(at))
    seconds = enrolment.key_lifetime_seconds
    new = insert_key(
        database,
        identity,
        at,
        expires_at=None if seconds is None else at + timedelta(seconds=seconds),
        allowed_addresses=enrolment.allowed_addresses,
        issued_by=enrolment.issued_by,
        enrolled=True,
    )
    rows.use(database, enrolment, new.key.id, at)
    ends = new.key.expires_at
    details = {
        "enrolment_id": enrolment.id,
        "api_key_id": new.key.id,
        "issued_by": enrolment.issued_by,
        "expires_at": None if ends is None else to_text(ends),
        "allowed_addresses": spell_networks(enrolment.allowed_addresses),
    }
    entry = change(None, Action.ENROLMENT_USE, identity.name, at=at, details=details)
    # By the identity itself, which presented no credential but the code.
    record_all(database, [structs.replace(entry, actor=identity.name)])
    return Enrolled(identity, new, others)

"""Who calls: identities, their API keys, and authentication."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import ClassVar

from peewee import Database

from controlplane.domain import permissions
from controlplane.domain.action import Action
from controlplane.domain.api_key import digest_of, hash_api_key, new_api_key
from controlplane.domain.identifier import new_id
from controlplane.domain.identity_edit import IdentityEdit
from controlplane.domain.instant import Clock
from controlplane.domain.model import ApiKey, Caller, Identity, IdentityKind, ServerRole
from controlplane.domain.network import Network, spell_networks
from controlplane.domain.operation import Details
from controlplane.domain.page import Page, PageRequest
from controlplane.domain.warnings import ApiKeyEnds, find_ending
from controlplane.errors import Code, Refused, not_found
from controlplane.service import consents, cursor
from controlplane.service.changes import confirm, judged, record
from controlplane.service.disabling import Disabled, disable
from controlplane.service.gate import Change, Gate, Proposed, Ruling
from controlplane.service.identity_creation import CreateIdentity, FirstKey, NewIdentity
from controlplane.service.identity_edit import (
    EditIdentity,
    counts_as_admin,
    find_identity,
)
from controlplane.service.leaving import end_what_was_said
from controlplane.service.new_credentials import AddKey, NewApiKey
from controlplane.service.view import KnownKey, Views
from controlplane.store import identities as rows
from controlplane.store.database import Store, move_epoch
from controlplane.store.operations import find_last

_OF_THE_WHOLE_STORE = (Code.STATE_ALTERED, Code.STORE_ROLLED_BACK)


class RefusedCaller(Refused):
    """Somebody who is known is not let in: a call to sign by them leaves a row."""

    def __init__(self, code: Code, title: str, caller: Caller) -> None:
        super().__init__(code, title)
        self.caller = caller


class Identities:
    def __init__(self, store: Store, gate: Gate, views: Views, clock: Clock) -> None:
        self._store = store
        self._gate = gate
        self._views = views
        self._clock = clock

    def recognise(self, api_key: str | None, address: str | None = None) -> Caller | None:
        """Who memory takes this key's owner to be: for those who find out in the end whether it
        was still true, as a call to sign does when it commits. None: ask `authenticate`."""
        digest = hash_api_key(api_key) if api_key else None
        known = self._views.latest_known().remembered_key(digest) if digest is not None else None
        if known is None or not known.is_usable(address, self._clock):
            return None
        return Caller(known.identity, known.key)

    def authenticate(
        self, api_key: str | None, address: str | None = None, *, for_evidence: bool = False
    ) -> Caller:
        """Who this key belongs to, as of now; costs one small read. `address`: that the call comes
        from; None: not known. `for_evidence`: as of what is known, where nothing can be proven any
        more: for who reads the log.

        Refused 401: api_key_missing, api_key_unknown; and as RefusedCaller, which says who it was,
        so that a call to sign can be recorded: 401 api_key_revoked, api_key_suspended,
        identity_disabled, api_key_expired; 403 address_not_allowed.
        """
        if not api_key:
            raise Refused(Code.API_KEY_MISSING, "Send an API key: Authorization: Bearer swk_….")
        digest = hash_api_key(api_key)
        known = None
        if digest is not None:
            try:
                known = self._views.ask(lambda view: view.key(digest))
            except Refused as refused:
                if not for_evidence or refused.code not in _OF_THE_WHOLE_STORE:
                    raise
                known = self._find_for_evidence(digest)
        if known is None:
            raise Refused(Code.API_KEY_UNKNOWN, "Nobody has this API key.")
        caller = Caller(known.identity, known.key)
        refuse_unless_current(known.key, caller, address, self._clock())
        return caller

    def _find_for_evidence(self, digest: bytes) -> KnownKey | None:
        with self._store.evidence() as database:
            key = rows.find_key(database, digest)
            identity = None if key is None else rows.find_by_id(database, key.identity_id)
        return None if key is None or identity is None else KnownKey(key, identity)

    def create(
        self,
        caller: Caller,
        name: str,
        kind: IdentityKind,
        role: ServerRole | None = None,
        owner: str | None = None,
    ) -> NewIdentity:
        """Refused as CreateIdentity. Raises Proposed."""
        secret = new_api_key()
        key = FirstKey(new_id(), digest_of(secret).hex())
        try:
            created = self._gate.make(caller, CreateIdentity(name, kind, role, owner, key=key))
        except Proposed as proposed:
            raise Proposed(proposed.view, {"api_key": secret}) from None
        return NewIdentity(created.identity, secret, key.id)

    def list(self, caller: Caller, page: PageRequest) -> Page[Identity]:
        """By name. Server admins and auditors only: Refused 403."""
        permissions.require_reader(caller.identity, "list identities")
        after = cursor.read_text(page, "")
        with self._store.read() as database:
            found = rows.list_after(database, after, page.limit + 1)
        return cursor.cut(found, page, lambda identity: identity.name)

    def get(self, caller: Caller, name: str) -> Identity:
        """Refused 404 identity_not_found, also where the caller may not see it."""
        with self._store.read() as database:
            return _find_visible(database, caller.identity, name)

    def keys(self, caller: Caller, name: str) -> tuple[ApiKey, ...]:
        """Oldest first."""
        with self._store.read() as database:
            identity = _find_visible(database, caller.identity, name)
            return rows.keys_of(database, identity.id)

    def calling_key(self, caller: Caller) -> ApiKey:
        """That this call came with."""
        with self._store.read() as database:
            keys = {key.id: key for key in rows.keys_of(database, caller.identity.id)}
        return keys[caller.api_key_id]

    def offered(self, caller: Caller) -> tuple[str, ...]:
        """The names of the machines that this user is to own."""
        name = caller.identity.name
        with self._store.read() as database:
            theirs = rows.machines_of(database, name)
        return tuple(each.name for each in theirs if each.proposed_owner == name)

    def ending(self, identity: Identity, keys: Iterable[ApiKey]) -> tuple[ApiKeyEnds, ...]:
        """Those of these keys of it that end soon."""
        return find_ending(identity.name, keys, self._clock())

    def edit(self, caller: Caller, name: str, given: IdentityEdit) -> Identity:
        """Refused as EditIdentity. Raises Proposed."""
        return self._gate.make(caller, EditIdentity(name, given))

    def accept(self, caller: Caller, name: str) -> Identity:
        """By the user whom the machine was offered to, who owns it from now on. What it asked for
        and approved in other hands ends. Refused 403 not_proposed_owner, 404."""
        with self._store.change() as database:
            actor = confirm(database, caller)
            before = _find_visible(database, actor, name)
            if before.proposed_owner is None and before.owner == actor.name:
                return before
            if before.proposed_owner != actor.name:
                raise Refused(
                    Code.NOT_PROPOSED_OWNER,
                    f"{name} was not offered to {actor.name}: only who is to own it accepts it.",
                )
            after = replace(before, owner=actor.name, proposed_owner=None)
            rows.update(database, after)
            at = self._clock()
            details: Details = {"owner": after.owner, "before": before.owner}
            record(database, caller, Action.IDENTITY_ACCEPT, name, at=at, details=details)
            end_what_was_said(database, caller, [name], [name], at)
        return after

    def disable(self, caller: Caller, name: str, machines: str | None = None) -> Disabled:
        """`machines`: what becomes of those that a user owns: `disable`, `keep`, or the name of
        the user to whom they are offered. What is pending of who is disabled is cancelled, and
        their approvals on steps that are not complete are withdrawn, also those of machines that
        are kept. Refused 400, 403, 404, 409 last_admin, machines_undecided, roles_exclude."""
        with judged(self._store, lambda database: rows.machines_of(database, name)) as (
            database,
            theirs,
        ):
            move_epoch(database)
            actor = confirm(database, caller)
            return disable(database, caller, actor, name, machines, theirs, self._clock())

    def enable(self, caller: Caller, name: str) -> Identity:
        """Refused as EnableIdentity. Raises Proposed."""
        return self._gate.make(caller, EnableIdentity(name))

    def add_key(
        self,
        caller: Caller,
        name: str,
        lifetime: timedelta | None = None,
        allowed_addresses: Sequence[Network] = (),
    ) -> NewApiKey:
        """`lifetime`: from now on; None: until it is revoked. `allowed_addresses`: none allows
        calls from everywhere."""
        secret = new_api_key()
        seconds = None if lifetime is None else int(lifetime.total_seconds())
        addresses = spell_networks(allowed_addresses)
        change = AddKey(name, new_id(), digest_of(secret).hex(), seconds, addresses)
        try:
            return NewApiKey(self._gate.make(caller, change), secret)
        except Proposed as proposed:
            raise Proposed(proposed.view, {"api_key": secret}) from None

    def revoke_key(self, caller: Caller, name: str, key_id: str) -> ApiKey:
        """Refused 404 api_key_not_found, 409 last_admin for the last key of the last admin."""
        with self._store.change() as database:
            permissions.require_admin(confirm(database, caller), "revoke API keys")
            identity = find_identity(database, name)
            keys = {key.id: key for key in rows.keys_of(database, identity.id)}
            if key_id not in keys:
                raise not_found("api_key", key_id)
            key = keys[key_id]
            if key.revoked_at is not None:
                return key
            at = self._clock()
            left = [
                each
                for each in keys.values()
                if each.id != key_id
                and each.revoked_at is None
                and each.suspended_at is None
                and not each.has_ended(at)
            ]
            if not left and not key.has_ended(at) and counts_as_admin(identity):
                permissions.require_remaining_admin(
                    rows.count_other_admins(database, [identity.id], at), "call with an API key"
                )
            revoked = replace(key, revoked_at=at)
            rows.revoke_key(database, revoked)
            details = {"api_key_id": key_id}
            record(database, caller, Action.API_KEY_REVOKE, name, at=at, details=details)
        return revoked


@dataclass(frozen=True, slots=True)
class EnableIdentity(Change[Identity]):
    """Refused 403, 404."""

    action: ClassVar[Action] = Action.IDENTITY_ENABLE

    identity: str

    def judge(self, database: Database, actor: Identity, at: datetime) -> Ruling[Identity]:
        permissions.require_admin(actor, "enable identities")
        identity = find_identity(database, self.identity)

        def apply(database: Database, caller: Caller, at: datetime) -> Identity:
            enabled = replace(identity, disabled=False)
            if identity.disabled:
                rows.update(database, enabled)
                record(database, caller, self.action, identity.name, at=at)
            return enabled

        needs = (
            consents.of_new_credential(database, actor, identity, at) if identity.disabled else ()
        )
        disabled = find_last(database, Action.IDENTITY_DISABLE, identity.name)
        rests_on = (identity.id, disabled)
        return Ruling(subject=identity.name, needs=needs, rests_on=rests_on, apply=apply)


def refuse_unless_current(key: ApiKey, caller: Caller, address: str | None, now: datetime) -> None:
    """Raises RefusedCaller: api_key_revoked, api_key_suspended, identity_disabled, api_key_expired,
    address_not_allowed."""
    name = caller.identity.name
    if key.revoked_at is not None:
        raise RefusedCaller(Code.API_KEY_REVOKED, f"This API key of {name} is revoked.", caller)
    if key.suspended_at is not None:
        title = (
            f"This API key of {name} is suspended since the store went back in time. An admin "
            f"confirms it: sealwright recovery confirm api_key {key.id}"
        )
        raise RefusedCaller(Code.API_KEY_SUSPENDED, title, caller)
    if caller.identity.disabled:
        raise RefusedCaller(Code.IDENTITY_DISABLED, f"The identity {name} is disabled.", caller)
    if key.expires_at is not None and key.has_ended(now):
        ended = f"{key.expires_at:%Y-%m-%dT%H:%M:%SZ}"
        title = f"This API key of {name} expired at {ended}."
        raise RefusedCaller(Code.API_KEY_EXPIRED, title, caller)
    if key.allowed_addresses and not key.admits(address):
        place = address or "an address that the server does not know, as over a unix socket"
        title = f"This API key of {name} may not be used from {place}."
        raise RefusedCaller(Code.ADDRESS_NOT_ALLOWED, title, caller)


def _find_visible(database: Database, reader: Identity, name: str) -> Identity:
    identity = rows.find(database, name)
    if identity is None or not permissions.may_see_identity(reader, identity):
        raise not_found("identity", name)
    return identity

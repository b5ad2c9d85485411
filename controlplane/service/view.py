"""What a signing decision rests on, remembered in memory for as long as it is true.

Every change to it bumps the epoch in its own transaction. So what was looked up under an epoch
holds until the epoch moves, and whoever commits a decision compares epochs first.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, TypeVar

from peewee import Database

from controlplane.domain.instant import Clock
from controlplane.domain.keys import KeyedSigner
from controlplane.domain.model import ApiKey, Grant, Identity, MemberRole
from controlplane.service.roles import role_that_counts
from controlplane.store import grants, identities, signers
from controlplane.store.database import Store, read_epoch

T = TypeVar("T")


class ViewMoved(Exception):  # noqa: N818  # no error: look again
    """The epoch moved while a view was used; take the view again."""


class WouldWait(Exception):  # noqa: N818  # no error: ask where waiting is allowed
    """Memory has not the answer."""


@dataclass(frozen=True, slots=True)
class KnownKey:
    key: ApiKey
    identity: Identity

    def is_usable(self, address: str | None, clock: Clock) -> bool:
        """By a call from there."""
        key = self.key  # of which most have no limits: every call to sign asks this
        return (
            key.revoked_at is None
            and key.suspended_at is None
            and not self.identity.disabled
            and (key.expires_at is None or not key.has_ended(clock()))
            and (not key.allowed_addresses or key.admits(address))
        )


class Readable(Protocol):
    def read(self) -> AbstractContextManager[Database]: ...


@dataclass(frozen=True, slots=True)
class Within:
    """Readable within a transaction that is open already."""

    database: Database

    def read(self) -> AbstractContextManager[Database]:
        return nullcontext(self.database)


@dataclass(frozen=True, slots=True)
class _Memory:
    keys: dict[bytes, KnownKey] = field(default_factory=dict)
    keys_by_id: dict[str, KnownKey] = field(default_factory=dict)
    signers: dict[str, KeyedSigner] = field(default_factory=dict)
    roles: dict[tuple[str, str], MemberRole | None] = field(default_factory=dict)
    grants: dict[tuple[str, str], tuple[Grant, ...]] = field(default_factory=dict)


class View:
    """Answers under one epoch. What does not exist is not remembered: callers choose the names
    that they ask for, and could fill the memory with them. Threads share it."""

    def __init__(self, store: Readable | None, epoch: int, memory: _Memory | None = None) -> None:
        """`store` None: what `memory` has not is not looked up."""
        memory = _Memory() if memory is None else memory
        self.epoch = epoch
        self._store = store
        self._keys = memory.keys
        self._keys_by_id = memory.keys_by_id
        self._signers = memory.signers
        self._roles = memory.roles
        self._grants = memory.grants
        self.remembered: View = self if store is None else View(None, epoch, memory)
        """The same memory; raises WouldWait instead of reading the store."""

    def key(self, digest: bytes) -> KnownKey | None:
        """Raises ViewMoved, as all of these."""
        if digest not in self._keys:
            with self._reading() as database:
                known = _know(database, identities.find_key(database, digest))
            if known is None:
                return None
            self._keys[digest] = self._keys_by_id[known.key.id] = known
        return self._keys[digest]

    def remembered_key(self, digest: bytes) -> KnownKey | None:
        """Reads nothing, and raises nothing."""
        return self._keys.get(digest)

    def key_by_id(self, key_id: str) -> KnownKey | None:
        if key_id not in self._keys_by_id:
            with self._reading() as database:
                known = _know(database, identities.find_key_by_id(database, key_id))
            if known is None:
                return None
            self._keys_by_id[key_id] = known
        return self._keys_by_id[key_id]

    def signer(self, name: str, now: datetime) -> KeyedSigner | None:
        if name not in self._signers:
            with self._reading() as database:
                found = signers.find(database, name, now)
            if found is None:
                return None
            self._signers[name] = found
        known = self._signers[name]
        return None if known.signer.is_gone(now) else known

    def role(self, signer_id: str, identity: Identity) -> MemberRole | None:
        """That counts."""
        pair = (signer_id, identity.id)
        if pair not in self._roles:
            with self._reading() as database:
                self._roles[pair] = role_that_counts(database, signer_id, identity)
        return self._roles[pair]

    def active_grants(self, signer: str, grantee: str, now: datetime) -> tuple[Grant, ...]:
        """Those with room when they were read. Signing uses them up without moving the epoch:
        whoever finds one used up forgets them."""
        pair = (signer, grantee)
        found = self._grants.get(pair)
        if found is None:
            with self._reading() as database:
                found = grants.find_active(database, now, signer=signer, grantee=grantee)
            self._grants[pair] = found
        return found

    def forget_grants(self, signer: str, grantee: str) -> None:
        self._grants.pop((signer, grantee), None)

    @contextmanager
    def _reading(self) -> Iterator[Database]:
        if self._store is None:
            raise WouldWait
        with self._store.read() as database:
            if read_epoch(database) != self.epoch:
                raise ViewMoved
            yield database


def _know(database: Database, key: ApiKey | None) -> KnownKey | None:
    identity = identities.find_by_id(database, key.identity_id) if key is not None else None
    return KnownKey(key, identity) if key is not None and identity is not None else None


class Views:
    """The view of this process; threads share it."""

    def __init__(self, store: Store, on_move: Callable[[], None]) -> None:
        """`on_move` runs whenever the epoch was seen to have moved, until it raises nothing."""
        self._store = store
        self._on_move = on_move
        self._view = View(store, -1)

    def latest_known(self) -> View:
        """Costs nothing; may have been overtaken."""
        return self._view

    def fresh(self) -> View:
        """True as of now: one small read."""
        view, epoch = self._view, self._store.epoch()
        if view.epoch != epoch:
            self._on_move()
            view = self._view = View(self._store, epoch)
        return view

    def ask(self, question: Callable[[View], T]) -> T:
        """The answer that is true as of now."""
        while True:
            try:
                return question(self.fresh())
            except ViewMoved:
                continue

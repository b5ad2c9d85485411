"""Identities as candidates for an approval on a signer."""

from collections.abc import Collection

from peewee import Database

from controlplane.domain.model import Identity, MemberRole
from controlplane.domain.policy import Candidate
from controlplane.store import identities, members


def candidate(database: Database, identity: Identity, signer: str | None) -> Candidate:
    """With who owns it: a machine is as good as its owner. `signer` None: on none."""
    owner = None if identity.owner is None else identities.find(database, identity.owner)
    return Candidate(
        identity,
        None if signer is None else members.find_role_by_name(database, signer, identity.id),
        None if owner is None else candidate(database, owner, signer),
    )


class Crowd:
    """Identities and who owns them, looked up once, as candidates on any number of signers."""

    def __init__(self, database: Database, names: Collection[str]) -> None:
        self._named = identities.find_all(database, names)
        owners = {each.owner for each in self._named.values() if each.owner is not None}
        self._owners = identities.find_all(database, owners)
        self.ids = frozenset(
            each.id for known in (self._named, self._owners) for each in known.values()
        )

    def on(self, auditors: Collection[str]) -> dict[str, Candidate]:
        """By name, on a signer that has these auditors (ids); no other role decides who can."""

        def of(identity: Identity) -> Candidate:
            role = MemberRole.AUDITOR if identity.id in auditors else None
            owner = None if identity.owner is None else of(self._owners[identity.owner])
            return Candidate(identity, role, owner)

        return {name: of(identity) for name, identity in self._named.items()}

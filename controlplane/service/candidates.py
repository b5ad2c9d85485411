"""Identities as candidates for an approval on a signer."""

from collections.abc import Collection

from peewee import Database

from controlplane.domain.model import Identity, MemberRole
from controlplane.domain.policy import Candidate
from controlplane.store import identities, members


def candidate(database: Database, identity: Identity, signer: str | None) -> Candidate:
    """With who stands behind it: a machine is as good as its owner. `signer` None: on none."""
    behind = identities.find_all(database, identity.persons - {identity.name})
    return Candidate(
        identity,
        None if signer is None else members.find_role_by_name(database, signer, identity.id),
        tuple(candidate(database, each, signer) for each in behind.values()),
    )


class Crowd:
    """Identities and who stands behind them, looked up once, as candidates on any number of
    signers."""

    def __init__(self, database: Database, names: Collection[str]) -> None:
        self._named = identities.find_all(database, names)
        behind = {name for each in self._named.values() for name in each.persons}
        self._behind = identities.find_all(database, behind)
        self.ids = frozenset(
            each.id for known in (self._named, self._behind) for each in known.values()
        )

    def on(self, auditors: Collection[str]) -> dict[str, Candidate]:
        """By name, on a signer that has these auditors (ids); no other role decides who can."""

        def of(identity: Identity) -> Candidate:
            role = MemberRole.AUDITOR if identity.id in auditors else None
            behind = sorted(identity.persons - {identity.name})
            return Candidate(identity, role, tuple(of(self._behind[name]) for name in behind))

        return {name: of(identity) for name, identity in self._named.items()}

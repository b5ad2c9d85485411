"""Identities as candidates for an approval on a signer."""

from peewee import Database

from controlplane.domain.model import Identity
from controlplane.domain.policy import Candidate
from controlplane.store import identities, members


def candidate(database: Database, identity: Identity, signer: str) -> Candidate:
    """With who owns it: a machine is as good as its owner."""
    owner = None if identity.owner is None else identities.find(database, identity.owner)
    return Candidate(
        identity,
        members.find_role_by_name(database, signer, identity.id),
        None if owner is None else candidate(database, owner, signer),
    )

"""The audit row of the contract, and what a reader of the log asks for.

Structs where the sign path makes them: a dataclass of so many fields takes ten times as long.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from msgspec import UNSET, Struct, UnsetType

from controlplane.domain.action import Action
from controlplane.domain.model import (
    Approval,
    Client,
    Credential,
    EcdsaEncoding,
    HashAlgorithm,
    OperationKind,
    Outcome,
    PssParameters,
    Scheme,
)

DetailValue = str | int | bool | None
Details = Mapping[str, DetailValue]


class Entry(Struct, frozen=True, gc=False):
    """What is known of an operation before it has its place in the chain.

    `signer` and `actor` are names: they outlive what they name. For kind `change`, `action` is
    `subject:verb`, `object` the name of what changed, and `outcome` is None. `credential` is what
    the actor presented, and `api_key_id` its id if it is an API key. `approvals` are those that the
    grant rests on; None where they are not known. `proposal` is the id of the one that this carried
    out. `objects`: of the rows of other tables that a change left, by name, the SHA-256 in
    lower-case hex; None of one that is gone. Who appends an entry fills it in; UNSET: none.
    """

    id: str
    created_at: datetime
    kind: OperationKind
    actor: str | None
    api_key_id: str | None = None
    signer: str | None = None
    outcome: Outcome | None = None
    reason: str | None = None
    scheme: Scheme | None = None
    hash: HashAlgorithm | None = None
    digest: bytes | None = None
    pss: PssParameters | None = None
    ecdsa_encoding: EcdsaEncoding | None = None
    grant_id: str | None = None
    certificate_serial: str | None = None
    client: Client | None = None
    signature: bytes | None = None
    action: str | None = None
    object: str | None = None
    details: Details | None = None
    idempotency_key: str | None = None
    credential: Credential | None = None
    approvals: tuple[Approval, ...] | None = None
    proposal: str | None = None
    objects: Mapping[str, str | None] | UnsetType = UNSET


class Commitments(Struct, frozen=True, gc=False):
    """What stands in the hashed bytes by its hash alone, so that a row can be shown without it.
    None of what an entry lacks, and in a row of version 1."""

    client_hash: str | None = None
    client_salt: bytes | None = None
    credential_id_hash: str | None = None
    credential_id_salt: bytes | None = None
    idempotency_key_hash: str | None = None
    idempotency_key_salt: bytes | None = None


class Operation(Struct, frozen=True, gc=False):
    """A row of the log: an entry with its place in the chain. Hashes are lower-case hex."""

    sequence: int
    version: int
    entry: Entry
    commitments: Commitments
    previous_hash: str
    row_hash: str

    def approval(self) -> Approval:
        """What a row in which somebody approved is to the grant that rests on it."""
        if self.entry.actor is None:
            raise AssertionError("whoever approves is known")
        return Approval(self.entry.actor, self.row_hash, self.sequence)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A row that does not stand in the store in the form in which rows are written: it was
    changed there. `sequence` is whatever stands in its place."""

    sequence: int


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the chain; sequence 0 and 64 zeros before the first row, which has no time."""

    sequence: int
    row_hash: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class OperationFilter:
    """Every field given must match; names are exact; `since` and `until` are inclusive."""

    signer: str | None = None
    actor: str | None = None
    kind: OperationKind | None = None
    outcome: Outcome | None = None
    since: datetime | None = None
    until: datetime | None = None
    action: Action | None = None

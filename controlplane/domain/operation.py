"""The audit row of the contract, and what a reader of the log asks for."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from controlplane.domain.model import (
    Client,
    EcdsaEncoding,
    HashAlgorithm,
    OperationKind,
    Outcome,
    PssParameters,
    Scheme,
)

DetailValue = str | int | bool | None
Details = Mapping[str, DetailValue]


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of an operation before it has its place in the chain.

    `signer` and `actor` are names: they outlive what they name. For kind `change`, `action` is
    `subject:verb`, `object` the name of what changed, and `outcome` is None.
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


@dataclass(frozen=True, slots=True)
class Operation:
    """A row of the log: an entry with its place in the chain. Hashes are lower-case hex."""

    sequence: int
    entry: Entry
    previous_hash: str
    row_hash: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A row that does not stand in the store in the form in which rows are written: it was
    changed there. `sequence` is whatever stands in its place."""

    sequence: int


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the chain; sequence 0 and 64 zeros before the first row."""

    sequence: int
    row_hash: str


@dataclass(frozen=True, slots=True)
class OperationFilter:
    """Every field given must match; names are exact; `since` is inclusive."""

    signer: str | None = None
    actor: str | None = None
    kind: OperationKind | None = None
    outcome: Outcome | None = None
    since: datetime | None = None

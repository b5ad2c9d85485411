"""The canonical bytes of a row, which its hash covers. Once written they never change meaning.

Version 1: the line `sealwright-row-v1`, then the row as the API and the export show it, without
`row_hash`: JSON with keys sorted, no white space, nothing escaped that need not be, in UTF-8. So
anyone with an export can compute the hashes. docs/audit.md has all of it, with examples.
"""

from collections.abc import Mapping
from datetime import datetime
from operator import attrgetter

import msgspec

from controlplane.audit.hashing import PREFIX
from controlplane.domain.model import (
    Client,
    EcdsaEncoding,
    HashAlgorithm,
    OperationKind,
    Outcome,
    PssParameters,
    Scheme,
)
from controlplane.domain.operation import DetailValue, Entry

_encode = msgspec.json.Encoder(order="sorted").encode


class _Row(msgspec.Struct, frozen=True):
    """Its members; but for the first two they are an entry's."""

    sequence: int
    previous_hash: str
    action: str | None
    actor: str | None
    api_key_id: str | None
    certificate_serial: str | None
    client: Client | None
    created_at: datetime
    details: Mapping[str, DetailValue] | None
    digest: bytes | None
    ecdsa_encoding: EcdsaEncoding | None
    grant_id: str | None
    hash: HashAlgorithm | None
    id: str
    idempotency_key: str | None
    kind: OperationKind
    object: str | None
    outcome: Outcome | None
    pss: PssParameters | None
    reason: str | None
    scheme: Scheme | None
    signature: bytes | None
    signer: str | None


_members = attrgetter(*_Row.__struct_fields__[2:])


def canonical_bytes(sequence: int, entry: Entry, previous_hash: str) -> bytes:
    return PREFIX + _encode(_Row(sequence, previous_hash, *_members(entry)))

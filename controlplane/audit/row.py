"""The canonical bytes of a row, which its hash covers. Once written they never change meaning.

Version 1: the line `sealwright-row-v1`, then the row as the API and the export show it, without
`row_hash`: JSON with keys sorted, no white space, nothing escaped that need not be, in UTF-8. So
anyone with an export can compute the hashes. docs/audit.md has all of it, with examples.
"""

from collections.abc import Mapping
from datetime import datetime

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
    previous_hash: str
    pss: PssParameters | None
    reason: str | None
    scheme: Scheme | None
    sequence: int
    signature: bytes | None
    signer: str | None


def canonical_bytes(sequence: int, entry: Entry, previous_hash: str) -> bytes:
    return PREFIX + _encode(
        _Row(
            action=entry.action,
            actor=entry.actor,
            api_key_id=entry.api_key_id,
            certificate_serial=entry.certificate_serial,
            client=entry.client,
            created_at=entry.created_at,
            details=entry.details,
            digest=entry.digest,
            ecdsa_encoding=entry.ecdsa_encoding,
            grant_id=entry.grant_id,
            hash=entry.hash,
            id=entry.id,
            idempotency_key=entry.idempotency_key,
            kind=entry.kind,
            object=entry.object,
            outcome=entry.outcome,
            previous_hash=previous_hash,
            pss=entry.pss,
            reason=entry.reason,
            scheme=entry.scheme,
            sequence=sequence,
            signature=entry.signature,
            signer=entry.signer,
        )
    )

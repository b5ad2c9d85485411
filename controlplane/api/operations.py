"""The audit log, read."""

from collections.abc import Iterator
from datetime import datetime
from operator import attrgetter
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from controlplane.api.endpoint import Answer, Encoded, Stream, endpoint
from controlplane.api.pages import Items, PageQuery, items
from controlplane.api.structs import Body, Shown, made
from controlplane.api.text import Parameter, check_time
from controlplane.api.values import SHA256
from controlplane.domain import operation as domain
from controlplane.domain.action import Action
from controlplane.domain.model import (
    Caller,
    CredentialKind,
    EcdsaEncoding,
    HashAlgorithm,
    OperationKind,
    Outcome,
    Scheme,
)
from controlplane.domain.operation import OperationFilter, Unreadable
from controlplane.domain.page import PageRequest
from controlplane.errors import Code
from controlplane.service.audit import Audit
from controlplane.service.receipts import Receipts

_ENOUGH = 64 * 1024  # bytes in one piece of the export

HexSha256 = Annotated[str, Meta(pattern=SHA256, description="64 lower-case hex digits")]


class RowsQuery(PageQuery, frozen=True):
    """What every list of rows takes."""

    signer: Parameter | None = None
    actor: Parameter | None = None
    outcome: Outcome | None = None
    since: Annotated[datetime, Meta(tz=True, description="inclusive")] | None = None
    until: Annotated[datetime, Meta(tz=True, description="inclusive")] | None = None
    action: Action | None = None

    def __post_init__(self) -> None:
        check_time("since", self.since)
        check_time("until", self.until)


class OperationsQuery(RowsQuery, frozen=True):
    kind: OperationKind | None = None


class ExportQuery(Body, frozen=True):
    since_head: (
        Annotated[
            str,
            Meta(
                pattern=SHA256,
                description="the hash of the row to go on from: 64 lower-case hex digits",
            ),
        ]
        | None
    ) = None


class ReceiptQuery(Body, frozen=True):
    witnessed: (
        Annotated[bool, Meta(description="with a checkpoint that a witness signed")] | None
    ) = None


class PssParameters(Shown, frozen=True):
    mgf_hash: HashAlgorithm
    salt_length: int


class Client(Shown, frozen=True):
    address: str | None
    tool: str | None
    command: str | None
    hostname: str | None
    os_user: str | None
    application_sha256: str | None
    module_version: str | None


class Credential(Shown, frozen=True):
    """`issued_by`: who made it, as far as that is known. `enrolled`: nobody but its holder ever
    saw it."""

    age_seconds: int
    enrolled: bool
    id: str
    issued_by: str | None
    kind: CredentialKind


class Approval(Shown, frozen=True):
    """By whom, and in which row it stands."""

    approver: str
    row_hash: HexSha256
    sequence: int


class Operation(Shown, frozen=True, kw_only=True):
    """A row of version 1 has no `version`, and no other member that is not required."""

    sequence: int
    version: int | UnsetType = UNSET
    id: str
    created_at: datetime
    kind: OperationKind
    signer: str | None
    actor: str | None
    api_key_id: str | None
    credential: Credential | UnsetType | None = UNSET
    outcome: Outcome | None
    reason: str | None
    scheme: Scheme | None
    hash: HashAlgorithm | None
    digest: bytes | None
    pss: PssParameters | None
    ecdsa_encoding: EcdsaEncoding | None
    grant_id: str | None
    approvals: list[Approval] | UnsetType | None = UNSET
    proposal: str | UnsetType | None = UNSET
    certificate_serial: str | None
    client: Client | None
    signature: bytes | None
    action: str | None
    object: str | None
    details: dict[str, str | int | bool | None] | None
    objects: dict[str, HexSha256 | None] | UnsetType = UNSET
    idempotency_key: str | None
    client_hash: HexSha256 | UnsetType | None = UNSET
    client_salt: bytes | UnsetType | None = UNSET
    credential_id_hash: HexSha256 | UnsetType | None = UNSET
    credential_id_salt: bytes | UnsetType | None = UNSET
    idempotency_key_hash: HexSha256 | UnsetType | None = UNSET
    idempotency_key_salt: bytes | UnsetType | None = UNSET
    previous_hash: HexSha256
    row_hash: HexSha256


class UnreadableOperation(Shown, frozen=True):
    """In the place of a row that was changed in the store."""

    sequence: int
    unreadable: bool = True


class Head(Shown, frozen=True):
    sequence: int
    row_hash: HexSha256


class End(Head, frozen=True):
    """`tree_root`: of the Merkle tree over all rows up to there; null where the store's own note of
    it is not in its form."""

    tree_root: HexSha256 | None


class Resource:
    """Base: the audit log's use cases."""

    shows_evidence = True

    def __init__(self, audit: Audit) -> None:
        self._audit = audit


class OperationsResource(Resource):
    @endpoint(
        "List operations, newest first",
        refusals=(Code.SIGNER_NOT_FOUND, Code.IDENTITY_NOT_FOUND),
    )
    def on_get(self, caller: Caller, query: OperationsQuery) -> Items[Operation]:
        where = made(OperationFilter, query)
        page = self._audit.list(caller, where, PageRequest(query.limit, query.cursor))
        return items(page, operation)


class OperationResource(Resource):
    @endpoint(
        "Show an operation, by its id or its sequence number", refusals=(Code.OPERATION_NOT_FOUND,)
    )
    def on_get(self, caller: Caller, operation_id: str) -> Operation:
        return operation(self._audit.get(caller, operation_id))


class OperationReceiptResource:
    shows_evidence = True

    def __init__(self, receipts: Receipts) -> None:
        self._receipts = receipts

    @endpoint(
        "Show the receipt of an operation (C2SP tlog-proof)",
        refusals=(Code.OPERATION_NOT_FOUND, Code.NOT_WITNESSED_YET),
        media_type="text/plain; charset=utf-8",
    )
    def on_get(self, caller: Caller, operation_id: str, query: ReceiptQuery) -> Answer[bytes]:
        witnessed = bool(query.witnessed)
        receipt = self._receipts.of_row(caller, operation_id, witnessed=witnessed)
        return Answer(Encoded(receipt.encode()))


class OperationsExportResource(Resource):
    @endpoint(
        "Every operation in order, one JSON object a line",
        refusals=(Code.READER_REQUIRED, Code.OPERATION_NOT_FOUND),
    )
    def on_get(self, caller: Caller, query: ExportQuery) -> Stream:
        return Stream(export_lines(self._audit.export(caller, query.since_head)))


class OperationsHeadResource(Resource):
    @endpoint("The end of the audit chain", refusals=(Code.READER_REQUIRED,))
    def on_get(self, caller: Caller) -> End:
        return made(End, self._audit.end(caller))


def export_lines(rows: Iterator[domain.Operation | Unreadable]) -> Iterator[bytes]:
    piece = bytearray()
    for row in rows:
        piece += line(row)
        if len(piece) >= _ENOUGH:
            yield bytes(piece)
            piece.clear()
    yield bytes(piece)


def operation(of: domain.Operation) -> Operation:
    is_first = of.version == 1
    later = dict.fromkeys(_SINCE_VERSION_2, UNSET) if is_first else _shown_since_version_2(of)
    return made(
        Operation,
        of.entry,
        sequence=of.sequence,
        previous_hash=of.previous_hash,
        row_hash=of.row_hash,
        **later,
    )


def _shown_since_version_2(of: domain.Operation) -> dict[str, object]:
    return {"version": of.version, **msgspec.structs.asdict(of.commitments)}


_SINCE_VERSION_2 = [
    each.name for each in msgspec.structs.fields(Operation) if each.default is UNSET
]


def line(of: domain.Operation | Unreadable) -> bytes:
    """A row of the export. One that was changed in the store so that it cannot be read is shown
    as what no verification takes for a row."""
    if isinstance(of, Unreadable):
        return msgspec.json.encode(UnreadableOperation(of.sequence)) + b"\n"
    row = operation(of)
    exported = msgspec.json.encode(row) if of.version == 1 else _encode(_Exported(*_members(row)))
    return exported + b"\n"


_BESIDE = (
    "api_key_id",
    "client",
    "client_salt",
    "credential_id_salt",
    "idempotency_key",
    "idempotency_key_salt",
    "row_hash",
)
_MEMBERS = (*sorted({*Operation.__struct_fields__} - {*_BESIDE}), *_BESIDE)
_members = attrgetter(*_MEMBERS)
_Exported: Any = msgspec.defstruct("_Exported", _MEMBERS)
"""Of version 2: what is hashed comes first, sorted by name, so that it is verified as it stands."""
_encode = msgspec.json.Encoder(order="deterministic").encode

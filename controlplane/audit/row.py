"""What a row says in each version, and its canonical bytes, which its hash covers. Once written
they never change meaning.

Each version's members are listed here, as they stand in the export and with nothing read into
their texts but the octets of salts; the hashed bytes are made from the same list. docs/audit.md
has all of it in words, with examples.
"""

from collections.abc import Callable
from operator import attrgetter, itemgetter
from typing import Any

import msgspec

from controlplane.audit.hashing import FIRST_LINES, SALT_OCTETS, commit

encode_sorted = msgspec.json.Encoder(order="sorted").encode
"""As JSON with keys sorted, no white space, nothing escaped that need not be, in UTF-8."""
encode_as_listed = msgspec.json.Encoder(order="deterministic").encode
"""The same in a third of the time for a struct whose members are listed by name, as are those of
what is in it."""


class Pss(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    mgf_hash: str
    salt_length: int


class Client(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    address: str | None
    tool: str | None
    command: str | None
    hostname: str | None
    os_user: str | None
    application_sha256: str | None
    module_version: str | None


class Credential(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    age_seconds: int
    enrolled: bool
    id: str
    issued_by: str | None
    kind: str


class Approval(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    approver: str
    row_hash: str
    sequence: int


APPROVING = frozenset(("request:approve", "proposal:approve", "grant:create"))
"""The actions of the rows that `approvals` name."""

Details = dict[str, str | int | bool | None]


class Row1(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """Everything but `row_hash` is hashed as it stands."""

    sequence: int
    id: str
    created_at: str
    kind: str
    signer: str | None
    actor: str | None
    api_key_id: str | None
    outcome: str | None
    reason: str | None
    scheme: str | None
    hash: str | None
    digest: str | None
    pss: Pss | None
    ecdsa_encoding: str | None
    grant_id: str | None
    certificate_serial: str | None
    client: Client | None
    signature: str | None
    action: str | None
    object: str | None
    details: Details | None
    idempotency_key: str | None
    previous_hash: str
    row_hash: str


class Row2(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False, kw_only=True):
    """First what is hashed, sorted by name: so its canonical bytes are what an exported row begins
    with, but for the id in `credential`. Then `BESIDE`. `objects` is there where there are any."""

    action: str | None
    actor: str | None
    approvals: list[Approval] | None
    certificate_serial: str | None
    client_hash: str | None
    created_at: str
    credential: Credential | None
    credential_id_hash: str | None
    details: Details | None
    digest: str | None
    ecdsa_encoding: str | None
    grant_id: str | None
    hash: str | None
    id: str
    idempotency_key_hash: str | None
    kind: str
    object: str | None
    objects: dict[str, str | None] | msgspec.UnsetType = msgspec.UNSET
    outcome: str | None
    previous_hash: str
    proposal: str | None
    pss: Pss | None
    reason: str | None
    scheme: str | None
    sequence: int
    signature: str | None
    signer: str | None
    version: int
    api_key_id: str | None
    client: Client | None
    client_salt: bytes | None
    credential_id_salt: bytes | None
    idempotency_key: str | None
    idempotency_key_salt: bytes | None
    row_hash: str


COMMITTED = ("client", "credential_id", "idempotency_key")
"""For each of these a row has NAME_hash and NAME_salt. `credential_id` is the `id` in
`credential`, which stands without it in the hashed bytes."""
API_KEY = "api_key"
"""The kind of credential whose `id` stands in `api_key_id` too; of any other that is null."""
BESIDE = frozenset(
    ("row_hash", "api_key_id", "client", "idempotency_key", *(f"{name}_salt" for name in COMMITTED))
)
"""Members that the hashed bytes lack."""

_PLACE = ("sequence", "version", "previous_hash")
_HASHES = tuple(f"{name}_hash" for name in COMMITTED)
_OPEN_MEMBERS = ("age_seconds", "enrolled", "issued_by", "kind")
_MEMBERS = tuple(
    name
    for name in Row2.__struct_fields__
    if name not in BESIDE and name not in (*_PLACE, *_HASHES, "credential")
)
_FLAT = (*_PLACE, *_HASHES, "credential", *_MEMBERS)
_members = attrgetter(*_MEMBERS)
_hashes = attrgetter(*_HASHES)
_open_members = attrgetter(*_OPEN_MEMBERS)
_by_name = itemgetter(*(_FLAT.index(name) for name in sorted(_FLAT)))
_Open: Any = msgspec.defstruct("_Open", _OPEN_MEMBERS, frozen=True, gc=False)
_Hashed: Any = msgspec.defstruct("_Hashed", sorted(_FLAT), frozen=True, gc=False)


def canonical_bytes(sequence: int, row: Any, commitments: Any, previous_hash: str) -> bytes:
    """Of version 2. `row` and `commitments` have their members as attributes: as the domain does,
    or as the export. Of the approvals and of `pss` they are listed by name."""
    credential = row.credential
    open_ = None if credential is None else _Open(*_open_members(credential))
    flat = (sequence, 2, previous_hash, *_hashes(commitments), open_, *_members(row))
    return FIRST_LINES[2] + encode_as_listed(_Hashed(*_by_name(flat)))


def canonical_bytes_1(row: Row1) -> bytes | None:
    """None for one with details, which the thorough way reads."""
    if row.details is not None:
        return None
    # With no details there is one place only where this can stand: within a text, quotes are
    # escaped.
    row_hash = b'"row_hash":"%s",' % row.row_hash.encode()
    return FIRST_LINES[1] + encode_sorted(row).replace(row_hash, b"", 1)


def canonical_bytes_2(row: Row2, exported: bytes) -> bytes | None:
    """`exported`: the row in just the spelling of an export. None if what it shows is not what it
    commits to."""
    credential = row.credential
    key_id = None if credential is None else credential.id
    if row.api_key_id != (key_id if credential and credential.kind == API_KEY else None):
        return None
    if not (
        is_committed(row.client, row.client_salt, row.client_hash)
        and is_committed(key_id, row.credential_id_salt, row.credential_id_hash)
        and is_committed(row.idempotency_key, row.idempotency_key_salt, row.idempotency_key_hash)
    ):
        return None
    # Within a text, quotes are escaped. Of the details, any name may be one of these; they stand
    # after the credential and before the end of what is hashed.
    hashed = exported[: exported.rindex(_BESIDE_FOLLOWS)]
    if key_id is not None:
        hashed = hashed.replace(b',"id":' + encode_sorted(key_id), b"", 1)
    return b"%b%b}" % (FIRST_LINES[2], hashed)


_BESIDE_FOLLOWS = b',"api_key_id":'


def is_committed(
    value: object,
    salt: bytes | None,
    hash_: object,
    encode: Callable[[object], bytes] = encode_sorted,
) -> bool:
    """`value` None: there is nothing, and so neither salt nor hash. `encode`: as canonical JSON."""
    if value is None or salt is None:
        return value is None and salt is None and hash_ is None
    return len(salt) == SALT_OCTETS and commit(salt, encode(value)) == hash_

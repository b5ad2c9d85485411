"""What a row says, read from the octets that its hash is over (docs/audit.md, "The bytes of a
row")."""

import hashlib
from typing import Any

import msgspec

from sealwright.receipt.fault import NotValidError, Reason

SIGN, CHANGE, TIMESTAMP = "sign", "change", "timestamp"
"""The kinds of rows that are known here."""
SUCCEEDED = "succeeded"
APPROVING = frozenset(("request:approve", "proposal:approve", "grant:create"))
"""The actions of the rows that `approvals` name."""
_FIRST_LINE_BEGINS = b"sealwright-row-v"
_SALT_OCTETS = 16
_encode = msgspec.json.Encoder(order="sorted").encode

Details = dict[str, str | int | bool | None]


class Pss(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    mgf_hash: str
    salt_length: int


class Client(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a client said of itself, and the address from which it called."""

    address: str | None
    tool: str | None
    command: str | None
    hostname: str | None
    os_user: str | None
    application_sha256: str | None
    module_version: str | None


class Credential(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    age_seconds: int
    enrolled: bool
    issued_by: str | None
    kind: str


class Approval(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    approver: str
    row_hash: str
    sequence: int


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What all versions have."""

    sequence: int
    id: str
    created_at: str
    kind: str
    signer: str | None
    actor: str | None
    outcome: str | None
    reason: str | None
    scheme: str | None
    hash: str | None
    digest: bytes | None
    pss: Pss | None
    ecdsa_encoding: str | None
    grant_id: str | None
    certificate_serial: str | None
    signature: bytes | None
    action: str | None
    object: str | None
    details: Details | None
    previous_hash: str
    client: Client | None = None
    credential: Credential | None = None
    approvals: list[Approval] | None = None

    @property
    def is_signature(self) -> bool:
        return self.kind == SIGN and self.outcome == SUCCEEDED


class _Row1(Row, frozen=True, forbid_unknown_fields=True, kw_only=True):
    client: Client | None
    api_key_id: str | None
    idempotency_key: str | None
    credential: None = None
    approvals: None = None


class _Row2(Row, frozen=True, forbid_unknown_fields=True, kw_only=True):
    credential: Credential | None
    approvals: list[Approval] | None
    client: None = None
    client_hash: str | None
    credential_id_hash: str | None
    idempotency_key_hash: str | None
    objects: dict[str, str | None] | msgspec.UnsetType = msgspec.UNSET
    proposal: str | None
    version: int


_VERSIONS: dict[bytes, type[Row]] = {b"1": _Row1, b"2": _Row2}
_NOT_HASHED = {b"1": ("credential", "approvals"), b"2": ("client",)}
"""Members of `Row` that this version's octets must not have."""


class HashedRow(msgspec.Struct, frozen=True):
    """`said` is the row as the octets have it, for who passes it on as JSON."""

    row: Row
    said: dict[str, Any]
    row_hash: bytes

    def commitment_of(self, member: str) -> str | None:
        """In hex."""
        return getattr(self.row, f"{member}_hash", None)


def parse_row(octets: bytes) -> HashedRow:
    """
    Raises:
        NotValidError: these are not the octets of a row in their one spelling, or of one that a
            newer Sealwright made.
    """
    first, _, canonical = octets.partition(b"\n")
    version = first.removeprefix(_FIRST_LINE_BEGINS)
    if version == first:
        raise _unreadable("it does not begin as a row does")
    if version not in _VERSIONS:
        raise NotValidError(
            Reason.ROW_TOO_NEW,
            f"the row is of version {version.decode(errors='replace')[:20]!a}: "
            "a newer Sealwright made it, and verifies it",
        )
    try:
        said = msgspec.json.decode(canonical)
        is_canonical = _encode(said) == canonical
        row = msgspec.convert(said, _VERSIONS[version])
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as fault:
        raise _unreadable(str(fault)) from None
    if not is_canonical:
        raise _unreadable("its JSON is not in its canonical spelling")
    if any(name in said for name in _NOT_HASHED[version]) or said.get("version", 1) != int(version):
        raise _unreadable("it has members of another version")
    return HashedRow(row, said, hashlib.sha256(octets).digest())


def disclosed_client(hashed: HashedRow, salt: bytes, value: bytes) -> Client:
    """
    Raises:
        NotValidError: that is not what the row commits to.
    """
    committed = hashlib.sha256(salt + value).hexdigest()
    if len(salt) != _SALT_OCTETS or committed != hashed.commitment_of("client"):
        raise NotValidError(
            Reason.COMMITMENT_DIFFERS, "what is disclosed of the client is not what the row says"
        )
    try:
        return msgspec.json.decode(value, type=Client)
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as fault:
        raise _unreadable(f"what it says of the client: {fault}") from None


def _unreadable(why: str) -> NotValidError:
    return NotValidError(Reason.ROW_UNREADABLE, f"the row cannot be read: {why}")

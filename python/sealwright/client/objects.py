"""The control plane's answers as values.

Times are aware UTC datetimes, hashes and serials lower-case hex, certificates PEM. Fields that a
newer server adds are passed over.
"""

from datetime import datetime
from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")


class Problem(msgspec.Struct, frozen=True):
    """RFC 9457, with the members that Sealwright adds."""

    code: str
    title: str
    request_id: str | None = None
    detail: str | None = None
    field: str | None = None
    request: str | None = None


class Page(msgspec.Struct, Generic[T], frozen=True):
    """`next` is the cursor of the page after this one, None on the last."""

    items: list[T]
    next: str | None = None


class Health(msgspec.Struct, frozen=True):
    status: str


class ApiKey(msgspec.Struct, frozen=True):
    id: str
    created_at: datetime
    revoked_at: datetime | None = None


class NewApiKey(msgspec.Struct, frozen=True, omit_defaults=True):
    """`api_key` is shown this once."""

    id: str
    created_at: datetime
    api_key: str | None = None


class Identity(msgspec.Struct, frozen=True, omit_defaults=True):
    """`keys` is there when one identity was asked for, `api_key` and its id when it is new."""

    id: str
    name: str
    kind: str
    role: str | None
    owner: str | None
    disabled: bool
    created_at: datetime
    keys: list[ApiKey] | None = None
    api_key_id: str | None = None
    api_key: str | None = None


class Signer(msgspec.Struct, frozen=True):
    """`role` is the caller's as a member; `warnings` are sentences."""

    id: str
    number: int
    name: str
    status: str
    key: str
    common_name: str
    external: bool
    certificate_serial: str | None
    not_after: datetime | None
    created_at: datetime
    policy: str | None = None
    role: str | None = None
    warnings: list[str] = []


class SigningRequest(msgspec.Struct, frozen=True):
    """The PKCS#10 request of an external signer."""

    csr: str


class Certificate(msgspec.Struct, frozen=True):
    """`chain` has the leaf's issuer first and the root last."""

    certificate: str
    chain: list[str]
    serial: str


class Chain(msgspec.Struct, frozen=True):
    """The built-in CA: intermediate, then root, in one text."""

    chain: str


class Member(msgspec.Struct, frozen=True):
    signer: str
    identity: str
    role: str
    added_at: datetime


class ClientContext(msgspec.Struct, frozen=True):
    """What the caller of a signature said of itself; only `address` was seen by the server."""

    address: str | None = None
    tool: str | None = None
    command: str | None = None
    hostname: str | None = None
    os_user: str | None = None
    application_sha256: str | None = None
    module_version: str | None = None


class Operation(msgspec.Struct, frozen=True):
    """A row of the audit log, as far as people read it."""

    sequence: int
    id: str
    created_at: datetime
    kind: str
    actor: str | None
    signer: str | None
    outcome: str | None
    reason: str | None
    hash: str | None
    row_hash: str
    action: str | None = None
    object: str | None = None
    client: ClientContext | None = None


class Head(msgspec.Struct, frozen=True):
    """The end of the chain; sequence 0 before the first row."""

    sequence: int
    row_hash: str


class CatalogueSigner(msgspec.Struct, frozen=True):
    """What the module sees of a signer."""

    number: int
    name: str
    status: str
    role: str | None
    key: str
    not_after: datetime | None


class Catalogue(msgspec.Struct, frozen=True):
    signers: list[CatalogueSigner]

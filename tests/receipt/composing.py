"""Logs and receipts made as the formats' documents say, by nothing of what is tested."""

import base64
import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ORIGIN = "sealwright.example/tests"
BESIDE: tuple[str, ...] = ("row_hash", "api_key_id", "client", "client_salt", "credential_id_salt")
BESIDE += ("idempotency_key", "idempotency_key_salt")
Row = dict[str, Any]


def canonical_json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def octets_of(exported: Row) -> bytes:
    """What the hash of a row is over. `exported`: as `audit export` has it."""
    if "version" not in exported:
        hashed = {name: value for name, value in exported.items() if name != "row_hash"}
        return b"sealwright-row-v1\n" + canonical_json(hashed)
    hashed = {name: value for name, value in exported.items() if name not in BESIDE}
    if (credential := hashed["credential"]) is not None:
        hashed["credential"] = {name: credential[name] for name in credential if name != "id"}
    return b"sealwright-row-v2\n" + canonical_json(hashed)


def row_octets(sequence: int = 1, version: int = 2, **said: Any) -> bytes:
    """Of a row that says nothing but this."""
    nothing = dict.fromkeys(
        [
            "action",
            "actor",
            "certificate_serial",
            "details",
            "digest",
            "ecdsa_encoding",
            "grant_id",
            "hash",
            "object",
            "outcome",
            "pss",
            "reason",
            "scheme",
            "signature",
            "signer",
        ]
    )
    if version == 2:
        nothing |= dict.fromkeys(
            [
                "approvals",
                "client_hash",
                "credential",
                "credential_id_hash",
                "idempotency_key_hash",
                "proposal",
            ]
        )
    else:
        nothing |= dict.fromkeys(("api_key_id", "client", "idempotency_key"))
    row = nothing | {
        "sequence": sequence,
        "id": f"018f0000-0000-7000-8000-{sequence:012}",
        "created_at": "2026-01-31T08:00:00Z",
        "kind": "sign",
        "previous_hash": "0" * 64,
    }
    if version == 2:
        row["version"] = 2
    return b"sealwright-row-v%d\n" % version + canonical_json(row | said)


def node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


def root(entries: Sequence[bytes]) -> bytes:
    """MTH of RFC 6962 §2.1, as it is written there."""
    if len(entries) == 1:
        return hashlib.sha256(b"\0" + entries[0]).digest()
    split = 1 << (len(entries) - 1).bit_length() - 1
    return node(root(entries[:split]), root(entries[split:]))


def path(index: int, entries: Sequence[bytes]) -> list[bytes]:
    """PATH of RFC 6962 §2.1.1."""
    if len(entries) == 1:
        return []
    split = 1 << (len(entries) - 1).bit_length() - 1
    if index < split:
        return [*path(index, entries[:split]), root(entries[split:])]
    return [*path(index - split, entries[split:]), root(entries[:split])]


def text(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


@dataclass(frozen=True)
class Key:
    """That signs notes. `kind`: 1 for a log, 4 for a witness."""

    name: str
    kind: int = 1
    private: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    @property
    def encoded(self) -> bytes:
        return bytes([self.kind]) + self.private.public_key().public_bytes_raw()

    @property
    def key_id(self) -> bytes:
        return hashlib.sha256(self.name.encode() + b"\n" + self.encoded).digest()[:4]

    @property
    def vkey(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{text(self.encoded)}"

    def line(self, note: str, at: int | None = None) -> str:
        """`at`: of a witness."""
        message, time = note.encode(), b""
        if at is not None:
            message = f"cosignature/v1\ntime {at}\n{note}".encode()
            time = at.to_bytes(8)
        return f"— {self.name} {text(self.key_id + time + self.private.sign(message))}\n"


@dataclass
class Log:
    key: Key = field(default_factory=lambda: Key(ORIGIN))
    rows: list[bytes] = field(default_factory=list)
    """Their octets."""
    origin: str = ORIGIN

    @property
    def entries(self) -> list[bytes]:
        return [hashlib.sha256(row).digest() for row in self.rows]

    def note(self, size: int | None = None) -> str:
        size = len(self.rows) if size is None else size
        return f"{self.origin}\n{size}\n{text(root(self.entries[:size]))}\n"

    def checkpoint(self, witnesses: Iterable[tuple[Key, int]] = (), size: int | None = None) -> str:
        note = self.note(size)
        lines = (witness.line(note, at) for witness, at in witnesses)
        return f"{note}\n{self.key.line(note)}{''.join(lines)}"

    def receipt(
        self, sequence: int, witnesses: Iterable[tuple[Key, int]] = (), size: int | None = None
    ) -> str:
        size = len(self.rows) if size is None else size
        hashes = path(sequence - 1, self.entries[:size])
        return "\n".join(
            [
                "c2sp.org/tlog-proof@v1",
                f"extra {text(self.rows[sequence - 1])}",
                f"index {sequence - 1}",
                *map(text, hashes),
                "",
                self.checkpoint(witnesses, size),
            ]
        )

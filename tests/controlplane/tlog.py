"""A receipt and a checkpoint, read by the C2SP documents alone (tlog-proof, signed-note): nothing
of the product is used, so that it is held against something else than itself."""

import base64
import hashlib
import json
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


@dataclass(frozen=True)
class Checkpoint:
    origin: str
    size: int
    root: bytes


@dataclass(frozen=True)
class Receipt:
    extra: bytes
    index: int
    path: list[bytes]
    note: str

    @property
    def row(self) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(self.extra.partition(b"\n")[2])
        return said

    def root(self, size: int) -> bytes:
        """That the path leads to, in a tree of this size (RFC 9162 §2.1.3.2)."""
        entry = hashlib.sha256(self.extra).digest()
        hash_, at, last = hashlib.sha256(b"\0" + entry).digest(), self.index, size - 1
        for sibling in self.path:
            assert last
            if at & 1 or at == last:
                hash_ = hashlib.sha256(b"\1" + sibling + hash_).digest()
                while not at & 1 and at:
                    at, last = at >> 1, last >> 1
            else:
                hash_ = hashlib.sha256(b"\1" + hash_ + sibling).digest()
            at, last = at >> 1, last >> 1
        assert last == 0
        return hash_


def read_receipt(text: str) -> Receipt:
    proof, _, note = text.partition("\n\n")
    first, extra, index, *path = proof.split("\n")
    assert first == "c2sp.org/tlog-proof@v1"
    assert extra.startswith("extra ")
    assert index.startswith("index ")
    return Receipt(
        base64.b64decode(extra[6:], validate=True),
        int(index[6:]),
        [base64.b64decode(each, validate=True) for each in path],
        note,
    )


def open_note(note: str, verifier_key: str) -> Checkpoint:
    """Fails unless this key signed it."""
    name, id_, key = verifier_key.split("+", 2)
    text, _, signatures = note.partition("\n\n")
    public = base64.b64decode(key)
    assert public[0] == 1
    assert hashlib.sha256(f"{name}\n".encode() + public).hexdigest()[:8] == id_
    marks = [line.split(" ") for line in signatures.splitlines()]
    (mark,) = [
        octets
        for dash, who, sealed in marks
        if dash == "—" and who == name and (octets := base64.b64decode(sealed))[:4].hex() == id_
    ]
    Ed25519PublicKey.from_public_bytes(public[1:]).verify(mark[4:], f"{text}\n".encode())
    origin, size, root = text.split("\n")
    return Checkpoint(origin, int(size), base64.b64decode(root))


def verify_receipt(text: str, verifier_key: str) -> Receipt:
    """Fails unless the receipt holds."""
    receipt = read_receipt(text)
    checkpoint = open_note(receipt.note, verifier_key)
    assert receipt.root(checkpoint.size) == checkpoint.root
    return receipt

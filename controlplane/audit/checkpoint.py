"""Checkpoints (C2SP tlog-checkpoint): how many entries a log has, and the root over them."""

from base64 import b64decode, b64encode
from dataclasses import dataclass

from controlplane.audit.note import NoteSigner


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """`note`: the signed note that says it."""

    origin: str
    size: int
    root: bytes
    note: str


def sign_checkpoint(signer: NoteSigner, size: int, root: bytes) -> Checkpoint:
    text = f"{signer.name}\n{size}\n{b64encode(root).decode()}\n"
    return Checkpoint(signer.name, size, root, signer.sign(text))


def read_checkpoint(signer: NoteSigner, note: str) -> Checkpoint | None:
    """None unless this signer signed it, and nobody else: Ed25519 gives the same octets again."""
    text = note.partition("\n\n")[0] + "\n"
    lines = text.splitlines()
    if len(lines) != 3 or signer.sign(text) != note:  # that it signs
        return None
    origin, size, root = lines
    return Checkpoint(origin, int(size), b64decode(root), note)

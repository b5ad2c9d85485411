"""A checkpoint by itself, signed (C2SP tlog-checkpoint, signed-note)."""

from dataclasses import dataclass

from sealwright.receipt.checkpoint import Checkpoint
from sealwright.receipt.note import MOST_SIGNATURES, Note, VerifierKey, parse_signature_line


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    checkpoint: Checkpoint
    note: Note

    @classmethod
    def parse(cls, text: str) -> "SignedCheckpoint":
        """
        Raises:
            ValueError: it is none; says why.
        """
        if not text.replace("\n", "").isprintable():
            raise ValueError("a checkpoint has no control characters")
        said, _, signatures = text.rpartition("\n\n")
        lines = signatures.split("\n")
        if not said or lines.pop():
            raise ValueError("a checkpoint is three lines, an empty one, and lines of signatures")
        if not 0 < len(lines) <= MOST_SIGNATURES:
            raise ValueError(f"a checkpoint has 1 to {MOST_SIGNATURES} signatures")
        note = Note(f"{said}\n", tuple(map(parse_signature_line, lines)))
        return cls(Checkpoint.parse(note.text), note)

    def verify(self, key: VerifierKey) -> None:
        """
        Raises:
            ValueError: it is of another log, or not signed by this key.
            WrongSignatureError: its signature does not hold.
        """
        if self.checkpoint.origin != key.name:
            raise ValueError(f"it is of the log {self.checkpoint.origin}, not of {key.name}")
        if not self.note.is_signed_by(key):
            raise ValueError(f"it is not signed by {key.name} ({key.key_id.hex()})")

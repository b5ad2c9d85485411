"""What a log says of itself at one time (C2SP tlog-checkpoint)."""

import msgspec

from sealwright.receipt.base64_text import from_base64
from sealwright.receipt.numbers import from_decimal

HASH_OCTETS = 32
LARGEST_TREE = 2**63 - 1


class Checkpoint(msgspec.Struct, frozen=True):
    origin: str
    tree_size: int
    root: bytes

    @classmethod
    def parse(cls, text: str) -> "Checkpoint":
        """`text`: of the note. Lines after the third are extensions, which say nothing to us.

        Raises:
            ValueError: it is none; says why.
        """
        lines = text.split("\n")
        if len(lines) < 4 or lines[-1] or not all(lines[:-1]):
            raise ValueError("a checkpoint has an origin, a tree size and a root hash, a line each")
        root = from_base64(lines[2])
        if len(root) != HASH_OCTETS:
            raise ValueError(f"its root hash has {len(root)} octets")
        return cls(lines[0], from_decimal(lines[1], LARGEST_TREE), root)

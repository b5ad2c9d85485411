"""Whether a file is the one that a row's signature is for: by its hash, or because it carries that
signature and leads to it as the verifiers of its format go."""

import hashlib
from pathlib import Path

from sealwright.receipt.fault import NotValidError, Reason
from sealwright.receipt.row import Row

_PIECE = 1 << 20
ED25519 = "ed25519"
_MESSAGE_HASH = "sha512"
"""What `digest` is of a message that Ed25519 signed."""
HASHES = ("sha256", "sha384", "sha512")


def digest_hash(row: Row) -> str | None:
    """The hash whose value is the row's `digest`; None where that is not known."""
    if row.scheme == ED25519:
        return _MESSAGE_HASH
    return row.hash if row.hash in HASHES else None


def has_digest_of(row: Row, path: Path) -> bool:
    """Whether the row's digest is that of the whole file.

    Raises:
        OSError: it cannot be read.
    """
    name = digest_hash(row)
    if name is None:
        return False
    hashed = hashlib.new(name)
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            hashed.update(piece)
    return hashed.digest() == row.digest


def check_digest(row: Row, digest: bytes) -> None:
    """
    Raises:
        NotValidError: another one was signed.
    """
    check_signed(row)
    if digest != row.digest:
        raise NotValidError(
            Reason.DIGEST_DIFFERS, f"the digest that was signed is {(row.digest or b'').hex()}"
        )


def check_signed(row: Row) -> None:
    """
    Raises:
        NotValidError: nothing was signed by this row.
    """
    if not row.is_signature or row.digest is None or row.signature is None:
        raise NotValidError(Reason.NOTHING_SIGNED, "the row is not of a signature that was made")


def check_file(row: Row, path: Path) -> str:
    """How it holds: `hash`.

    Raises:
        NotValidError: it is another file.
        OSError: it cannot be read.
    """
    check_signed(row)
    if has_digest_of(row, path):
        return "hash"
    raise NotValidError(
        Reason.FILE_DIFFERS, f"{path.name} is not what was signed: its hash is another"
    )

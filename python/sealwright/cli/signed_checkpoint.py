"""Signed checkpoints of a log: those that somebody kept, and the one that a server shows."""

import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from sealwright.cli.failure import CommandError
from sealwright.receipt.checkpoint import Checkpoint
from sealwright.receipt.checkpoint_file import SignedCheckpoint
from sealwright.receipt.note import KeyKind, VerifierKey, WrongSignatureError

if TYPE_CHECKING:
    from sealwright.client.client import Client
    from sealwright.client.objects import LogKey

_MOST_OCTETS = 1 << 20


@dataclass(frozen=True, slots=True)
class Signed:
    """Its signature holds. `place`: where it was found; `note`: as it stands there."""

    place: str
    note: str
    checkpoint: Checkpoint
    key: VerifierKey


class Keys:
    """Of logs: the one that was given alone, or those that the server shows."""

    def __init__(self, given: str | None, plane: "Client | None") -> None:
        """`plane`: None where a key is given, and no server is asked. Raises CommandError."""
        self._plane = plane
        self.given = None if given is None else _read_key(given)

    def of(self, origin: str) -> VerifierKey:
        """Raises ClientError, ValueError."""
        if self.given is not None:
            return self.given
        for each in self._shown:
            if each.origin == origin:
                return VerifierKey.parse(each.key)
        raise ValueError(f"it is of the log {origin}, which the server has no key of")

    @property
    def has_begun(self) -> bool:
        """Whether the log that the server has now signed checkpoints, as it says itself."""
        return any(each.ended_at is None and each.begun_at is not None for each in self._shown)

    @cached_property
    def _shown(self) -> "list[LogKey]":
        if self._plane is None:
            raise AssertionError("without a server a key is given")
        return self._plane.log_keys().value.items


def read_kept(name: str, keys: Keys) -> Signed:
    """`name`: of a file, or `-`. Raises ClientError, CommandError."""
    try:
        octets = sys.stdin.buffer.read(_MOST_OCTETS) if name == "-" else Path(name).read_bytes()
        note = octets.decode()
    except OSError as fault:
        raise CommandError(f"{name}: cannot be read: {fault.strerror}") from None
    except UnicodeDecodeError:
        raise CommandError(f"{name}: it is no text, so no checkpoint") from None
    return _verify(name, name, note, keys)


def fetch_published(plane: "Client", keys: Keys) -> Signed:
    """Of the server. Raises ClientError, CommandError."""
    what = "The server's checkpoint"
    try:
        note = plane.log_checkpoint()
    except UnicodeDecodeError:
        raise CommandError(f"{what}: it is no text", code="not_valid") from None
    return _verify("the server", what, note, keys)


def _verify(place: str, what: str, note: str, keys: Keys) -> Signed:
    try:
        signed = SignedCheckpoint.parse(note)
        key = keys.of(signed.checkpoint.origin)
        signed.verify(key)
    except (ValueError, WrongSignatureError) as fault:
        raise CommandError(f"{what}: {fault}", code="not_valid") from None
    return Signed(place, note, signed.checkpoint, key)


def _read_key(text: str) -> VerifierKey:
    try:
        key = VerifierKey.parse(text)
    except ValueError as fault:
        raise CommandError(f"--log-key: {fault}", code="not_valid") from None
    if key.kind is not KeyKind.ED25519:
        raise CommandError("--log-key is the key of a witness, not of a log", code="not_valid")
    return key

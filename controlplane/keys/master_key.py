"""The master key: a file of 32 random bytes as hex, for its owner's eyes only."""

import os
import re
import secrets
import stat
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from controlplane.errors import Code, Refused

_OCTETS = 32
_SHAPE = re.compile(rb"[0-9a-f]{64}\n?")
_LONGEST_READ = 1024


class MasterKey:
    """Never used itself: each purpose has a key of its own, derived by HKDF (RFC 5869)."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def derive(self, purpose: str) -> bytes:
        """32 bytes."""
        info = f"sealwright {purpose} v1".encode()
        return HKDF(SHA256(), _OCTETS, salt=None, info=info).derive(self._secret)

    def check_value(self) -> bytes:
        """Kept in the store, tells whether this is the store's master key, and nothing of it."""
        return self.derive("check value")

    def __repr__(self) -> str:
        return "MasterKey(…)"


def create_master_key(path: Path) -> MasterKey:
    """Refused master_key_exists."""
    secret = secrets.token_bytes(_OCTETS)
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        raise Refused(
            Code.MASTER_KEY_EXISTS, f"There is a file {path} already; it is left alone."
        ) from None
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error)) from error
    with os.fdopen(descriptor, "wb") as file:
        file.write(secret.hex().encode() + b"\n")
        file.flush()
        os.fsync(descriptor)
    return MasterKey(secret)


def load_master_key(path: Path) -> MasterKey:
    """Refused master_key_unreadable: absent, readable by others, or of another shape."""
    try:
        with path.open("rb") as file:
            facts = os.fstat(file.fileno())
            text = file.read(_LONGEST_READ)
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error)) from error
    if not stat.S_ISREG(facts.st_mode):
        raise _unreadable(path, "it is no regular file")
    if _is_open_to_others(facts):
        raise _unreadable(path, f"others can read or write it: run chmod 600 {path}")
    if _SHAPE.fullmatch(text) is None:
        raise _unreadable(path, "it is not 64 hexadecimal digits")
    return MasterKey(bytes.fromhex(text.decode("ascii")))


def _is_open_to_others(facts: os.stat_result) -> bool:
    """A file of root's that a group of this process may read is meant so: a secret in a pod."""
    meant = facts.st_uid == 0 and facts.st_gid in {os.getegid(), *os.getgroups()}
    mine = stat.S_IRWXU | (stat.S_IRGRP if meant else 0)
    return bool(stat.S_IMODE(facts.st_mode) & 0o777 & ~mine)


def _unreadable(path: Path, why: str) -> Refused:
    return Refused(Code.MASTER_KEY_UNREADABLE, f"The master key {path} cannot be used: {why}.")

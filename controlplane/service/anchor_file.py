"""The file of an anchor: canonical JSON, with a tag: HMAC-SHA-256 in hex, under a key of the master
key's, over the same without the tag."""

import fcntl
import hmac
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec

from controlplane.domain.anchor import Anchor
from controlplane.keys.master_key import MasterKey

_VERSION = 1
_MOST = 1024 * 1024  # octets that are read of it
_encode = msgspec.json.Encoder(order="sorted").encode


class Spoilt(Exception):  # noqa: N818  # for who reads it to judge
    """It is there, and not as a server of this store wrote it; says how."""


class AnchorFile:
    def __init__(self, path: Path, master_key: MasterKey) -> None:
        self.path = path
        self._key = master_key.derive("anchor")

    def read(self) -> Anchor | None:
        """None: there is none. Raises Spoilt."""
        try:
            with self.path.open("rb") as file:
                octets = file.read(_MOST)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Spoilt(f"cannot be read: {error.strerror}") from error
        try:
            said = msgspec.json.decode(octets, type=dict[str, Any])
            tag, version = str(said.pop("tag", "")), said.pop("version", _VERSION)
            if version != _VERSION:
                raise Spoilt(f"is of version {version}, and this sealwright knows {_VERSION}")
            anchor = msgspec.convert(said, Anchor)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise Spoilt("is no anchor") from None
        if not hmac.compare_digest(tag.encode(), self._tag(anchor).encode()):
            raise Spoilt("was changed, or written under another master key")
        return anchor

    def write(self, anchor: Anchor) -> None:
        """All of it or nothing, and durable. Raises OSError."""
        fresh = self.path.with_name(f"{self.path.name}.new")
        descriptor = os.open(fresh, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(_encode(_said(anchor) | {"tag": self._tag(anchor)}))
            file.flush()
            os.fsync(descriptor)
        fresh.replace(self.path)
        folder = self._open_folder()
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def is_fresh(self, seconds: float) -> bool:
        """Whether it was written within so many seconds."""
        try:
            return 0 <= time.time() - self.path.stat().st_mtime < seconds
        except OSError:
            return False

    def remove(self) -> None:
        with suppress(OSError):
            self.path.unlink()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Alone among the processes of this machine; nobody holds it for long. Raises OSError."""
        folder = self._open_folder()
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)

    def _open_folder(self) -> int:
        return os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def _tag(self, anchor: Anchor) -> str:
        return hmac.digest(self._key, _encode(_said(anchor)), "sha256").hex()


def _said(anchor: Anchor) -> dict[str, Any]:
    said: dict[str, Any] = msgspec.to_builtins(anchor)
    return {"version": _VERSION} | said

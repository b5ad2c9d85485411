"""The log as a Merkle tree: its keys."""

from datetime import datetime

from controlplane.api.endpoint import endpoint
from controlplane.api.structs import Shown
from controlplane.domain.model import Caller
from controlplane.service.log_keys import LogKeys, VerifierKey


class LogKey(Shown, frozen=True):
    """`key`: `name+hash+base64` (C2SP signed-note), the name being the log's origin. It may change
    until `begun_at`, when the first checkpoint was signed. `ended_at`: when the store was restored,
    and went on as another log."""

    key: str
    origin: str
    created_at: datetime
    begun_at: datetime | None
    ended_at: datetime | None


class LogKeysShown(Shown, frozen=True):
    """The one that signs, then those that did, the last one first."""

    items: list[LogKey]


class LogKeysResource:
    def __init__(self, keys: LogKeys) -> None:
        self._keys = keys

    @endpoint("List the keys that verify the log's checkpoints")
    def on_get(self, caller: Caller) -> LogKeysShown:  # everybody who may call
        return LogKeysShown([_shown(each) for each in self._keys.list()])


def _shown(key: VerifierKey) -> LogKey:
    known = key.log_key
    return LogKey(key.text, known.origin, known.created_at, known.begun_at, known.ended_at)

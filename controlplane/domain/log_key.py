"""What a log is called by those who read it from outside, and the key that signs for it. Pure."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from controlplane.domain.keys import KeyReference

_ORIGIN = re.compile(r"[A-Za-z0-9.-]+(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~-]+)*/?")
_LONGEST = 120  # characters


@dataclass(frozen=True, slots=True)
class LogKey:
    """Ed25519. `instance`: of the store whose log it signs for; a store that was restored is
    another instance, with another key. `origin`: fixed once `begun_at`, before that what it would
    be now. `key.handle` is empty once it has ended: the private half is gone."""

    key: KeyReference
    instance: str
    origin: str
    created_at: datetime
    begun_at: datetime | None
    ended_at: datetime | None


def read_origin(text: str) -> str:
    """A schema-less URL, without blanks or plus signs (C2SP tlog-checkpoint). ValueError, in
    words."""
    if len(text) > _LONGEST:
        raise ValueError(f"it has more than {_LONGEST} characters")
    if not _ORIGIN.fullmatch(text):
        raise ValueError(f"{text!r} is no host name with a path, such as log.example.com/signing")
    return text


def make_origin(wanted: str, instance: str, taken: Collection[str]) -> str:
    """`wanted`: as the setting says. `taken`: origins of logs that there were: none is used
    again."""
    origin = wanted + instance if wanted.endswith("/") else wanted
    return f"{origin}/{instance}" if origin in taken else origin

"""Ids that sort by time: UUID version 7 (RFC 9562 §5.7), so that their indexes grow at one end."""

import secrets
import time
from uuid import UUID

_VERSION = 0x7 << 76
_VARIANT = 0b10 << 62


def new_id() -> str:
    milliseconds = time.time_ns() // 1_000_000
    random = secrets.randbits(74)
    high, low = random >> 62, random & ((1 << 62) - 1)
    return str(UUID(int=milliseconds << 80 | _VERSION | high << 64 | _VARIANT | low))

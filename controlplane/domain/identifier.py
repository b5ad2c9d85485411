"""Ids that sort by time: UUID version 7 (RFC 9562 §5.7), so that their indexes grow at one end."""

import secrets
import time
from threading import Lock

_VERSION = 0x7 << 76
_VARIANT = 0b10 << 62


_lock = Lock()
_last = 0


def new_id() -> str:
    """Above every id that this process made before (RFC 9562 §6.2), even in one millisecond."""
    global _last
    milliseconds = time.time_ns() // 1_000_000
    random = secrets.randbits(74)
    high, low = random >> 62, random & ((1 << 62) - 1)
    with _lock:
        _last = max(_last + 1, milliseconds << 80 | _VERSION | high << 64 | _VARIANT | low)
        digits = f"{_last:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"

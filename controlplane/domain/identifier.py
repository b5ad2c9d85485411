"""Ids that sort by time: UUID version 7 (RFC 9562 §5.7), so that their indexes grow at one end."""

import os
import time
from threading import Lock

_VERSION = 0x7 << 76
_VARIANT = 0b10 << 62


ENDING = 8
"""Characters at the end of an id by which people name it: of its random part."""
LENGTH = 36
"""Characters of an id."""

_OCTETS = 10  # of randomness in an id
_DRAWN = 128 * _OCTETS  # at once: each draw gives other threads a turn

_lock = Lock()
_last = 0
_drawn = b""


def _forget_drawn() -> None:
    global _drawn
    _drawn = b""


os.register_at_fork(after_in_child=_forget_drawn)


def new_id() -> str:
    """Above every id that this process made before (RFC 9562 §6.2), even in one millisecond."""
    global _last, _drawn
    milliseconds = time.time_ns() // 1_000_000
    with _lock:
        if not _drawn:
            _drawn = os.urandom(_DRAWN)
        random = int.from_bytes(_drawn[:_OCTETS]) >> 6
        _drawn = _drawn[_OCTETS:]
        high, low = random >> 62, random & ((1 << 62) - 1)
        _last = max(_last + 1, milliseconds << 80 | _VERSION | high << 64 | _VARIANT | low)
        digits = f"{_last:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"

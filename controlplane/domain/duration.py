"""Spans of time as people write them: `90s`, `30m`, `8h`, `2d`."""

import re

_UNITS = (("d", 24 * 3600), ("h", 3600), ("m", 60), ("s", 1))
_WRITTEN = re.compile(r"([0-9]{1,10})([dhms])|0")


def parse(text: str) -> int:
    """Seconds; `0` needs no unit. Raises ValueError, in words."""
    written = _WRITTEN.fullmatch(text)
    if written is None:
        raise ValueError(f"{text!r} is no duration such as 90s, 30m, 8h or 2d")
    return int(written[1]) * dict(_UNITS)[written[2]] if written[1] else 0


def spell(seconds: int) -> str:
    """In the largest unit that says it exactly."""
    for unit, size in _UNITS:
        if seconds % size == 0 and seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"

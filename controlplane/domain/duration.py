"""Spans of time as people write them: `90s`, `30m`, `8h`, `2d`."""

_UNITS = (("d", 24 * 3600), ("h", 3600), ("m", 60), ("s", 1))


def spell(seconds: int) -> str:
    """In the largest unit that says it exactly."""
    for unit, size in _UNITS:
        if seconds % size == 0 and seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"

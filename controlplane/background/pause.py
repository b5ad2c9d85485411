"""How long after a failure a job is tried again."""

from datetime import timedelta

_FIRST = timedelta(seconds=2)
MOST = timedelta(minutes=15)


def back_off(failures: int, chance: float) -> timedelta:
    """Twice as long after each of them, up to MOST; of that, half at least. `failures`: in a row,
    from 1. `chance`: in 0 to 1, so that not all come back at the same time."""
    doubled: timedelta = _FIRST * 2 ** min(failures - 1, 16)
    return min(doubled, MOST) * ((1 + chance) / 2)

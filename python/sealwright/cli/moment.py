"""Times as they are written, and as people say them."""

from datetime import UTC, datetime

from sealwright.cli.duration import spell_age

_DAY = 24 * 3600
_FAR = 90 * _DAY
"""Seconds from which on a date says more than a number of days."""


def moment(time: datetime | None) -> str:
    """RFC 3339 UTC to the second, `-` where there is none."""
    return "-" if time is None else f"{time:%Y-%m-%dT%H:%M:%SZ}"


def now() -> datetime:
    return datetime.now(UTC)


def relative(time: datetime, of_now: datetime) -> str:
    """`3 min ago`, `in 2 d`; far away: the date (UTC)."""
    is_far = abs((time - of_now).total_seconds()) >= _FAR
    return f"{time:%Y-%m-%d}" if is_far else distance(time, of_now)


def distance(time: datetime, of_now: datetime) -> str:
    """`3 min ago`, `in 365 d`."""
    seconds = round((time - of_now).total_seconds())
    if seconds == 0:
        return "now"
    span = spell_span(abs(seconds))
    return f"{span} ago" if seconds < 0 else f"in {span}"


def spell_span(seconds: int) -> str:
    """In words that stand in a sentence: `3 min`."""
    age = spell_age(seconds)
    return f"{age[:-1]} {'min' if age.endswith('m') else age[-1]}"

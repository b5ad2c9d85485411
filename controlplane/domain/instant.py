"""Points in time: aware UTC datetimes; as text RFC 3339 of fixed width, so that text sorts."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Gives the time as of now; whatever judges by time is handed one, so that a test can set it."""


def now() -> datetime:
    return datetime.now(UTC)


def to_text(time: datetime) -> str:
    """`2026-01-31T08:00:00.000000Z`; always 27 characters."""
    if time.tzinfo is not UTC:
        time = time.astimezone(UTC)
    return time.isoformat(timespec="microseconds")[:-6] + "Z"


def from_text(text: str) -> datetime:
    return datetime.fromisoformat(text)

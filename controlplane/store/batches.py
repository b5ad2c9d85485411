"""Many rows in few statements."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")

_AT_ONCE = 300  # three variables each stay below any SQLite's limit in a statement


ASKED_AT_ONCE = 5000
"""Of values that are only asked for: a variable each."""


def batches(items: Sequence[T], at_once: int = _AT_ONCE) -> Iterator[Sequence[T]]:
    """In order, each small enough for one statement."""
    for start in range(0, len(items), at_once):
        yield items[start : start + at_once]

"""Many rows in few statements."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")

_AT_ONCE = 300  # three variables each stay below any SQLite's limit in a statement


def batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """In order, each small enough for one statement."""
    for start in range(0, len(items), _AT_ONCE):
        yield items[start : start + _AT_ONCE]

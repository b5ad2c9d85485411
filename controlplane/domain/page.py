"""Lists come in pages, bounded in items and in octets."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from controlplane.domain.ranges import DEFAULT_PAGE

T = TypeVar("T")

MAX_OCTETS = 1024 * 1024  # of a page as it is sent, unless a single item is larger


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """`cursor` gives the opaque cursor that stands for an item."""

    items: tuple[T, ...]
    is_last: bool
    cursor: Callable[[T], str]

    @property
    def next(self) -> str | None:
        """The cursor of the page after this one, None on the last."""
        return None if self.is_last else self.cursor(self.items[-1])

    def first(self, count: int) -> "Page[T]":
        """A page that ends after so many of its items, at least one if there are any."""
        if count >= len(self.items):
            return self
        return replace(self, items=self.items[:count], is_last=False)


@dataclass(frozen=True, slots=True)
class PageRequest:
    """`limit` items, a number in PAGE, after the one that `cursor` stands for."""

    limit: int = DEFAULT_PAGE
    cursor: str | None = None

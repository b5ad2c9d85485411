"""Lists come in pages."""

from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """`next` is the opaque cursor of the page after this one, None on the last."""

    items: tuple[T, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class PageRequest:
    """`limit` items (1 to 1000) after the one that `cursor` stands for."""

    limit: int = DEFAULT_LIMIT
    cursor: str | None = None

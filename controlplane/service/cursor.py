"""Opaque cursors: the sort key of the last item, which callers hand back and do not read."""

from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from typing import TypeVar

from controlplane.domain.page import MAX_LIMIT, Page, PageRequest
from controlplane.domain.text import is_storable
from controlplane.errors import Refused, invalid

T = TypeVar("T")

_MOST = 2**63 - 1  # the greatest number that both stores can compare with


def read_text(page: PageRequest, first: str) -> str:
    """The position to go on from; `first` without a cursor. Refused 400."""
    if not 1 <= page.limit <= MAX_LIMIT:
        raise invalid("limit", f"limit must be between 1 and {MAX_LIMIT}.")
    if page.cursor is None:
        return first
    try:
        position = b64decode(page.cursor, altchars=b"-_", validate=True).decode("utf-8")
    except ValueError:
        raise _broken() from None
    if not is_storable(position) or _encode(position) != page.cursor:
        raise _broken()
    return position


def read_number(page: PageRequest, first: int) -> int:
    text = read_text(page, str(first))
    if not text.isascii() or not text.isdigit() or len(text) > len(str(_MOST)):
        raise _broken()
    if int(text) > _MOST:
        raise _broken()
    return int(text)


def cut(found: Sequence[T], page: PageRequest, position: Callable[[T], str | int]) -> Page[T]:
    """`found`: one item more than the page holds, if there are more."""

    def cursor(item: T) -> str:
        return _encode(str(position(item)))

    return Page(tuple(found[: page.limit]), len(found) <= page.limit, cursor)


def _encode(position: str) -> str:
    return urlsafe_b64encode(position.encode()).decode()


def _broken() -> Refused:
    return invalid("cursor", "This is no cursor of this list: take `next` of the page before.")

"""Lists as they are asked for and sent: page by page."""

from collections.abc import Callable
from typing import Annotated, Generic, TypeVar, cast

import msgspec
from msgspec import Meta, Struct

from controlplane.api.structs import Body
from controlplane.api.text import Parameter
from controlplane.api.values import number
from controlplane.domain.identifier import ENDING
from controlplane.domain.page import MAX_OCTETS, Page
from controlplane.domain.ranges import DEFAULT_PAGE, PAGE

T = TypeVar("T")
S = TypeVar("S")

_AROUND = 512  # octets: what stands around the items of a page, its cursor above all


class PageQuery(Body, frozen=True):
    limit: Annotated[int, number(PAGE)] = DEFAULT_PAGE
    cursor: Annotated[Parameter, Meta(description="`next` of the page before")] | None = None


Ending = Annotated[
    str,
    Meta(
        pattern=f"^[0-9a-f]{{{ENDING}}}$",
        description=f"{ENDING} lower-case hex digits: only those whose ids end like this",
    ),
]


class Items(Struct, Generic[T], frozen=True, kw_only=True):
    """A page of a list; `next` is the cursor of the page after it, null on the last."""

    items: list[T]
    next: str | None


def items(page: Page[S], view: Callable[[S], T]) -> Items[T]:
    """Ends before the item with which it would be larger than `MAX_OCTETS`."""
    fitting: list[msgspec.Raw] = []
    octets = _AROUND
    for each in page.items:
        encoded = msgspec.json.encode(view(each))
        octets += len(encoded) + len(",")
        if fitting and octets > MAX_OCTETS:
            break
        fitting.append(msgspec.Raw(encoded))
    return Items(items=cast("list[T]", fitting), next=page.first(len(fitting)).next)

"""What callers send is text that every store can hold, or it is refused here, by its name.

`check_path` and `check_query` look at what stands in an address, where what is no UTF-8 has become
U+FFFD. In a body JSON has only one way to write a NUL, which `check_body` looks for; unpaired
surrogates the decoder refuses. `Text` says so in the document.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Annotated

from msgspec import Meta

from controlplane.domain.text import REPLACEMENT, is_storable, storable
from controlplane.errors import Refused, invalid

MAX_PARAMETER = 255  # characters of a value in an address; no name, id or cursor is as long
MAX_INTEGER = 2**31 - 1  # the greatest that an integer column of PostgreSQL holds

_NUL = rb"\u0000"
_WRONG = "holds a NUL character or an unpaired surrogate, which no text may"

# No `pattern`, which would cost the call to sign some microseconds and more than `check_body`.
Text = Annotated[str, Meta(extra_json_schema={"pattern": r"^[^\u0000\uD800-\uDFFF]*$"})]
Parameter = Annotated[Text, Meta(max_length=MAX_PARAMETER)]


def check_path(path: Mapping[str, str]) -> None:
    """Refused 400 naming the part of the path."""
    for name, value in path.items():
        _check_parameter(name, value)


def check_query(query: Mapping[str, str | list[str]]) -> dict[str, str]:
    """Each parameter once. Refused 400 naming the parameter."""
    given: dict[str, str] = {}
    for name, value in query.items():
        if not name:
            raise invalid("query", "A parameter of the query has no name.")
        if isinstance(value, list):
            raise invalid(name, f"{name} is given more than once.")
        _check_parameter(name, value)
        given[name] = value
    return given


def check_time(field: str, time: datetime | None) -> None:
    """That it is one in UTC: its offset could take it out of the years 1 to 9999. Refused 400."""
    try:
        if time is not None:
            time.astimezone(UTC)
    except OverflowError:
        raise invalid(field, f"{field}: out of range; in UTC the year is 1 to 9999.") from None


def check_body(data: bytes) -> bytes:
    """Itself. Refused 400 naming the field that holds a NUL."""
    if _NUL in data and _find_no_text(data) is not None:
        raise refuse_body(data)
    return data


def refuse_body(data: bytes) -> Refused:
    """Why this body could not be decoded: 400 naming the field that holds no text, else `body`."""
    field = _find_no_text(data) or "body"
    return invalid(field, "The body is not JSON." if field == "body" else f"{field}: {_WRONG}.")


def _check_parameter(name: str, value: str) -> None:
    if len(value) > MAX_PARAMETER:
        raise invalid(name, f"{name}: longer than {MAX_PARAMETER} characters.")
    if not is_storable(value) or REPLACEMENT in value:
        raise invalid(name, f"{name}: {_WRONG}, or is not UTF-8.")


def _find_no_text(body: bytes) -> str | None:
    """Where in it there is some; `body` where it cannot be read either."""
    try:
        return next(_find_unstorable("", json.loads(body.decode("utf-8", "surrogateescape"))), None)
    except (ValueError, RecursionError):
        return "body"


def _find_unstorable(place: str, value: object) -> Iterator[str]:
    """Dotted names of the strings in it that are no text; of a name that is none, that name."""
    if isinstance(value, str):
        if not is_storable(value):
            yield place or "body"
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _find_unstorable(f"{place}[{index}]", each)
    elif isinstance(value, dict):
        for name, each in value.items():
            inner = f"{place}.{storable(name)}".lstrip(".")
            if not is_storable(name):
                yield inner
            yield from _find_unstorable(inner, each)

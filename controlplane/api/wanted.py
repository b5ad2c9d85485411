"""What a part of a call has to be, in words for a person: msgspec's own are for programmers."""

import re
from collections.abc import Callable, Iterator
from functools import lru_cache

from msgspec import inspect

_KINDS = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
    "datetime": "a time",
    "bytes": "base64",
}
_ITEMS = {"array": "items", "object": "entries", "bytes": "octets"}
_BOUNDS = {">=": "at least", "<=": "at most", ">": "more than", "<": "less than"}
_STEP = re.compile(r"\.([^.\[]+)|\[[^\]]*\]")


def describe_misfit(text: str, place: str, of: type) -> str:
    """What is wrong, as a clause: `it has to be at most 9`.

    Args:
        text: what msgspec says of it, without the place.
        place: where in the call, as msgspec writes it behind the `$`: `.steps[0].name`.
        of: the type of the whole call.
    """
    for pattern, words in _WORDS:
        if found := pattern.fullmatch(text):
            return words(found, _Part(place, of))
    return text


class _Part:
    """A place in the type of a call."""

    def __init__(self, place: str, of: type) -> None:
        self._nodes = list(_spread(_whole(of)))
        for name, *_ in (step.groups() for step in _STEP.finditer(place)):
            inner = [each for node in self._nodes for each in _below(node, name)]
            self._nodes = [each for node in inner for each in _spread(node)]

    @property
    def form(self) -> str | None:
        """What the document says of a text that has to fit a pattern."""
        for node in self._nodes:
            if isinstance(node, inspect.Metadata) and isinstance(node.type, inspect.StrType):
                described = (node.extra_json_schema or {}).get("description")
                if isinstance(described, str) and node.type.pattern is not None:
                    return described
        return None

    @property
    def values(self) -> list[str]:
        """Of an enumeration."""
        named: list[object] = []
        for node in self._nodes:
            if isinstance(node, inspect.EnumType):
                named += [member.value for member in node.cls]
            elif isinstance(node, inspect.LiteralType):
                named += node.values
        return [str(each) for each in named]


@lru_cache
def _whole(of: type) -> inspect.Type:
    return inspect.type_info(of)


def _spread(node: inspect.Type) -> Iterator[inspect.Type]:
    """The node, and what it may be instead."""
    yield node
    if isinstance(node, inspect.UnionType):
        for each in node.types:
            yield from _spread(each)
    elif isinstance(node, inspect.Metadata):
        yield from _spread(node.type)


def _below(node: inspect.Type, name: str | None) -> Iterator[inspect.Type]:
    """A field of this name; without one, any item."""
    if isinstance(node, inspect.StructType):
        yield from (field.type for field in node.fields if field.encode_name == name)
    elif name is None and isinstance(node, inspect.ListType | inspect.VarTupleType):
        yield node.item_type
    elif name is None and isinstance(node, inspect.DictType):
        yield node.value_type


def _another_kind(found: re.Match[str], part: _Part) -> str:
    *most, last = (_KINDS.get(each, each) for each in found[1].split(" | "))
    wanted = f"{', '.join(most)} or {last}" if most else last
    return f"it has to be {wanted}, not {_KINDS.get(found[2], found[2])}"


def _out_of_range(found: re.Match[str], part: _Part) -> str:
    return f"it has to be {_BOUNDS[found[1]]} {found[2]}"


def _of_another_length(found: re.Match[str], part: _Part) -> str:
    if part.form is not None:
        return _of_another_form(found, part)
    kind, bound, length = found.groups()
    items = _ITEMS.get(kind, "characters")
    limit = f"{_BOUNDS[bound]} {length}" if bound else length
    return f"it has to have {limit} {items}"


def _of_another_form(found: re.Match[str], part: _Part) -> str:
    return f"it has to be {part.form}"


def _none_of_these(found: re.Match[str], part: _Part) -> str:
    return f"{found[1]} is none of {', '.join(part.values)}"


def _just(words: str) -> Callable[[re.Match[str], _Part], str]:
    return lambda found, part: words


_WORDS: list[tuple[re.Pattern[str], Callable[[re.Match[str], _Part], str]]] = [
    (re.compile(pattern, re.DOTALL), words)
    for pattern, words in (
        (r"Expected `([^`]*)`, got `([^`]*)`", _another_kind),
        (r"Expected `(?:int|float)` (>=|<=|>|<) (\S+)", _out_of_range),
        (r"Expected `(\w+)` of length (?:(>=|<=|>|<) )?(\d+)", _of_another_length),
        (r"Expected `str` matching regex .*", _of_another_form),
        (r"Invalid enum value (.*)", _none_of_these),
        (r"Object missing required field `.*`", _just("it is missing")),
        (r"Object contains unknown field `.*`", _just("there is no such field")),
        (
            r"Invalid RFC3339 encoded .*|Expected `datetime` with a timezone component",
            _just("it has to be a time such as 2026-01-31T12:00:00Z"),
        ),
        (r"Invalid base64 encoded string", _just("it has to be base64")),
        (r"(?:Integer value|Number) out of range", _just("it is too large")),
    )
]

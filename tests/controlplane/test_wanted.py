"""What the API says of a part that is not as it must be: words for a person, whatever the part."""

import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from msgspec import inspect

import controlplane.app  # all bodies and queries  # noqa: F401
from controlplane.api.endpoint import decode
from controlplane.api.structs import Body
from controlplane.api.to_sign import Sign
from controlplane.errors import Code, Refused

FOR_PROGRAMMERS = re.compile(r"regex|matching|Expected|Invalid|Object |`|\\|\bNone\b|\^")


def below(kind: type[msgspec.Struct]) -> Iterator[type[msgspec.Struct]]:
    for each in kind.__subclasses__():
        yield each
        yield from below(each)


def _place(call: type) -> tuple[str, str]:
    return call.__module__, call.__name__


CALLS: list[type[msgspec.Struct]] = sorted({*below(Body), Sign}, key=_place)


def wrong_values(node: inspect.Type) -> Iterator[Any]:
    """None that the part takes; at the depth of the part, or within it."""
    match node:
        case inspect.Metadata():
            yield from wrong_values(node.type)
        case inspect.UnionType():
            for each in node.types:
                if not isinstance(each, inspect.NoneType):
                    yield from wrong_values(each)
        case inspect.StrType():
            yield 5
            if node.max_length is not None:
                yield "a" * (node.max_length + 1)
            if node.min_length:
                yield ""
            if node.pattern is not None:
                yield "\N{SNOWMAN} not this"[: node.max_length]
        case inspect.IntType():
            yield "one"
            yield 1.5
            if node.ge is not None:
                yield node.ge - 1
            if node.le is not None:
                yield node.le + 1
        case inspect.BoolType():
            yield "yes"
        case inspect.EnumType() | inspect.LiteralType():
            yield "nonesuch"
        case inspect.DateTimeType():
            yield "yesterday"
        case inspect.BytesType():
            yield "???"
        case inspect.ListType():
            yield 5
            yield from ([wrong] for wrong in wrong_values(node.item_type))
        case inspect.VarTupleType():
            yield 5
            yield from ([wrong] for wrong in wrong_values(node.item_type))
        case inspect.DictType():
            yield from ({"key": wrong} for wrong in wrong_values(node.value_type))
        case inspect.StructType():
            yield 5
            yield {"nonesuch": 1}
            for field in node.fields:
                yield from ({field.encode_name: wrong} for wrong in wrong_values(field.type))


@pytest.mark.parametrize("call", CALLS, ids=lambda each: each.__name__)
def test_what_is_wrong_is_told_in_words(call: type[msgspec.Struct]) -> None:
    decoder = msgspec.json.Decoder(call)
    for wrong in wrong_values(inspect.type_info(call)):
        with pytest.raises(Refused) as refused:
            decode(decoder, json.dumps(wrong).encode())
        title = refused.value.title
        assert refused.value.code == Code.INVALID_REQUEST
        assert title.startswith(f"{refused.value.field}: "), (wrong, title)
        assert not FOR_PROGRAMMERS.search(title), (wrong, title)


def said(call: str, wrong: Any) -> str:
    (kind,) = (each for each in CALLS if each.__name__ == call)
    with pytest.raises(Refused) as refused:
        decode(msgspec.json.Decoder(kind), json.dumps(wrong).encode())
    return refused.value.title


@pytest.mark.parametrize(
    ("call", "wrong", "sentence"),
    [
        (
            "CreateIdentity",
            {"name": "not a name"},
            "name: it has to be 1 to 64 of A-Z a-z 0-9 @ . _ + -; not @ first.",
        ),
        ("CreateIdentity", {"name": 5}, "name: it has to be text, not a whole number."),
        ("CreateIdentity", {"kind": "robot"}, "kind: 'robot' is none of user, machine."),
        ("CreateIdentity", {"colour": "red"}, "colour: there is no such field."),
        ("CreateIdentity", {"kind": "user"}, "name: it is missing."),
        ("ExportQuery", {"limit": 0}, "limit: there is no such field."),
    ],
)
def test_the_words(call: str, wrong: Any, sentence: str) -> None:
    assert said(call, wrong) == sentence

"""Every place of a request where a caller can put something, read from the OpenAPI document, and
what somebody might put there. A new endpoint, parameter or field is covered by itself."""

import base64
import json
import re
import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Schema = Mapping[str, Any]

HERE = "\u2020 here \u2020"

# (as JSON, whether no store can hold it)
IN_A_BODY: list[tuple[bytes, bool]] = [
    (rb'"\u0000"', True),
    (rb'"a\u0000b"', True),
    (rb'"\ud800"', True),
    (rb'"a\udfff\ud800b"', True),
    (b'"\xed\xa0\x80"', True),
    (rb'"\ufffe\uffff"', False),
    (rb'"\ud83d\ude00 \u202e\u05d0"', False),
    (b'"' + b"x" * 5000 + b'"', False),
    (b'""', False),
    (b'"0"', False),
    (b"0", False),
    (b"-1", False),
    (b"1.5", False),
    (b"2147483648", False),
    (b"9223372036854775808", False),
    (b"1" + b"0" * 40, False),
    (b"1" + b"0" * 5000, False),
    (b"1e400", False),
    (b"NaN", False),
    (b"true", False),
    (b"null", False),
    (b"[]", False),
    (rb'["\u0000"]', False),
    (b"{}", False),
    (b"[" * 5000 + b"]" * 5000, False),
    (b'"0001-01-01T00:00:00+01:00"', False),
]

# (percent-encoded, whether it is refused wherever it stands)
IN_A_PATH: list[tuple[str, bool]] = [
    ("%00", True),
    ("a%00b", True),
    ("%ff", True),
    ("%ed%a0%80", True),
    ("%c0%80", True),
    ("%ef%bf%bd", True),
    ("x" * 256, True),
    ("%f0%9f%98%80" * 256, True),
    ("x" * 255, False),
    ("%ef%bf%be%ef%bf%bf", False),
    ("%f0%9f%98%80%e2%80%ae%d7%90", False),
    ("%", False),
    ("%zz", False),
    ("%27%3b--", False),
    ("%0a", False),
    ("+", False),
    ("0", False),
]
IN_A_QUERY = [
    *IN_A_PATH,
    ("", False),
    ("-1", False),
    ("2147483648", False),
    ("9223372036854775808", False),
    ("1" + "0" * 40, False),
    ("1e400", False),
    ("NaN", False),
    ("null", False),
    ("0001-01-01T00:00:00%2b01:00", False),
    ("9999-12-31T23:59:59-01:00", False),
    ("2026-02-30T00:00:00Z", False),
    ("OTIyMzM3MjAzNjg1NDc3NTgwOA==", False),  # cursors: 2**63
    ("MTAwMDAwMDAwMDAwMDAwMDAwMDA=", False),  # 10**19
    ("AGE=", False),  # NUL, a
    ("7aCA", False),  # an unpaired surrogate as if it were UTF-8
]

IN_A_HEADER = ["", "a\x00b", "\xff\xfe", "a,b", "x" * 256, "*"]
HEADERS = ("Authorization", "Idempotency-Key", "If-None-Match")


_DIGITS = string.ascii_uppercase + string.ascii_lowercase + string.digits + "+/"


def same_octets_in_another_text(octets: bytes) -> str:
    """Base64 whose last digit has a bit that decoders drop: of octets that are no multiple of 3."""
    text = base64.b64encode(octets).decode()
    bare = text.rstrip("=")
    assert bare != text
    other = bare[:-1] + _DIGITS[_DIGITS.index(bare[-1]) + 1] + text[len(bare) :]
    assert base64.b64decode(other, validate=True) == octets
    return other


@dataclass(frozen=True)
class Call:
    """`place`: the name that a refusal has to give. `path` values are still to be filled in."""

    method: str
    template: str
    place: str
    unstorable: bool = False
    path: Mapping[str, str] = field(default_factory=dict)
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None


def calls(document: Schema) -> Iterator[Call]:
    """Each valid but for one place."""
    for template, methods in document["paths"].items():
        for method, described in methods.items():
            yield from _calls(document, method.upper(), template, described)


def _calls(document: Schema, method: str, template: str, described: Schema) -> Iterator[Call]:
    parameters = described.get("parameters", [])
    query = {
        each["name"]: str(example(document, each["schema"]))
        for each in parameters
        if each["in"] == "query"
    }
    needed = {each["name"] for each in parameters if each["in"] == "query" and each["required"]}
    body = body_schema(described)
    content = None if body is None else _encode(example(document, body))

    for parameter in parameters:
        name = parameter["name"]
        if parameter["in"] == "path":
            plain = "&".join(f"{each}={query[each]}" for each in needed)
            for value, refused in IN_A_PATH:
                path = {name: value}
                yield Call(method, template, name, refused, path, plain, content=content)
        elif parameter["in"] == "query":
            others = [f"{each}={query[each]}" for each in needed if each != name]
            for value, refused in IN_A_QUERY:
                together = "&".join([*others, f"{name}={value}"])
                yield Call(method, template, name, refused, query=together, content=content)
            twice = "&".join([*others, f"{name}=a&{name}=b"])
            yield Call(method, template, name, True, query=twice, content=content)
    for query_string in ("%00=1", "%ff=%00", "x" * 3000 + "=1", "="):
        yield Call(method, template, "", query=query_string, content=content)
    for header in HEADERS:
        for text in IN_A_HEADER:
            yield Call(method, template, header, headers={header: text}, content=content)
    if body is None:
        return
    for raw, unstorable in IN_A_BODY:
        yield Call(method, template, "body", unstorable, content=raw)
    for place, whole in _places(document, body):
        outside = _encode(whole)
        for raw, unstorable in IN_A_BODY:
            spliced = outside.replace(_encode(HERE), raw)
            yield Call(method, template, place, unstorable, content=spliced)
    for name in (rb'"\u0000"', rb'"\ud800"', b'"' + b"x" * 5000 + b'"', rb'"\ufffe"'):
        yield Call(method, template, "", content=b"{" + name + b": 1}")


def body_schema(described: Schema) -> Schema | None:
    if "requestBody" not in described:
        return None
    content = described["requestBody"]["content"]
    if "application/json" not in content:
        return None  # octets, of which the document says nothing
    schema: Schema = content["application/json"]["schema"]
    return schema


def example(document: Schema, schema: Schema) -> Any:
    """The least that fits it."""
    schema = resolved(document, schema)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    match schema["type"]:
        case "object":
            properties = schema.get("properties", {})
            return {
                name: example(document, properties[name]) for name in schema.get("required", [])
            }
        case "array":
            return [example(document, schema["items"])] * schema.get("minItems", 0)
        case "integer":
            return schema["minimum"]
        case "boolean":
            return False
        case "string":
            return _example_text(schema)
    raise AssertionError(f"no example of {schema}")


def _example_text(schema: Schema) -> str:
    if schema.get("contentEncoding") == "base64":
        return "AA=="
    if schema.get("format") == "date-time":
        return "2026-01-01T00:00:00Z"
    pattern = schema.get("pattern", "")
    for candidate in ("a", "0" * 64, "0" * 8):
        if re.search(pattern, candidate):
            return candidate
    raise AssertionError(f"no example of {schema}")


def resolved(document: Schema, schema: Schema) -> Schema:
    """Without null and references."""
    if "anyOf" in schema:
        schema = next(each for each in schema["anyOf"] if each.get("type") != "null")
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        return resolved(document, schema)
    return schema


def _places(document: Schema, schema: Schema) -> Iterator[tuple[str, Any]]:
    """Each member at any depth: its dotted name, and the least whole with `HERE` in its place."""
    schema = resolved(document, schema)
    if schema.get("type") == "array":
        yield "[]", [HERE]
        for name, inside in _places(document, schema["items"]):
            yield f"[].{name}", [inside]
    elif schema.get("type") == "object":
        whole = example(document, schema)
        for name, member in schema.get("properties", {}).items():
            yield name, whole | {name: HERE}
            for inner, inside in _places(document, member):
                place = f"{name}{inner}" if inner.startswith("[") else f"{name}.{inner}"
                yield place, whole | {name: inside}


def _encode(value: object) -> bytes:
    return json.dumps(value).encode()

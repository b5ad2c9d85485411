"""What bodies and answers are made of. Unknown fields of a body are refused."""

from typing import TypeVar

from msgspec import Struct

T = TypeVar("T")


class Body(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of everything a caller sends."""


class Empty(Body, frozen=True):
    """Nothing."""


class Shown(Struct, frozen=True, kw_only=True):
    """Base of everything a caller gets. Times are RFC 3339 UTC, hashes and serials lower-case hex,
    bytes base64."""


def made(kind: type[T], of: object, **more: object) -> T:
    """A struct or dataclass, of what `of` has under the names of its fields, and of what is given:
    an answer of the domain's object, or the other way round."""
    fields = getattr(kind, "__struct_fields__", ()) or getattr(kind, "__dataclass_fields__", ())
    return kind(**{name: getattr(of, name) for name in fields if name not in more}, **more)

"""What bodies and answers are made of. Unknown fields of a body are refused."""

from typing import TypeVar

from msgspec import Struct

S = TypeVar("S", bound=Struct)


class Body(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of everything a caller sends."""


class Empty(Body, frozen=True):
    """Nothing."""


class Shown(Struct, frozen=True, kw_only=True):
    """Base of everything a caller gets. Times are RFC 3339 UTC, hashes and serials lower-case hex,
    bytes base64."""


def made(kind: type[S], of: object, **more: object) -> S:
    """One of this kind, of what `of` has under the names of its fields, and of what is given."""
    names = (name for name in kind.__struct_fields__ if name not in more)
    return kind(**{name: getattr(of, name) for name in names}, **more)

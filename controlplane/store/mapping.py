"""Rows and the domain's objects: what both have under one name is copied once, by its type."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import UnionType
from typing import Any, Generic, TypeVar, get_args, get_type_hints

import msgspec
from peewee import BlobField, BooleanField, Field, IntegerField, Model, TextField

from controlplane.domain.instant import from_text, to_text

T = TypeVar("T")

_COLUMNS: dict[type, type[Field]] = {
    bool: BooleanField,
    int: IntegerField,
    str: TextField,
    datetime: TextField,
    bytes: BlobField,
}


@dataclass(frozen=True, slots=True)
class Form:
    """How a value stands in a row; there None is none, and needs no form."""

    write: Callable[[Any], object]
    read: Callable[[Any], object]


def as_json(kind: Any) -> Form:
    encode, decoder = msgspec.json.Encoder().encode, msgspec.json.Decoder(kind)
    return Form(lambda value: encode(value).decode(), decoder.decode)


_AS_IT_IS = Form(lambda value: value, lambda value: value)
_AS_TIME = Form(to_text, from_text)
_AS_OCTETS = Form(lambda value: value, bytes)


class Shared(Generic[T]):
    """The fields of a dataclass or struct that a table has as columns.

    Times stand in the columns as text, enumerations as their values; `forms` are of other types.
    What is not of them stands elsewhere, and is given.
    """

    def __init__(self, kind: type[T], columns: Collection[str], **forms: Form) -> None:
        hints = get_type_hints(kind)
        self._kind = kind
        self._forms = {
            name: forms[name] if name in forms else _form(hint)
            for name, hint in hints.items()
            if name in columns
        }

    def form(self, name: str) -> Form:
        return self._forms[name]

    def write(self, of: T, *names: str) -> dict[str, object]:
        """Columns by name; with `names` these alone."""
        return {
            name: None if (value := getattr(of, name)) is None else self._forms[name].write(value)
            for name in names or self._forms
        }

    def read(self, row: Model, **more: object) -> T:
        return self.read_columns({name: getattr(row, name) for name in self._forms}, **more)

    def read_columns(self, columns: Mapping[str, Any], **more: object) -> T:
        """Raises what reading raises of a value that is not in its form."""
        shared = {
            name: None if columns[name] is None else form.read(columns[name])
            for name, form in self._forms.items()
        }
        return self._kind(**shared, **more)


def shared(kind: type[T], table: type[Model], **forms: Form) -> Shared[T]:
    return Shared(kind, table._meta.fields, **forms)


def columns_of(kind: type, but: Collection[str] = ()) -> dict[str, Field]:
    """For a table that has one for each field of a dataclass."""
    hints = get_type_hints(kind)
    return {name: _column(hints[name]) for name in hints if name not in but}


def _column(hint: Any) -> Field:
    kind, may_lack = _plain(hint)
    return _COLUMNS[str if issubclass(kind, StrEnum) else kind](null=may_lack)


def _form(hint: Any) -> Form:
    kind, _ = _plain(hint)
    if kind is datetime:
        return _AS_TIME
    if kind is bytes:
        return _AS_OCTETS
    if kind in (bool, int, str):
        return _AS_IT_IS
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return Form(lambda value: value.value, kind)
    raise TypeError(f"{hint} needs a form to stand in a column")


def _plain(hint: Any) -> tuple[Any, bool]:
    """The type without its None, and whether it has one."""
    if isinstance(hint, UnionType) and type(None) in get_args(hint):
        (kind,) = (each for each in get_args(hint) if each is not type(None))
        return kind, True
    return hint, False

"""Text that came from others, made safe for a terminal."""

import sys
import unicodedata
from collections.abc import Sequence
from datetime import datetime

import click

from sealwright.cli.columns import terminal_columns, wrapped
from sealwright.cli.moment import distance, moment, now, relative

_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0\u034f\u17b4\u17b5")
"""Letters, signs and marks of which nothing is seen."""
_MARKS = ("Mn", "Me")
_MOST_MARKS = 2
"""On one letter; scripts with more are rare, and many reach into the lines around."""
_LEAST = 36
"""Columns for a value beside its name: an id, which is not broken."""


def printable(text: str) -> str:
    """Control, direction and other unprintable characters as escapes, and what looks like a space
    and is none: nothing in it can move the cursor, recolour, or turn or blot out what stands around
    it."""
    if text.isascii() and text.isprintable():
        return text
    shown, marks = [], _MOST_MARKS  # none before the first letter
    for character in text:
        if is_shown(character):
            is_mark = unicodedata.category(character) in _MARKS
            marks = marks + 1 if is_mark else 0
            if not is_mark or marks <= _MOST_MARKS:
                shown.append(character)
                continue
        shown.append(_escape(character))
    return "".join(shown)


def is_shown(character: str) -> bool:
    return character.isprintable() and character not in _BLANK and not _is_selector(character)


def _is_selector(character: str) -> bool:
    """Of a variation: they take no room, and are not seen."""
    return "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"


def _escape(character: str) -> str:
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def printable_json(text: str) -> str:
    """The same JSON with unprintable characters as JSON escapes; white space stays."""
    return "".join(c if is_shown(c) or c == "\n" else json_escape(c) for c in text)


def json_escape(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))


def facts(pairs: Sequence[tuple[str, object]]) -> None:
    """One thing: a name and a value a line. On a terminal, values of several words are wrapped
    beside their names, and times are said as people say them too."""
    most = max(len(name) for name, _ in pairs)
    for name, value in pairs:
        beside = f"{name.ljust(most)}  "
        if sys.stdout.isatty():
            click.echo(_for_people(name, beside, value))
        else:
            click.echo(f"{beside}{whole(value)}")


def _for_people(name: str, beside: str, value: object) -> str:
    """A value without blanks stays whole: an id, a key, an address is copied."""
    words = whole(value)
    if isinstance(value, datetime):
        words += f" ({distance(value, now())})"
    room = terminal_columns()
    if room - len(beside) < _LEAST:
        lines = f"  {words}" if " " not in words else wrapped(words, room, "  ", "  ")
        return f"{name}\n{lines}"
    if " " not in words:
        return f"{beside}{words}"
    return wrapped(words, room, beside, " " * len(beside))


def said(time: datetime | None) -> str:
    """In a sentence: on a terminal as people say it."""
    if time is None or not sys.stdout.isatty():
        return moment(time)
    return relative(time, now())


def whole(value: object) -> str:
    """A value as text, `-` where there is none."""
    if isinstance(value, datetime):
        return moment(value)
    return "-" if value is None else printable(str(value))


def bullets(sentences: Sequence[str]) -> None:
    for sentence in map(printable, sentences):
        is_for_people = sys.stdout.isatty()
        click.echo(
            wrapped(sentence, terminal_columns(), "- ", "  ") if is_for_people else f"- {sentence}"
        )

"""Text that came from others, made safe for a terminal, and tables."""

import sys
import unicodedata
from collections.abc import Iterator, Sequence
from datetime import datetime

import click

from sealwright.cli.columns import padded, width

_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0\u034f\u17b4\u17b5")
"""Letters, signs and marks of which nothing is seen."""
_MARKS = ("Mn", "Me")
_MOST_MARKS = 2
"""On one letter; scripts with more are rare, and many reach into the lines around."""


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


def moment(time: datetime | None) -> str:
    """RFC 3339 UTC to the second, `-` where there is none."""
    return "-" if time is None else f"{time:%Y-%m-%dT%H:%M:%SZ}"


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Columns under headings: by rich on a terminal, aligned with spaces elsewhere."""
    cells = [["-" if cell is None else printable(str(cell)) for cell in row] for row in rows]
    if sys.stdout.isatty():
        click.echo(drawn(columns, cells), nl=False)
        return
    for line in aligned(columns, cells):
        click.echo(line)


def aligned(columns: Sequence[str], cells: Sequence[Sequence[str]]) -> Iterator[str]:
    """A table as lines."""
    lines = [[column.upper() for column in columns], *cells]
    widths = [max(map(width, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells_of_it = (padded(cell, most) for cell, most in zip(line, widths, strict=True))
        yield "  ".join(cells_of_it).rstrip()


def facts(pairs: Sequence[tuple[str, object]]) -> None:
    """One thing: a name and a value a line."""
    most = max(len(name) for name, _ in pairs)
    for name, value in pairs:
        shown = "-" if value is None else printable(str(value))
        click.echo(f"{name.ljust(most)}  {shown}")


def bullets(sentences: Sequence[str]) -> None:
    for sentence in sentences:
        click.echo(f"- {printable(sentence)}")


def drawn(columns: Sequence[str], cells: Sequence[Sequence[str]]) -> str:
    """A table as a terminal shows it, as wide as that is. `cells`: printable."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    made = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        made.add_column(column, overflow="fold")
    for row in cells:
        made.add_row(*map(Text, row))
    console = Console(highlight=False)
    with console.capture() as captured:
        console.print(made)
    return captured.get()

"""Tables: cut to the width of a terminal for people, whole and aligned for everything else."""

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

import click

from sealwright.cli.columns import cut, padded, terminal_columns, width, wrapped
from sealwright.cli.moment import now, relative
from sealwright.cli.short_id import short
from sealwright.cli.text import printable, whole

_GAP = 2
_LEAST = 12
_SMALLEST = 3


class Kind(Enum):
    """TEXT is cut where there is no room, WORD is not: a state or a number that is cut says
    something else. ID: on a terminal its end, which commands take. EITHER: a text or an id."""

    TEXT = "text"
    WORD = "word"
    ID = "id"
    EITHER = "either"


_CUT = (Kind.TEXT, Kind.EITHER)
_SHORT = (Kind.ID, Kind.EITHER)


@dataclass(frozen=True, slots=True)
class Column:
    """`leave`: those with the largest number are left out first where there is no room; 0: never.
    `least`: columns that a text is to have, before others are left out; fewer only if that is not
    enough. What it holds: text, numbers, times, None."""

    name: str
    leave: int = 0
    kind: Kind = Kind.TEXT
    least: int = _LEAST


Row = Sequence[object]


def word(name: str, leave: int = 0) -> Column:
    return Column(name, leave, Kind.WORD)


def text(name: str, leave: int = 0, least: int = _LEAST) -> Column:
    return Column(name, leave, least=least)


def either(name: str, leave: int = 0, least: int = _LEAST) -> Column:
    return Column(name, leave, Kind.EITHER, least)


def ident(name: str, leave: int = 0) -> Column:
    return Column(name, leave, Kind.ID)


def table(columns: Sequence[Column], rows: Sequence[Row]) -> None:
    for line in lines(columns, rows, for_a_terminal=sys.stdout.isatty()):
        click.echo(line)


def lines(columns: Sequence[Column], rows: Sequence[Row], *, for_a_terminal: bool) -> Iterator[str]:
    if for_a_terminal:
        yield from _fitted(columns, rows, terminal_columns())
        return
    cells = [[whole(cell) for cell in row] for row in rows]
    yield from aligned([column.name for column in columns], cells)


def aligned(names: Sequence[str], cells: Sequence[Sequence[str]]) -> Iterator[str]:
    """A table as lines, as wide as it is. `cells`: printable."""
    all_lines = [[name.upper() for name in names], *cells]
    widths = [max(map(width, column)) for column in zip(*all_lines, strict=True)]
    return (_line(line, widths) for line in all_lines)


def _fitted(columns: Sequence[Column], rows: Sequence[Row], room: int) -> Iterator[str]:
    of_now = now()
    cells = [
        [_shown(cell, column, of_now) for cell, column in zip(row, columns, strict=True)]
        for row in rows
    ]
    naturals = [
        max(width(column.name), *(width(row[at]) for row in cells)) if cells else width(column.name)
        for at, column in enumerate(columns)
    ]
    kept = _kept(columns, naturals, room)
    widths = _widths([columns[at] for at in kept], [naturals[at] for at in kept], room)
    yield _heading(_line([columns[at].name.upper() for at in kept], widths))
    for row in cells:
        yield _line([row[at] for at in kept], widths)
    left = [column.name for at, column in enumerate(columns) if at not in kept]
    if left and rows:
        note = f"Left out, for want of room: {', '.join(left)} (--json has all)."
        click.echo(wrapped(note, room), err=True)


def _kept(columns: Sequence[Column], naturals: Sequence[int], room: int) -> list[int]:
    """Places of those that there is room for."""
    kept = list(range(len(columns)))
    while _needed(columns, naturals, kept) > room:
        goes = max(kept, key=lambda at: columns[at].leave)
        if not columns[goes].leave:
            break
        kept.remove(goes)
    return kept


def _needed(columns: Sequence[Column], naturals: Sequence[int], kept: Sequence[int]) -> int:
    return sum(_least(columns[at], naturals[at]) for at in kept) + _GAP * (len(kept) - 1)


def _least(column: Column, natural: int) -> int:
    return min(natural, column.least) if column.kind in _CUT else natural


def _smallest(column: Column, natural: int) -> int:
    return min(natural, _SMALLEST) if column.kind in _CUT else natural


def _widths(columns: Sequence[Column], naturals: Sequence[int], room: int) -> list[int]:
    """The widest text is cut first."""
    widths = list(naturals)
    over = sum(widths) + _GAP * (len(widths) - 1) - room
    for least in (_least, _smallest):
        floors = list(map(least, columns, naturals))
        while over > 0 and (wide := [at for at in range(len(widths)) if widths[at] > floors[at]]):
            widths[max(wide, key=lambda at: widths[at])] -= 1
            over -= 1
    return widths


def _heading(line: str) -> str:
    plain = "NO_COLOR" in os.environ or os.environ.get("TERM") in (None, "", "dumb")
    return line if plain else click.style(line, bold=True)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    fitting = (cut(cell, most) for cell, most in zip(cells, widths, strict=True))
    return (" " * _GAP).join(map(padded, fitting, widths)).rstrip()


def _shown(cell: object, column: Column, of_now: datetime) -> str:
    if isinstance(cell, datetime):
        return relative(cell, of_now)
    if column.kind in _SHORT and cell is not None:
        return printable(short(str(cell)))
    return whole(cell)

"""Text in the columns of a terminal, where some characters take two, and some none."""

import unicodedata
from collections.abc import Iterator
from shutil import get_terminal_size

_WIDE, _PERHAPS_WIDE = ("W", "F"), ("W", "F", "A")
_FLAGS = "\U0001f1e6", "\U0001f1ff"
"""Letters that make flags: one or two columns, as terminals like."""
_MARKS = ("Mn", "Me", "Cf")
_USUAL = 80


def terminal_columns() -> int:
    """As COLUMNS says, or the terminal."""
    return get_terminal_size((_USUAL, 24)).columns


def width(text: str) -> int:
    """In columns. `text`: printable."""
    return sum(map(_width, text))


def padded(text: str, columns: int) -> str:
    return text + " " * (columns - width(text))


def cut(text: str, columns: int) -> str:
    """At most so many, at least 1; what is cut ends in `…`."""
    if width(text) <= columns:
        return text
    kept, room = "", columns - 1
    for character in text:
        if (room := room - width(character)) < 0:
            break
        kept += character
    return f"{kept.rstrip(' ')}…"


def wrapped(text: str, columns: int, first: str = "", following: str = "") -> str:
    """Lines of at most so many columns on any terminal, broken at spaces, and in words that are
    longer.

    Args:
        first, following: what lines begin with.
    """
    lines: list[str] = []
    line, is_empty = first, True
    for word in text.split(" "):
        for piece in _pieces(word, max(columns - _most(following), 2)):
            gap = "" if is_empty else " "
            if not is_empty and _most(line) + len(gap) + _most(piece) > columns:
                lines.append(line)
                line, gap = following, ""
            line += gap + piece
            is_empty = False
    return "\n".join([*lines, line.rstrip(" ")])


def _pieces(word: str, columns: int) -> Iterator[str]:
    piece, so_far = "", 0
    for character in word:
        if so_far + _most(character) > columns:
            yield piece
            piece, so_far = "", 0
        piece += character
        so_far += _most(character)
    if piece:
        yield piece


def _most(text: str) -> int:
    """On terminals that show more characters wide, as those of the Far East do."""
    return sum(_width(each, _PERHAPS_WIDE) for each in text)


def _width(character: str, wide: tuple[str, ...] = _WIDE) -> int:
    if unicodedata.category(character) in _MARKS:
        return 0
    if unicodedata.east_asian_width(character) in wide:
        return 2
    return 2 if _FLAGS[0] <= character <= _FLAGS[1] else 1

"""Telling an export of the log from whatever else a file may hold."""

import json
from collections.abc import Iterable, Iterator

import click

from sealwright.cli.text import printable

_LOOKED_AT = 1 << 16  # bytes: some rows
_MAGIC = {
    b"SQLite format 3\0": "a SQLite database; of a store: "
    "sealwright audit verify --data-dir DIR, with the folder that it is in",
    b"\x1f\x8b": "compressed with gzip: gzip -dc FILE | sealwright audit verify -",
    b"\x28\xb5\x2f\xfd": "compressed with zstd: zstd -dc FILE | sealwright audit verify -",
    b"\xfd7zXZ\0": "compressed with xz: xz -dc FILE | sealwright audit verify -",
    b"BZh": "compressed with bzip2: bzip2 -dc FILE | sealwright audit verify -",
    b"PK\x03\x04": "a ZIP archive",
    b"PGDMP": "a dump of a PostgreSQL database",
    b"--\n-- PostgreSQL": "a dump of a PostgreSQL database",
    b"\xff\xfe": "text in UTF-16, and an export is in UTF-8: write it with another shell",
    b"\xfe\xff": "text in UTF-16, and an export is in UTF-8: write it with another shell",
    b"\x7fELF": "a program",
    b"%PDF": "a PDF",
}
_ROW_BEGINS = (b'{"sequence":', b'{"action":')
"""As an export is written, so that one that is cut in its first line is known too."""


def check_is_export(pieces: Iterable[bytes], name: str) -> Iterator[bytes]:
    """The same pieces.

    Raises:
        click.UsageError: this is no export of a log, whole or bent; says what it looks like.
    """
    pieces = iter(pieces)
    held: list[bytes] = []
    for piece in pieces:
        held.append(piece)
        if sum(map(len, held)) >= _LOOKED_AT:
            break
    begin = b"".join(held)
    if (looks_like := _look(begin)) is not None:
        raise click.UsageError(
            printable(
                f"{name} is no export of a log: it {looks_like}. An export has a row a line, as "
                "sealwright audit export > FILE writes it."
            )
        )
    return _again(begin, pieces)


def _again(begin: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
    yield begin
    yield from pieces


def _look(begin: bytes) -> str | None:
    """What it looks like if it is no export: one row in sight makes it one, whatever is around."""
    for magic, what in _MAGIC.items():
        if begin.startswith(magic):
            return f"looks like {what}"
    text = begin.strip()
    if not text:
        return "is empty" if not begin else "holds nothing but white space"
    if any(line.startswith(_ROW_BEGINS) or _is_row(line) for line in begin.split(b"\n")):
        return None
    if b"\0" in begin:
        return "looks like something binary"
    if text.startswith(b"<"):
        return "looks like HTML or XML"
    if text.startswith((b"{", b"[")):
        return "looks like JSON of another kind, or JSON that does not have a row a line (jq -c)"
    return "does not look like JSON"


def _is_row(line: bytes) -> bool:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return (
        isinstance(row, dict) and "sequence" in row and ("row_hash" in row or "unreadable" in row)
    )

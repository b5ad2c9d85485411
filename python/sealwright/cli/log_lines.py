"""A log as lines, from pieces of any length, in memory that does not depend on the log."""

from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO

LONGEST_ROW = 1 << 20  # bytes; no row of a log is longer
_PIECE = 1 << 18  # bytes


def pieces_of(file: BinaryIO) -> Iterator[bytes]:
    """What is in a file that was opened to be read; it may be a pipe."""
    while piece := file.read(_PIECE):
        yield piece


def lines_of(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Of a line that is longer than any row, only its first part: it is none."""
    rest, skipping = b"", False
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            if not skipping:
                yield line
            skipping = False
        if len(rest) > LONGEST_ROW:
            if not skipping:
                yield rest
            rest, skipping = b"", True
    if rest and not skipping:
        yield rest


def watched(
    pieces: Iterable[bytes], total: int | None, measure: Callable[[bytes], int]
) -> Iterator[bytes]:
    """Shows on stderr, a terminal, how much of the total has gone by; None: it is not known."""
    # Not at the top: rich takes longer to load than most commands to run.
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, redirect_stdout=False) as progress:
        task = progress.add_task("verifying", total=total)
        for piece in pieces:
            yield piece
            progress.advance(task, measure(piece))

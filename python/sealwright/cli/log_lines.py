"""A log in pieces of any length, and how much of it has gone by."""

from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO

_PIECE = 1 << 18  # bytes


def pieces_of(file: BinaryIO) -> Iterator[bytes]:
    """What is in a file that was opened to be read; it may be a pipe."""
    while piece := file.read(_PIECE):
        yield piece


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

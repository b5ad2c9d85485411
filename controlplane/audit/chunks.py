"""An export in chunks of whole lines, from pieces of any length, in memory that does not depend on
the log."""

from collections.abc import Iterable, Iterator

from controlplane.audit.verification import hash_of

_ENOUGH = 1 << 19  # bytes; larger chunks cost more, since their memory is new each time
_STEP = 1 << 17
_LONGEST_ROW = 1 << 20  # no row of a log is longer
LARGEST = _LONGEST_ROW + _STEP


def chunks_of(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """None longer than `LARGEST` bytes. Of a line that is longer than any row, only its first part:
    it is none."""
    held: list[bytes] = []
    size, skipping = 0, False
    for piece in _steps(pieces):
        if skipping:
            _, end, piece = piece.partition(b"\n")  # what is left of it
            skipping = not end
        held.append(piece)
        size += len(piece)
        if size < _ENOUGH:
            continue
        whole = b"".join(held)
        chunk, end, rest = whole.rpartition(b"\n")
        if not end and size < _LONGEST_ROW:
            continue
        if not end:
            chunk, rest, skipping = whole, b"", True
        yield chunk
        held, size = [rest], len(rest)
    if size:
        yield b"".join(held)


def _steps(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same in pieces that are not too long."""
    for piece in pieces:
        for start in range(0, len(piece), _STEP):
            yield piece[start : start + _STEP]


def from_head(chunks: Iterable[bytes], head: str) -> Iterator[bytes]:
    """From the row on that says it has this hash; nothing if none does."""
    sought = head.encode()
    chunks = iter(chunks)
    for chunk in chunks:
        if sought not in chunk:
            continue
        lines = chunk.split(b"\n")
        for number, line in enumerate(lines):
            if sought in line and hash_of(line) == head:
                yield b"\n".join(lines[number:])
                yield from chunks
                return

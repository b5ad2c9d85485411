"""Checking an export on all CPUs: chunks of it in processes of their own, which know nothing of
what comes before; whether they join is checked here, in their order."""

import gc
import os
import signal
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from itertools import chain, islice
from mmap import mmap
from multiprocessing import get_context
from multiprocessing.connection import Connection

from controlplane.audit.chunks import LARGEST, chunks_of, from_head
from controlplane.audit.verification import (
    START,
    Place,
    Stretch,
    Verification,
    Walk,
    place_of,
)


def verify_export(
    pieces: Iterable[bytes],
    *expected: str,
    since: str | None = None,
    processes: int | None = None,
    tree_sizes: Collection[int] = (),
) -> Verification:
    """As `verify_lines`, of an export in pieces of any length; memory is bounded by the number of
    processes and of approvals. `processes`: as many as there are CPUs.

    `since`: the hash of a row that is known to be good. It is checked to have this hash, and the
    rows after it as ever; those before it are passed over, and approvals in them taken as named.
    Where no row says that it has this hash, none is checked, and it is missing.

    `tree_sizes`: as `Walk` has them; nothing is known of them with `since`.
    """
    chunks = chunks_of(pieces)
    since = None if since == START.row_hash else since
    if since is not None:
        chunks = from_head(chunks, since)
    some = list(islice(chunks, 2))
    if since is not None and not some:
        return Verification(0, False, None, START.row_hash, (since,))
    begin = START if since is None else _begin_of(some[0]) or START
    walk = Walk(expected, begin, tree_sizes)
    more = processes or len(os.sched_getaffinity(0))
    if len(some) < 2 or more < 2:
        _follow_all(walk, chain(some, chunks))
    else:
        with _workers(more, expected, tree_sizes) as workers:
            _share(walk, chain(some, chunks), workers)
    found = walk.end()
    if since is None:
        return found
    return replace(found, rows=found.rows - 1, since=begin.sequence + 1)


def _begin_of(chunk: bytes) -> Place | None:
    lines = (line for line in chunk.split(b"\n") if line.strip())
    return place_of(next(lines, b""))


def _follow_all(walk: Walk, chunks: Iterable[bytes]) -> None:
    for chunk in chunks:
        for line in chunk.split(b"\n"):
            walk.follow(line)


class _Worker:
    """A process that walks one chunk at a time."""

    def __init__(
        self, expected: Sequence[str], tree_sizes: Collection[int], others: Sequence["_Worker"]
    ) -> None:
        """`others`: those that were started before. Raises OSError, ValueError."""
        self._ours, theirs = get_context("fork").Pipe()
        self._room = mmap(-1, LARGEST)  # shared: a pipe would cost a tenth of the checking
        ours = [self._ours, *(other._ours for other in others)]
        self._process = get_context("fork").Process(
            target=_serve, args=(theirs, ours, self._room, expected, tree_sizes), daemon=True
        )
        with closing(theirs):
            self._process.start()

    def send(self, chunk: bytes) -> None:
        with suppress(OSError):  # it has ended: nothing will be received of it
            self._room[: len(chunk)] = chunk
            self._ours.send(len(chunk))

    def receive(self) -> Stretch | None:
        """Of the chunk that was sent; None if that holds a fault, or the process has ended."""
        try:
            found: Stretch | None = self._ours.recv()
        except (EOFError, OSError):
            found = None
        return found

    def stop(self) -> None:
        self._ours.close()
        self._process.terminate()
        self._process.join()
        self._room.close()


@contextmanager
def _workers(
    number: int, expected: Sequence[str], tree_sizes: Collection[int]
) -> Iterator[list[_Worker]]:
    """None where there can be no other processes. They hear nothing of Ctrl-C, which is told to
    all of a terminal's: this one ends them."""
    workers: list[_Worker] = []
    heard = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        with suppress(OSError, ValueError):
            for _ in range(number):
                workers.append(_Worker(expected, tree_sizes, workers))
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, heard)
    try:
        yield workers
    finally:
        for worker in workers:
            worker.stop()


def _share(walk: Walk, chunks: Iterable[bytes], workers: Sequence[_Worker]) -> None:
    """One chunk a worker at a time, so that neither side waits for the other to be read."""
    if not workers:
        _follow_all(walk, chunks)
        return
    idle = deque(workers)
    sent: deque[tuple[_Worker, bytes]] = deque()
    for chunk in chunks:
        if not idle:
            idle.append(_join_next(walk, sent))
        worker = idle.popleft()
        worker.send(chunk)
        sent.append((worker, chunk))
    while sent:
        _join_next(walk, sent)


def _join_next(walk: Walk, sent: deque[tuple[_Worker, bytes]]) -> _Worker:
    worker, chunk = sent.popleft()
    stretch = worker.receive()
    # One that holds a fault, or does not join, is walked row by row: then it is known where.
    if stretch is None or not walk.join(stretch):
        _follow_all(walk, [chunk])
    return worker


def _serve(
    theirs: Connection,
    ours: Sequence[Connection],
    room: mmap,
    expected: Sequence[str],
    tree_sizes: Collection[int],
) -> None:
    """Ends with the process that started it: nobody but that one holds its ends of the pipes. It
    leaves without Python's ceremony, since other threads may have held locks when it began."""
    gc.disable()  # nothing here makes cycles, and what it inherited need not be looked through
    try:
        for each in ours:
            each.close()
        while True:
            theirs.send(_walk_alone(room[: theirs.recv()], expected, tree_sizes))
    except (EOFError, OSError):
        pass
    finally:
        os._exit(0)


def _walk_alone(
    chunk: bytes, expected: Sequence[str], tree_sizes: Collection[int]
) -> Stretch | None:
    begin = _begin_of(chunk)
    if begin is None:
        return None
    walk = Walk(expected, begin, tree_sizes)
    for line in chunk.split(b"\n"):
        walk.follow(line)
        if not walk.is_sound:
            return None
    return walk.stretch()

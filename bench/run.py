"""`make bench`: what signing costs, beside what it could cost at least, in one run.

What is compared takes turns, so that whatever else the machine does falls on both.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import msgspec

_ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(_ROOT))  # it is run by its path

from bench import (  # noqa: E402  # after the path is set
    against,
    api,
    cold,
    commit,
    connections,
    crowd,
    empty,
    greedy,
    jars,
    local,
    memory,
    postgresql,
    signing,
    size,
    staged,
    systems,
    table,
    tree,
    verification,
)
from bench.table import Row  # noqa: E402  # the same
from tests.postgresql import running_postgresql  # noqa: E402  # the same

SECTIONS = {
    "signing": "signing through the module",
    "api": "signing over the API",
    "wait": "one caller's wait, and its parts",
    "against": "another commit",
    "greedy": "a greedy caller",
    "postgresql": "PostgreSQL",
    "connections": "connections",
    "cpu": "server CPU",
    "tools": "tools, from start to end",
    "size": "a full store",
    "verify": "the audit log, offline",
    "tree": "the log as a tree",
    "local": "calls that ask nobody",
    "crowd": "a thousand signers",
    "memory": "the module",
}
_ROUNDS = 5
_TOOL_ROUNDS = 9
_VERIFIED = 500_000


class Results(msgspec.Struct, frozen=True):
    cpus: int
    workers: int
    threads: int
    seconds: float
    sections: dict[str, list[Row]]


class Bench:
    """Starts what several sections use when it is first needed, and ends it with the stack; what
    one section uses ends with the section."""

    def __init__(self, stack: ExitStack, options: argparse.Namespace) -> None:
        self._stack = stack
        self._options = options
        self._size = (options.workers, options.threads)
        self._seconds: float = options.seconds
        # Before anything is measured: to build is work for the whole machine.
        self._before = commit.build(options.against) if "against" in options.only else None
        self.scratch = _folder(stack)
        self._theirs: systems.System | None = None
        self._ours: systems.System | None = None
        self._nothing: str | None = None

    def rows(self, section: str) -> Iterator[Row]:
        with ExitStack() as stack:
            yield from self._rows(section, stack)

    def _rows(self, section: str, stack: ExitStack) -> Iterator[Row]:
        seconds = self._seconds
        match section:
            case "signing":
                behind = stack.enter_context(systems.p11_kit(self.theirs, _folder(stack)))
                yield from signing.rows(self.ours, self.theirs, behind, seconds / 2, 3)
            case "api":
                yield from api.rates(self.ours, self.nothing, seconds, _ROUNDS)
            case "wait":
                yield from api.waits(self.ours, self.nothing, self.scratch, seconds / 2, _ROUNDS)
            case "against" if self._before is not None:
                before = self._sealwright(stack, build=self._before)
                yield from against.rows(self._sealwright(stack), before, seconds, _ROUNDS)
            case "greedy":
                yield from greedy.rows(self._sealwright(stack), seconds, _ROUNDS)
            case "postgresql":
                yield from self._postgresql(stack)
            case "connections":
                one, two = (self._sealwright(stack, workers) for workers in (1, 2))
                yield from connections.rows(two, one)
            case "cpu":
                yield from staged.rows(self.ours, *self._size, seconds * 2)
            case "tools":
                yield from cold.rows(self.ours, self.theirs, self.scratch, _TOOL_ROUNDS)
                yield from jars.rows(self.ours, self.theirs, self.scratch, _TOOL_ROUNDS)
            case "size":
                number = 10_000_000 if self._options.long else 1_000_000
                small, full = (self._sealwright(stack) for _ in range(2))
                yield from size.measure(small, full, number, seconds, _ROUNDS)
            case "tree":
                number = 10_000_000 if self._options.long else 1_000_000
                small, full = (self._sealwright(stack) for _ in range(2))
                scratch = _folder(stack)
                yield from tree.measure(small, full, number, scratch, seconds, _ROUNDS)
            case "verify":
                yield from verification.measure(self.scratch, _VERIFIED)
            case "local":
                yield from local.rows(self.ours, self.theirs, seconds)
            case "crowd":
                yield from crowd.rows(self._sealwright(stack), self.scratch, _TOOL_ROUNDS)
            case "memory":
                yield from memory.rows(self.ours, self.theirs)

    @property
    def theirs(self) -> systems.System:
        if self._theirs is None:
            self._theirs = self._stack.enter_context(systems.softhsm(_folder(self._stack)))
        return self._theirs

    @property
    def ours(self) -> systems.System:
        if self._ours is None:
            self._ours = self._sealwright(self._stack)
        return self._ours

    @property
    def nothing(self) -> str:
        if self._nothing is None:
            self._nothing = self._stack.enter_context(empty.running(*self._size))
        return self._nothing

    def _postgresql(self, stack: ExitStack) -> Iterator[Row]:
        """Two workers each time: in one node on SQLite, in one on PostgreSQL, in two there."""
        server = stack.enter_context(running_postgresql())
        alone, shared = (server.new_database() for _ in range(2))
        sqlite = self._sealwright(stack, 2)
        one = self._sealwright(stack, 2, database=alone)
        first = self._sealwright(stack, 1, database=shared)
        second = stack.enter_context(
            systems.another_node(first, shared, _folder(stack), 1, self._options.threads)
        )
        yield from postgresql.rows(sqlite, one, (first, second), self._seconds, _ROUNDS)

    def _sealwright(
        self,
        stack: ExitStack,
        workers: int | None = None,
        build: systems.Build = systems.PRESENT,
        database: str | None = None,
    ) -> systems.System:
        size = (workers or self._options.workers, self._options.threads)
        made = systems.sealwright(_folder(stack), *size, build, database=database)
        return stack.enter_context(made)


def _folder(stack: ExitStack) -> Path:
    return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sealwright-bench-")))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, default=_ROOT / "bench" / "results.json")
    parser.add_argument("--only", nargs="+", choices=SECTIONS)
    parser.add_argument("--against", metavar="COMMIT", help="to take turns with this tree")
    parser.add_argument("--long", action="store_true", help="ten million rows, not one")
    parser.add_argument("--seconds", type=float, default=1.5, help="of a round")
    parser.add_argument("--workers", type=int, default=2, help="of the server")
    parser.add_argument("--threads", type=int, default=4, help="of each of them")
    options = parser.parse_args()
    if options.against is None and "against" in (options.only or ()):
        parser.error("against what? --against COMMIT")
    if options.only is None:
        options.only = [each for each in SECTIONS if each != "against" or options.against]
    sections: dict[str, list[Row]] = {}
    with ExitStack() as stack:
        bench = Bench(stack, options)
        for section in options.only:
            begin = time.monotonic()
            title = SECTIONS[section]
            sections[title] = list(bench.rows(section))
            sys.stderr.write(f"bench: {title}: {time.monotonic() - begin:.0f} s\n")
    cpus = len(os.sched_getaffinity(0))
    results = Results(cpus, options.workers, options.threads, options.seconds, sections)
    options.json.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=2) + b"\n")
    sys.stdout.write(table.render(sections) + "\n")


if __name__ == "__main__":
    main()

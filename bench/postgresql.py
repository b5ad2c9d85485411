"""The store in a PostgreSQL of its own on this machine: beside SQLite, and with two nodes."""

from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from statistics import mean

import msgspec

from bench import api, load
from bench.systems import System
from bench.table import Goal, Row, row, take_turns

_KEY = "p256"
_CONNECTIONS = 32
_SQLITE_GOAL = Goal(0.85, at_least=True)
_NODES_GOAL = Goal(0.9, at_least=True)


class _Together(msgspec.Struct, frozen=True):
    per_second: float
    p50_ms: float  # the mean of both
    p99_ms: float  # the longer one

    @property
    def times(self) -> tuple[float, float]:
        return self.p50_ms, self.p99_ms


def rows(
    sqlite: System, one: System, nodes: tuple[System, System], seconds: float, rounds: int
) -> Iterator[Row]:
    """`one` has as many workers as `sqlite`, and as both `nodes` together, which share a store."""
    on_postgresql, on_sqlite, on_nodes = take_turns(
        rounds,
        *(partial(_together, pair, seconds) for pair in ((one, one), (sqlite, sqlite), nodes)),
    )
    yield row(
        f"{_KEY} over the API, connections: {_CONNECTIONS}",
        on_postgresql.per_second,
        "/s",
        times=on_postgresql.times,
        beside=("SQLite", on_sqlite.per_second),
        other_times=on_sqlite.times,
        goal=_SQLITE_GOAL,
    )
    yield row(
        "the same, two nodes with a worker each",
        on_nodes.per_second,
        "/s",
        times=on_nodes.times,
        beside=("one node with two", on_postgresql.per_second),
        other_times=on_postgresql.times,
        goal=_NODES_GOAL,
    )


def _together(pair: tuple[System, System], seconds: float) -> _Together:
    """Half of the connections to each, at the same time; also where it is one system twice, so
    that the load costs the same."""
    with ExitStack() as stack:
        under_way = [
            stack.enter_context(
                load.running(api.sign_load(system, _KEY, _CONNECTIONS // 2, seconds))
            )
            for system in pair
        ]
        got = [each.result() for each in under_way]
    return _Together(
        sum(each.per_second for each in got),
        mean(each.p50_ms for each in got),
        max(each.p99_ms for each in got),
    )

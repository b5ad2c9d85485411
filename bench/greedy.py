"""What one caller with hundreds of connections does to another."""

from collections.abc import Iterator
from functools import partial

import msgspec

from bench import api, load, systems
from bench.load import Load
from bench.systems import System
from bench.table import Goal, Row, row, take_turns

CONNECTIONS = 500
_KEY = "p256"
_GREEDY = "greedy"
_LONGEST_SECONDS = 30.0
_GOAL = Goal(5.0, at_least=False)


class _Seen(msgspec.Struct, frozen=True):
    p50_ms: float  # of the other caller
    p99_ms: float
    answered: float = 0.0  # a second, to the greedy one
    refused: float = 0.0  # of its requests, percent
    generator_us: float = 0.0  # CPU for a request of it
    server_us: float = 0.0  # CPU for a request of either

    @property
    def times(self) -> tuple[float, float]:
        return self.p50_ms, self.p99_ms


def rows(ours: System, seconds: float, rounds: int) -> Iterator[Row]:
    admin = systems.administrator(ours)
    api_key = systems.create_machine(admin, _GREEDY)
    admin.add_member(_KEY, _GREEDY, "operator")
    other = api.sign_load(ours, _KEY, 1, seconds)
    greedy = msgspec.structs.replace(
        api.sign_load(ours, _KEY, CONNECTIONS, _LONGEST_SECONDS), api_key=api_key, greedy=True
    )
    alone, crowded = take_turns(
        rounds, partial(_alone, other), partial(_beside, greedy, ours.server, other)
    )
    yield row(
        f"p50 beside a caller with {CONNECTIONS} connections",
        crowded.p50_ms,
        "ms",
        times=crowded.times,
        beside=("alone", alone.p50_ms),
        other_times=alone.times,
        goal=_GOAL,
    )
    yield row("that caller's signatures", crowded.answered, "/s")
    yield row("its requests that are refused", crowded.refused, "%")
    yield row(
        "CPU of its load generator for a request",
        crowded.generator_us,
        "µs",
        beside=("of the server", crowded.server_us),
    )


def _alone(other: Load) -> _Seen:
    seen = load.measure(other)
    return _Seen(seen.p50_ms, seen.p99_ms)


def _beside(greedy: Load, server: int, other: Load) -> _Seen:
    before = systems.cpu_seconds(server)
    with load.running(greedy) as under_way:
        under_way.await_open()
        seen = load.measure(other)
        under_way.stop()
        got = under_way.result()
    asked = got.count + got.refused
    spent = systems.cpu_seconds(server) - before
    return _Seen(
        seen.p50_ms,
        seen.p99_ms,
        got.per_second,
        100 * got.refused / asked,
        got.cpu_us,
        spent / (asked + seen.count) * 1e6,
    )

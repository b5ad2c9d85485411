"""What is beside what was: the same calls to the control plane of another commit."""

from collections.abc import Iterator
from functools import partial

from bench import api, load, signing
from bench.systems import System
from bench.table import Goal, Row, row, take_turns

_ASKED_OF = "97dde77"
"""The commit that the goals are ratios to: the last whose server gave each call a thread."""

_RATES = {
    ("p256", 16): Goal(1.6, at_least=True),
    ("p256", 64): Goal(1.8, at_least=True),
    ("rsa-3072", 16): Goal(1.25, at_least=True),
    ("rsa-3072", 64): Goal(1.1, at_least=True),
}
_WAITS = {"p256": Goal(0.9, at_least=False), "rsa-3072": Goal(0.95, at_least=False)}


def rows(ours: System, before: System, seconds: float, rounds: int) -> Iterator[Row]:
    asked = before.name == _ASKED_OF
    for (key, connections), goal in _RATES.items():
        mine, other = take_turns(
            rounds,
            *(
                partial(load.measure, api.sign_load(system, key, connections, seconds))
                for system in (ours, before)
            ),
        )
        yield row(
            f"{key} over the API, connections: {connections}",
            mine.per_second,
            "/s",
            times=mine.times,
            beside=(before.name, other.per_second),
            other_times=other.times,
            goal=goal if asked else None,
        )
    for key, goal in _WAITS.items():
        one, another = take_turns(
            rounds,
            *(partial(signing.measure, system, key, 1, seconds) for system in (ours, before)),
        )
        yield row(
            f"{key} through the module, median of one thread",
            one.p50_ms,
            "ms",
            times=one.times,
            beside=(before.name, another.p50_ms),
            other_times=another.times,
            goal=goal if asked else None,
        )

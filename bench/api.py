"""The API's sign call beside an empty request, and one caller's wait beside its parts."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import msgspec

from bench import limits, load, signing, systems
from bench.load import Load
from bench.rate import Rate
from bench.systems import System
from bench.table import Goal, Row, row, take_turns

CONNECTIONS = 16
_TRIES = 4
_P256_GOAL = Goal(0.4, at_least=True)
_TAIL_GOAL = Goal(3.0, at_least=False)
_WAIT_GOALS = {"p256": Goal(1.5, at_least=False), "rsa-3072": Goal(1.3, at_least=False)}
_CLIENT = {"tool": "bench", "command": "bench", "hostname": "build-7", "os_user": "builder"}
_SCHEMES = {
    "rsa-3072": {"scheme": "rsa-pkcs1v15"},
    "p256": {"scheme": "ecdsa", "ecdsa_encoding": "p1363"},
}


def sign_load(system: System, key: str, connections: int, seconds: float) -> Load:
    """Each call with an idempotency key of its own, as the module's."""
    body = {**_SCHEMES[key], "hash": "sha256", "digest": bytes(range(32)), "client": _CLIENT}
    return Load(
        url=system.url,
        path=f"/v1/signers/{key}/sign",
        connections=connections,
        seconds=seconds,
        api_key=system.api_key,
        body=msgspec.json.encode(body),
        keys=True,
    )


def empty_load(url: str, connections: int, seconds: float) -> Load:
    return Load(url=url, path="/", connections=connections, seconds=seconds)


def rates(ours: System, url: str, seconds: float, rounds: int) -> Iterator[Row]:
    """`url`: of the empty server, started with as many workers and threads. Its workers share its
    connections well or badly as it happens: of each round the best counts."""
    nothing, *signed = take_turns(
        rounds,
        partial(_fastest, empty_load(url, CONNECTIONS, seconds / _TRIES)),
        *(
            partial(load.measure, sign_load(ours, key, CONNECTIONS, seconds))
            for key in systems.KEYS
        ),
    )
    yield row("an empty Falcon request", nothing.per_second, "/s", times=nothing.times)
    for key, rate in zip(systems.KEYS, signed, strict=True):
        yield row(
            f"{key} over the API, connections: {CONNECTIONS}",
            rate.per_second,
            "/s",
            times=rate.times,
            beside=("an empty Falcon request", nothing.per_second),
            other_times=nothing.times,
            goal=_P256_GOAL if key == "p256" else None,
        )
        yield row(f"{key}: p99", rate.p99_ms, "ms", beside=("p50", rate.p50_ms), goal=_TAIL_GOAL)


def _fastest(tried: Load) -> Rate:
    return max((load.measure(tried) for _ in range(_TRIES)), key=lambda rate: rate.per_second)


def waits(ours: System, url: str, scratch: Path, seconds: float, rounds: int) -> Iterator[Row]:
    """One thread that signs through the module, beside the sum of what a signature is made of."""
    commit = limits.synced_commit(scratch)
    for key in systems.KEYS:
        parts: dict[str, Callable[[], Rate]] = {
            "one synced commit": partial(limits.repeat, commit, seconds),
            f"one raw {key} signature": partial(limits.repeat, limits.raw_signature(key), seconds),
            "one empty Falcon request": partial(load.measure, empty_load(url, 1, seconds)),
        }
        mine, *others = take_turns(
            rounds, partial(signing.measure, ours, key, 1, seconds), *parts.values()
        )
        for name, part in zip(parts, others, strict=True):
            yield row(name, part.p50_ms, "ms", times=part.times)
        yield row(
            f"{key} through the module, median of one thread",
            mine.p50_ms,
            "ms",
            times=mine.times,
            beside=("the sum of these", sum(part.p50_ms for part in others)),
            goal=_WAIT_GOALS[key],
        )

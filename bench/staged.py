"""The control plane with clocks in it: what one signature costs the server's CPU, and where.

`python -m bench.staged serve …` is the server itself, with the CPU time of its threads taken at the
edges of each stage; every worker writes its sums into SEALWRIGHT_BENCH_STAGES as it ends. The
clocks cost a few microseconds a signature, so the total comes from a server without them.
"""

import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import wraps
from pathlib import Path
from threading import Lock
from typing import Any

import msgspec

from bench import api, load, systems
from bench.systems import System
from bench.table import Goal, Row, row

_WHERE = "SEALWRIGHT_BENCH_STAGES"
_PROGRAM = (sys.executable, "-m", "bench.staged")
_AUTHENTICATE = "authenticate"
_ATTEMPT = "authorise and sign"
_KEY = "key operation"
_COMMIT = "commit"
_PROCESS = "process"
_GENERATOR_GOAL = Goal(0.3, at_least=False)


def rows(ours: System, workers: int, threads: int, seconds: float) -> Iterator[Row]:
    for key in systems.KEYS:
        before = systems.cpu_seconds(ours.server)
        rate = load.measure(api.sign_load(ours, key, api.CONNECTIONS, seconds))
        cost = (systems.cpu_seconds(ours.server) - before) / rate.count * 1e6
        yield row(f"{key}: server CPU for one signature", cost, "µs")
        generator = "of the load generator beside it"
        yield row(generator, rate.cpu_us, "µs", beside=("the server", cost), goal=_GENERATOR_GOAL)
        for stage, share in _shares(key, workers, threads, seconds).items():
            yield row(f"{key}: of it {stage}", cost * share, "µs", beside=("all of it", cost))


def _shares(key: str, workers: int, threads: int, seconds: float) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="sealwright-bench-") as name:
        scratch = Path(name)
        sums = scratch / "sums"
        sums.mkdir()
        clocked = systems.sealwright(
            scratch, workers, threads, server_command=_PROGRAM, more={_WHERE: str(sums)}
        )
        with clocked as system:
            load.measure(api.sign_load(system, key, api.CONNECTIONS, seconds))
        total: Counter[str] = Counter()
        for path in sums.iterdir():
            total.update(msgspec.json.decode(path.read_bytes(), type=dict[str, int]))
    named = {
        "authorise": total[_AUTHENTICATE] + total[_ATTEMPT] - total[_KEY],
        "key operation": total[_KEY],
        "commit": total[_COMMIT],
    }
    rest = {"HTTP, and threads that hand over": total[_PROCESS] - sum(named.values())}
    return {stage: spent / total[_PROCESS] for stage, spent in (rest | named).items()}


class _Clocks:
    """CPU time in nanoseconds since the first call to sign."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._spent: Counter[str] = Counter()
        self._start: int | None = None

    def around(self, stage: str, call: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(call)
        def timed(*arguments: Any, **named: Any) -> Any:
            if self._start is None and stage == _ATTEMPT:
                self._start = time.process_time_ns()
            before = time.thread_time_ns()
            try:
                return call(*arguments, **named)
            finally:
                spent = time.thread_time_ns() - before
                if self._start is not None:  # setting up is over
                    with self._lock:
                        self._spent[stage] += spent

        return timed

    def whole_thread(self, stage: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """`call` is made by one thread again and again: all that the thread has used."""

        @wraps(call)
        def timed(*arguments: Any) -> Any:
            self._spent[stage] = time.thread_time_ns()
            return call(*arguments)

        return timed

    def write(self, directory: Path) -> None:
        if self._start is not None:
            self._spent[_PROCESS] = time.process_time_ns() - self._start
            (directory / str(os.getpid())).write_bytes(msgspec.json.encode(self._spent))


def main() -> None:
    from controlplane.keys.encrypted import EncryptedKeys
    from controlplane.service import commit
    from controlplane.service.identities import Identities
    from controlplane.service.installation import Services
    from controlplane.service.signing import Signing
    from sealwright import cli

    clocks = _Clocks()
    for owner, name, stage in [
        (Identities, "recognise", _AUTHENTICATE),
        (Signing, "_attempt", _ATTEMPT),
        (EncryptedKeys, "sign", _KEY),
    ]:
        setattr(owner, name, clocks.around(stage, getattr(owner, name)))
    setattr(commit, "write_rows", clocks.whole_thread(_COMMIT, commit.write_rows))  # noqa: B010  # mypy
    close = Services.close

    def close_and_write(services: Services) -> None:
        clocks.write(Path(os.environ[_WHERE]))
        close(services)

    setattr(Services, "close", close_and_write)  # noqa: B010  # the same
    cli.main()


if __name__ == "__main__":
    main()

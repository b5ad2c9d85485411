"""Signs as fast as it can through a module for a while, and prints what it took as JSON.

A process of its own for each measurement: `python -m bench.signing MODULE LABEL THREADS SECONDS
[PIN]`.
"""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from itertools import chain
from pathlib import Path

import msgspec

from bench import systems
from bench.rate import Rate
from bench.systems import System
from bench.table import Goal, Row, row, take_turns
from sealwright import _native
from sealwright.cryptoki import CKA, CKM, CKO
from sealwright.pkcs11 import Module, Session, Slot, check

_ROOT = Path(__file__).resolve().parents[1]
_MECHANISMS = {"rsa-3072": CKM.SHA256_RSA_PKCS, "p256": CKM.ECDSA}
_DATA = bytes(range(32))
_LONGEST = 512
_GOALS = {8: Goal(1.2, at_least=True), 32: Goal(2.0, at_least=True)}
"""By threads, of RSA-3072 beside the keys that are in the process itself."""

THREADS = (1, 2, 8, 32)


def rows(
    ours: System, theirs: System, behind: System, seconds: float, rounds: int
) -> Iterator[Row]:
    for key in systems.KEYS:
        for threads in THREADS:
            mine, *others = take_turns(
                rounds,
                *(
                    partial(measure, system, key, threads, seconds)
                    for system in (ours, theirs, behind)
                ),
            )
            for system, other in zip((theirs, behind), others, strict=True):
                yield row(
                    f"{key}, threads: {threads}",
                    mine.per_second,
                    "/s",
                    times=mine.times,
                    beside=(system.name, other.per_second),
                    other_times=other.times,
                    goal=_GOALS.get(threads) if (key, system) == ("rsa-3072", theirs) else None,
                )


def measure(system: System, key: str, threads: int, seconds: float) -> Rate:
    """Signatures of all threads together; latency of one C_SignInit and C_Sign."""
    arguments = [str(system.module), key, str(threads), str(seconds)]
    if system.pin is not None:
        arguments.append(system.pin)
    done = subprocess.run(
        [sys.executable, "-m", "bench.signing", *arguments],
        env=system.environment,
        cwd=_ROOT,
        stdout=subprocess.PIPE,
        check=True,
    )
    return msgspec.json.decode(done.stdout, type=Rate)


class _Signing(threading.Thread):
    """One session; signs from the moment that all have signed once until the time is over."""

    def __init__(self, slot: Slot, mechanism: int, start: threading.Barrier, seconds: float):
        super().__init__()
        self.nanoseconds: list[int] = []
        self.failure: Exception | None = None
        self._slot = slot
        self._mechanism = _native.Mechanism(mechanism)
        self._start = start
        self._seconds = seconds

    def run(self) -> None:
        try:
            with self._slot.open() as session:
                self._sign(session)
        except Exception as error:  # noqa: BLE001  # whatever it is, the measurement is void
            self.failure = error
            self._start.abort()

    def _sign(self, session: Session) -> None:
        native = self._slot.module.native
        key = session.find_one({CKA.CLASS: CKO.PRIVATE_KEY}).handle

        def sign() -> None:
            check("C_SignInit", native.sign_init(session.handle, self._mechanism, key))
            check("C_Sign", native.sign(session.handle, _DATA, _native.Buffer(_LONGEST)))

        sign()
        self._start.wait()
        now = time.perf_counter_ns()
        end = now + int(self._seconds * 1e9)
        while now < end:
            sign()
            before, now = now, time.perf_counter_ns()
            self.nanoseconds.append(now - before)


def sign_for(module: Module, key: str, threads: int, seconds: float, pin: str | None) -> Rate:
    slot = module.slot(key)
    with slot.open() as session:
        if pin is not None:
            session.login(pin)
        start = threading.Barrier(threads)
        signing = [_Signing(slot, _MECHANISMS[key], start, seconds) for _ in range(threads)]
        for thread in signing:
            thread.start()
        for thread in signing:
            thread.join()
    for thread in signing:
        if thread.failure is not None and not isinstance(
            thread.failure, threading.BrokenBarrierError
        ):
            raise thread.failure
    taken = list(chain.from_iterable(thread.nanoseconds for thread in signing))
    # A thread's signatures follow on each other, so its own time is their sum.
    rate = sum(len(t.nanoseconds) / (sum(t.nanoseconds) / 1e9) for t in signing)
    return Rate.of(len(taken), rate, taken)


def main(module: str, key: str, threads: str, seconds: str, pin: str | None = None) -> None:
    with Module(module) as loaded:
        result = sign_for(loaded, key, int(threads), float(seconds), pin)
    sys.stdout.buffer.write(msgspec.json.encode(result))


if __name__ == "__main__":
    main(*sys.argv[1:])

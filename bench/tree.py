"""What the log's tree costs, and what it takes to check something against it."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from pathlib import Path

import msgspec

from bench import api, load, rows, systems
from bench.systems import System
from bench.table import Goal, Milliseconds, Row, row, take_turns
from controlplane.audit.log import append
from controlplane.service.installation import proven_store
from controlplane.service.location import Location

_FEW = 1_000
_BATCH = 64
_BATCHES = 50
_RECEIPT_GOAL = Goal(0.9, at_least=True)
_SIZE_GOAL = Goal(1.5, at_least=False)
_VERIFY_GOAL = Goal(150, at_least=False)
_CHECK_GOAL = Goal(1_000, at_least=False)


def measure(
    small: System, full: System, rows_of_log: int, scratch: Path, seconds: float, rounds: int
) -> Iterator[Row]:
    """`full` gets so many rows."""
    for system, number in ((small, _FEW), (full, rows_of_log)):
        store = proven_store(Location(system.data))
        rows.fill(store, number, systems.MACHINE, "p256")
    yield _receipts(small, seconds, rounds)
    few, many = take_turns(
        rounds, *(partial(_write_batches, system.data) for system in (small, full))
    )
    yield row(
        f"a batch of {_BATCH}, {rows_of_log:,} rows: CPU time",
        many.ms,
        "ms",
        beside=(f"{_FEW:,} rows", few.ms),
        goal=_SIZE_GOAL,
    )
    yield from _checks(full, scratch, rounds)


def _receipts(system: System, seconds: float, rounds: int) -> Row:
    without = api.sign_load(system, "p256", api.CONNECTIONS, seconds)
    body = msgspec.json.decode(without.body or b"{}") | {"receipt": True}
    with_receipt = msgspec.structs.replace(without, body=msgspec.json.encode(body))
    load.measure(with_receipt)  # begins the log
    one, other = take_turns(
        rounds, *(partial(load.measure, each) for each in (with_receipt, without))
    )
    return row(
        f"p256 over the API with its receipt, connections: {api.CONNECTIONS}",
        one.per_second,
        "/s",
        times=one.times,
        beside=("without", other.per_second),
        other_times=other.times,
        goal=_RECEIPT_GOAL,
    )


def _write_batches(data: Path) -> Milliseconds:
    """Of one, out of many: so what only every fourth has to do is in it."""
    entries = rows.entries(systems.MACHINE, "p256")
    store = proven_store(Location(data))
    with store.closing():
        batches = [list(islice(entries, _BATCH)) for _ in range(_BATCHES)]
        begin = time.process_time()
        for each in batches:
            with store.write() as database:
                append(database, each)
        return Milliseconds((time.process_time() - begin) / _BATCHES * 1e3)


def _checks(system: System, scratch: Path, rounds: int) -> Iterator[Row]:
    admin = {**system.environment, "SEALWRIGHT_API_KEY": system.admin_key}
    receipt, checkpoint = scratch / "it.tlog-proof", scratch / "it.checkpoint"
    receipt.write_bytes(_run(admin, "receipt", "get", "7"))
    key = _run(admin, "log", "key").decode().split()[0]
    checkpoint.write_text(receipt.read_text().partition("\n\n")[2])
    verified, checked = take_turns(
        rounds,
        partial(_timed, admin, "receipt", "verify", str(receipt), "--log-key", key),
        partial(_timed, admin, "log", "check", str(checkpoint)),
    )
    yield row("cold `receipt verify`", verified.ms, "ms", goal=_VERIFY_GOAL)
    yield row("`log check` of that log", checked.ms, "ms", goal=_CHECK_GOAL)


def _timed(environment: Mapping[str, str], *arguments: str) -> Milliseconds:
    begin = time.perf_counter()
    _run(environment, *arguments)
    return Milliseconds((time.perf_counter() - begin) * 1e3)


def _run(environment: Mapping[str, str], *arguments: str) -> bytes:
    command: Sequence[str] = (str(Path(sys.executable).with_name("sealwright")), *arguments)
    surroundings = {**os.environ, **environment}
    done = subprocess.run(command, env=surroundings, check=True, capture_output=True)
    return done.stdout

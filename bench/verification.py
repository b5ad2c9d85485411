"""`sealwright audit verify` of an export, offline."""

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from bench import rows
from bench.systems import PRESENT, peak_mib, processes
from bench.table import Goal, Row, row
from controlplane.api.operations import line

_GOAL = Goal(100_000, at_least=True)
_LOOK_SECONDS = 0.02
_ALL_CPUS = Goal(1.7, at_least=True)  # on two
_FLAT = Goal(1.1, at_least=False)


class _Verdict(msgspec.Struct):
    rows: int
    intact: bool


def measure(scratch: Path, number: int) -> Iterator[Row]:
    """The start of the command included; memory beside that for a tenth of the rows."""
    few, many = (_export(scratch, each) for each in (number // 10, number))
    _, small = _verify(few, number // 10)
    seconds, large = _verify(many, number)
    alone, _ = _verify(many, number, "taskset", "--cpu-list", str(min(os.sched_getaffinity(0))))
    rate, one = number / seconds, number / alone
    yield row(f"audit verify, {number:,} rows", rate, "/s", goal=_GOAL)
    yield row("the same", rate, "/s", beside=("on one CPU", one), goal=_ALL_CPUS)
    yield row("its peak memory", large, "MiB", beside=("a tenth of the rows", small), goal=_FLAT)


def _export(scratch: Path, number: int) -> Path:
    path = scratch / f"{number}.ndjson"
    with path.open("wb") as file:
        for operation in rows.chain(number):
            file.write(line(operation))
    return path


def _verify(path: Path, number: int, *through: str) -> tuple[float, float]:
    """Seconds, and MiB at the peak of it and its processes."""
    begin = time.perf_counter()
    command = subprocess.Popen(
        [*through, *PRESENT.command, "audit", "verify", str(path), "--json"], stdout=subprocess.PIPE
    )
    peak = 0.0
    while command.poll() is None:
        # Not its rusage, which begins with the memory of the process that started it.
        peak = max(peak, _memory(command.pid))
        time.sleep(_LOOK_SECONDS)
    seconds = time.perf_counter() - begin
    said, _ = command.communicate()
    verdict = msgspec.json.decode(said, type=_Verdict)
    if (verdict.rows, verdict.intact) != (number, True):
        raise RuntimeError(f"audit verify found {verdict} in {number} rows")
    return seconds, peak


def _memory(process: int) -> float:
    """MiB, with its processes; 0 while they end."""
    try:
        return sum(map(peak_mib, processes(process)))
    except OSError:
        return 0.0

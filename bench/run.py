"""`make bench`: signing, local calls, cold start and memory, beside SoftHSM2 in the same run."""

import argparse
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import msgspec

_ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(_ROOT))  # it is run by its path

from bench import cold, crowd, local, memory, signing, systems  # noqa: E402

THREADS = (1, 2, 8)
COLD_RUNS = 11
CROWD_RUNS = 31


class Speed(msgspec.Struct, frozen=True):
    key: str
    threads: int
    sealwright: signing.Throughput
    softhsm2: signing.Throughput
    ratio: float  # of signatures a second


class ColdStart(msgspec.Struct, frozen=True):
    key: str
    sealwright_ms: float
    softhsm2_ms: float
    ratio: float


class LocalCall(msgspec.Struct, frozen=True):
    kind: str
    sealwright_per_second: float
    softhsm2_per_second: float
    ratio: float  # of calls a second


class Crowd(msgspec.Struct, frozen=True):
    """A cold sign with one of so many visible signers, beside a cold sign with the only one."""

    signers: int
    one_ms: float
    all_ms: float
    ratio: float


class Results(msgspec.Struct, frozen=True):
    speeds: list[Speed]
    local_calls: list[LocalCall]
    local_requests: int  # that the local calls made, all together
    cold_starts: list[ColdStart]
    crowd: Crowd
    cold_requests: int
    module_bytes: int
    sealwright_added_kib: int
    softhsm2_added_kib: int


def measure(ours: systems.System, theirs: systems.System, scratch: Path, seconds: float) -> Results:
    speeds = []
    for key in systems.KEYS:
        for threads in THREADS:
            fast = signing.measure(theirs, key, threads, seconds)
            mine = signing.measure(ours, key, threads, seconds)
            speeds.append(Speed(key, threads, mine, fast, mine.per_second / fast.per_second))
    local_calls = [
        LocalCall(kind, mine, their, mine / their)
        for kind, (mine, their) in local.measure(ours, theirs, seconds).items()
    ]
    cold_starts = []
    for key in systems.KEYS:
        theirs_ms = cold.wall_ms(theirs, key, scratch, COLD_RUNS)
        ours_ms = cold.wall_ms(ours, key, scratch, COLD_RUNS)
        cold_starts.append(ColdStart(key, ours_ms, theirs_ms, ours_ms / theirs_ms))
    local_requests = cold.requests_during(ours, lambda: local.run_for(ours, seconds / 10))
    local_requests -= cold.requests_during(ours, lambda: local.run_once(ours))
    one_ms, all_ms = crowd.wall_ms(*crowd.populate(ours), scratch, CROWD_RUNS)
    return Results(
        speeds,
        local_calls,
        local_requests,
        cold_starts,
        Crowd(crowd.SIGNERS, one_ms, all_ms, all_ms / one_ms),
        cold.requests_of_one(ours, "p256", scratch),
        ours.module.stat().st_size,
        memory.added_kib(ours),
        memory.added_kib(theirs),
    )


def table(results: Results) -> str:
    lines = [
        "                    Sealwright                     SoftHSM2, in process",
        "key       threads   sign/s   p50 ms   p99 ms      sign/s   p50 ms   p99 ms      ratio",
    ]
    for speed in results.speeds:
        columns = (
            f"{one.per_second:9.0f}{one.p50_ms:9.2f}{one.p99_ms:9.2f}"
            for one in (speed.sealwright, speed.softhsm2)
        )
        lines.append(f"{speed.key:10}{speed.threads:7}{'   '.join(columns)}{speed.ratio:11.2f}")
    lines += ["", "local calls               Sealwright /s   SoftHSM2 /s   ratio"]
    lines += [
        f"{one.kind:24}{one.sealwright_per_second:15,.0f}{one.softhsm2_per_second:14,.0f}"
        f"{one.ratio:8.2f}"
        for one in results.local_calls
    ]
    lines += [f"HTTP requests of all of these   {results.local_requests}"]
    lines += ["", "cold `pkcs11-tool --sign`   Sealwright ms   SoftHSM2 ms   ratio"]
    lines += [
        f"{one.key:26}{one.sealwright_ms:15.1f}{one.softhsm2_ms:14.1f}{one.ratio:8.2f}"
        for one in results.cold_starts
    ]
    crowd_ = results.crowd
    row = f"{crowd_.signers:,} visible signers"
    lines += [
        "",
        "cold `pkcs11-tool --sign`   sees one, ms   sees all, ms   ratio",
        f"{row:26}{crowd_.one_ms:14.1f}{crowd_.all_ms:15.1f}{crowd_.ratio:8.2f}",
    ]
    ours_mib, theirs_mib = results.sealwright_added_kib / 1024, results.softhsm2_added_kib / 1024
    lines += [
        "",
        f"HTTP requests of a cold sign   {results.cold_requests}",
        f"size of the module             {results.module_bytes / 2**20:.1f} MiB",
        f"memory added to its host       {ours_mib:.1f} MiB (SoftHSM2 {theirs_mib:.1f} MiB)",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, default=_ROOT / "bench" / "results.json")
    parser.add_argument("--seconds", type=float, default=3.0, help="for each row and system")
    parser.add_argument("--workers", type=int, default=2, help="of the server")
    parser.add_argument("--threads", type=int, default=8, help="of each of them")
    options = parser.parse_args()
    with ExitStack() as stack:
        scratch = [
            Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sealwright-bench-")))
            for _ in range(2)
        ]
        theirs = stack.enter_context(systems.softhsm(scratch[0]))
        ours = stack.enter_context(systems.sealwright(scratch[1], options.workers, options.threads))
        results = measure(ours, theirs, scratch[1], options.seconds)
    options.json.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=2) + b"\n")
    sys.stdout.write(table(results) + "\n")


if __name__ == "__main__":
    main()

"""Runs the fuzz targets, each for so many seconds: a table of figures, and every crash with the
command that brings it back.

    python tests/fuzz/run.py --build build/fuzz --seconds 60 [--jobs 2] [TARGET …]
"""

import argparse
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
ONE_INPUT_SECONDS = 10
MEMORY_MIB = 2048
FUZZER = {
    "ASAN_OPTIONS": "quarantine_size_mb=32:allocator_may_return_null=1",
    "UBSAN_OPTIONS": "print_stacktrace=1",
}


@dataclass(frozen=True)
class Ran:
    target: str
    executions: int
    edges: int
    crash: Path | None
    said: str


def targets() -> list[str]:
    sources = (ROOT / "native" / "fuzz").glob("*_*.cc")
    return sorted(path.stem for path in sources)


def number(pattern: str, text: str) -> int:
    """The last one, 0 if there is none."""
    found = re.findall(pattern, text)
    return int(found[-1]) if found else 0


def run(build: Path, target: str, seconds: int) -> Ran:
    found = build / "corpus" / target
    found.mkdir(parents=True, exist_ok=True)
    crashes = build / "crashes"
    crashes.mkdir(exist_ok=True)
    dictionary = HERE / "dictionaries" / f"{target}.dict"
    command = [
        str(build / "native" / "fuzz" / target),
        f"-max_total_time={seconds}",
        f"-timeout={ONE_INPUT_SECONDS}",
        f"-rss_limit_mb={MEMORY_MIB}",
        f"-artifact_prefix={crashes}/{target}-",
        "-print_final_stats=1",
        *([f"-dict={dictionary}"] if dictionary.exists() else []),
        str(found),
        str(HERE / "corpus" / target),
    ]
    done = subprocess.run(
        command, env=os.environ | FUZZER, capture_output=True, text=True, errors="replace"
    )
    written = re.search(r"Test unit written to (\S+)", done.stderr)
    crash = Path(written[1]) if written else None
    if done.returncode != 0 and crash is None:
        crash = Path(target)  # ended without an input to blame
    return Ran(
        target,
        number(r"stat::number_of_executed_units: (\d+)", done.stderr),
        number(r"cov: (\d+)", done.stderr),
        crash,
        done.stderr,
    )


def complaint(ran: Ran, build: Path) -> str:
    lines = ran.said.splitlines()
    first = next((i for i, line in enumerate(lines) if is_fault(line)), len(lines) - 30)
    binary = build / "native" / "fuzz" / ran.target
    return "\n".join(
        [
            f"fuzz: {ran.target} failed; this brings it back: {binary} {ran.crash}",
            *(f"  {line}" for line in lines[max(first, 0) : first + 30]),
            f"Once it is mended, keep the input in tests/fuzz/corpus/{ran.target}/.",
        ]
    )


def is_fault(line: str) -> bool:
    return any(word in line for word in ("broken claim", "ERROR: ", "runtime error"))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--seconds", type=int, required=True)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("targets", nargs="*", metavar="TARGET")
    asked = parser.parse_args()
    chosen = asked.targets or targets()
    if unknown := sorted(set(chosen) - set(targets())):
        parser.error(f"no target {', '.join(unknown)}; there are: {', '.join(targets())}")

    sys.stdout.write(f"fuzz: {asked.seconds} s each\n")
    failed = False
    with ThreadPoolExecutor(asked.jobs) as threads:
        for ran in threads.map(lambda name: run(asked.build, name, asked.seconds), chosen):
            verdict = "ok" if ran.crash is None else "FAILED"
            sys.stdout.write(
                f"  {ran.target:<22}{ran.executions:>10} runs {ran.edges:>6} edges  {verdict}\n"
            )
            sys.stdout.flush()
            if ran.crash is not None:
                failed = True
                sys.stderr.write(complaint(ran, asked.build) + "\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

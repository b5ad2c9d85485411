"""What a module adds to the memory of its host: `python -m bench.memory MODULE LABEL [PIN]`.

Counted from before it is loaded until it has signed ten times; printed as KiB of resident memory.
"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from bench.systems import System
from bench.table import Row, row
from sealwright.cryptoki import CKA, CKM, CKO
from sealwright.pkcs11 import Module

_ROOT = Path(__file__).resolve().parents[1]


def rows(ours: System, theirs: System) -> Iterator[Row]:
    mine, other = added_kib(ours) / 1024, added_kib(theirs) / 1024
    yield row("added to its host by the module", mine, "MiB", beside=(theirs.name, other))
    yield row("the module's file", ours.module.stat().st_size / 2**20, "MiB")


def added_kib(system: System) -> int:
    arguments = [str(system.module), "p256"] + ([] if system.pin is None else [system.pin])
    done = subprocess.run(
        [sys.executable, "-m", "bench.memory", *arguments],
        env=system.environment,
        cwd=_ROOT,
        stdout=subprocess.PIPE,
        check=True,
    )
    return int(done.stdout)


def _resident_kib() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise RuntimeError("/proc/self/status has no VmRSS")


def main(module: str, label: str, pin: str | None = None) -> None:
    before = _resident_kib()
    with Module(module) as loaded, loaded.slot(label).open() as session:
        if pin is not None:
            session.login(pin)
        key = session.find_one({CKA.CLASS: CKO.PRIVATE_KEY})
        for _ in range(10):
            session.sign(CKM.ECDSA, key, bytes(32))
        after = _resident_kib()
    sys.stdout.write(f"{after - before}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])

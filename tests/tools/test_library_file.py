"""The library as a file: what it needs, what it shows, how large it is."""

import re
import sys
from pathlib import Path

from sealwright import _native
from tests.tools.tool import Workbench

LIBC = {"libc.so.6", "libm.so.6", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}
LIBC |= {"libdl.so.2", "libpthread.so.0", "librt.so.1"}  # parts of their own before glibc 2.34
MEGABYTE = 1 << 20

GROWTH = """
import re, sys
from pathlib import Path
from sealwright import _native

def resident():
    return int(re.search(r"VmRSS:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

before = resident()
native = _native.Module(sys.argv[1])
assert native.initialize() == 0
count = _native.Numbers()
assert native.get_slot_list(True, count) == 0
assert count.length > 0
rv, session = native.open_session(int(sys.argv[2]), 4)
key = _native.Template()
key.add(0, (3).to_bytes(8, sys.byteorder))
assert native.find_objects_init(session, key) == 0
found = _native.Numbers(1)
assert native.find_objects(session, found) == 0
assert native.find_objects_final(session) == 0
for _ in range(20):
    assert native.sign_init(session, _native.Mechanism(0x1044), found.value[0]) == 0
    assert native.sign(session, b"data", _native.Buffer(64)) == 0
print(resident() - before)
"""


def test_it_needs_libc_only(workbench: Workbench) -> None:
    dynamic = workbench.must("readelf", "--dynamic", "--wide", workbench.module)
    needed = set(re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic))
    assert "libc.so.6" in needed
    assert needed <= LIBC


def test_it_shows_the_68_functions_and_nothing_else(workbench: Workbench) -> None:
    symbols = workbench.must("nm", "--dynamic", "--defined-only", workbench.module)
    assert sorted(line.split()[-1] for line in symbols.splitlines()) == sorted(
        _native.function_names()
    )


def test_it_stays_mapped_and_is_hardened(workbench: Workbench) -> None:
    dynamic = workbench.must("readelf", "--dynamic", "--wide", workbench.module)
    flags = " ".join(re.findall(r"\(FLAGS(?:_1)?\) +(.*)", dynamic))
    assert "NODELETE" in flags
    assert "NOW" in flags
    headers = workbench.must("readelf", "--program-headers", "--wide", workbench.module)
    assert "GNU_RELRO" in headers
    (stack,) = re.findall(r"GNU_STACK .*", headers)
    assert "E" not in stack.replace("GNU_STACK", "")


def test_it_names_no_folder_of_whoever_built_it(workbench: Workbench) -> None:
    dynamic = workbench.must("readelf", "--dynamic", "--wide", workbench.module)
    assert "RPATH" not in dynamic
    assert "RUNPATH" not in dynamic


def test_it_is_small_on_disk(workbench: Workbench) -> None:
    copy = workbench.folder / "stripped.so"
    workbench.must("strip", "--strip-unneeded", "-o", copy, workbench.module)
    assert Path(copy).stat().st_size < 10 * MEGABYTE  # 7 with OpenSSL 3.0, 9.2 with Debian 13's 3.5


def test_it_is_small_in_memory(workbench: Workbench, slots: dict[str, int]) -> None:
    program = workbench.write("growth.py", GROWTH.encode())
    grown = workbench.must(sys.executable, program, workbench.module, str(slots["p256"]))
    assert int(grown) * 1024 < 20 * MEGABYTE

"""Loaded, used and unloaded again and again: nothing is left behind."""

import pytest

from tests.hosts.conftest import Secure
from tests.hosts.host import Hosts

CYCLES = 100
EVERY_BLOCK_COUNTS = {"GLIBC_TUNABLES": "glibc.malloc.tcache_count=0"}
"""A thread's own cache of freed blocks would pass for memory in use."""


@pytest.mark.parametrize("where", ["main", "threads"])
@pytest.mark.parametrize("transport", ["plain", "tls"])
def test_a_hundred_lives_leave_nothing_behind(
    hosts: Hosts, secure: Secure, where: str, transport: str
) -> None:
    """From the tenth on: no mapping, no descriptor and no octet more. Of pages, a few may come and
    go with the kernel's mood."""
    variables = secure.variables if transport == "tls" else {}
    counting = Hosts(hosts.folder, hosts.module, dict(hosts.environment) | EVERY_BLOCK_COUNTS)
    ended = counting.run("unload", "p256", where, str(CYCLES), **variables)
    assert (ended.code, ended.err) == (0, ""), ended.out
    held = [[int(number) for number in line.split()[1:]] for line in ended.lines]
    assert [cycle for cycle, *_ in held] == list(range(10, CYCLES + 1, 10))
    maps, files, resident, octets = zip(*(counts for _, *counts in held), strict=True)
    assert len(set(maps)) == len(set(files)) == 1
    assert len(set(octets[1:])) == 1
    assert resident[-1] - resident[0] < 256  # KiB

"""How a process ends while eight of its threads sign: none crashes, none hangs."""

import pytest

from tests.hosts.host import Hosts, verify
from tests.server import ControlPlane

CODE = 42  # of every end that a host chose itself


@pytest.mark.parametrize(
    "end",
    [
        "return",
        "exit",
        "quick",
        "main-thread",
        "finalise",
        "finalise-before-load",
        "finalise-after-load",
        "destructor",
        "unloaded",
        "again",
    ],
)
def test_no_end_crashes_or_hangs(hosts: Hosts, end: str) -> None:
    """finalise-…-load: in an exit handler from before or after dlopen. again: 25 times C_Initialize
    and C_Finalize, the threads at it all the time."""
    ended = hosts.run("exits", "p256", end)
    assert (ended.code, ended.out, ended.err) == (CODE, "", "")


def test_an_exit_handler_still_signs(hosts: Hosts, control_plane: ControlPlane) -> None:
    ended = hosts.run("exits", "p256", "sign-in-handler")
    assert (ended.code, ended.lines, ended.err) == (CODE, [], "")
    assert set(ended.signatures) == {"handler"}
    verify(control_plane, "p256", ended.signatures)

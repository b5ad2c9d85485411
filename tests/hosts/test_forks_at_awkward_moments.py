"""fork, exec and spawn: both processes sign, and neither disturbs the other."""

import pytest

from tests.hosts.host import (
    PATIENCE,
    SAID,
    Hosts,
    held_answer,
    signatures_in,
    tell,
    verify,
)
from tests.server import ControlPlane

MOMENTS = {
    "before": {"parent", "child"},
    "after": {"parent", "child"},
    "exec": {"parent", "after-exec", "parent-again"},
    "spawn": {"parent", "after-exec", "parent-again"},
    "thread": {"parent", "child-of-a-thread", "parent-again"},
    "daemon": {"before", "child", "after"},
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_parent_and_child_sign(hosts: Hosts, control_plane: ControlPlane, moment: str) -> None:
    """before: C_Initialize. after: it, and before any request. daemon: every descriptor is closed
    and others are opened under its number, in a child and then in the process itself."""
    ended = hosts.run("forks", "p256", moment)
    assert (ended.code, ended.lines, ended.err) == (0, [], "")
    assert set(ended.signatures) == MOMENTS[moment]
    verify(control_plane, "p256", ended.signatures)


def test_a_child_signs_while_the_answer_to_a_thread_is_on_its_way(
    hosts: Hosts, control_plane: ControlPlane
) -> None:
    """The thread's signature comes all the same, after the child's."""
    with held_answer(control_plane) as (gateway, asked, released):
        command = hosts.command("forks", "p256", "asked")
        with hosts.start(command, url=gateway.url) as host:
            assert asked.wait(PATIENCE)
            said = tell(host, until="forked")
            released.set()
            out, err = host.communicate()
    assert (host.returncode, err) == (0, ""), said + out
    assert [data for data, _ in SAID.findall(said)] == ["child"]
    made = signatures_in(said + out)
    assert set(made) == {"child", "asked", "parent-again"}
    verify(control_plane, "p256", made)

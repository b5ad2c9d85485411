"""Forks under load: no child hangs, and every signature of every process has its one row.

SEALWRIGHT_FORKS says how many; `make forks` asks for 10,000.
"""

import os

import pytest

from tests.hosts.conftest import Secure
from tests.hosts.host import Hosts
from tests.server import ControlPlane

FORKS = int(os.environ.get("SEALWRIGHT_FORKS", "100"))
KINDS_THAT_SIGN = {0, 1, 3}  # of the five kinds of children, which come in turn


def weather(
    hosts: Hosts, plane: ControlPlane, signer: str, what: str, forks: int, **variables: str
) -> None:
    """A storm over one signer, that nobody else uses."""
    command = hosts.command("storm", signer, what, str(forks), "3")
    with hosts.start(command, **variables) as host:
        out, err = host.communicate()  # the host's alarm rings when it stands still
    assert (host.returncode, err) == (0, ""), out
    word, forked, _, by_threads = out.split()
    assert (word, int(forked)) == ("forks", forks), out
    assert int(by_threads) > 0
    by_children = sum(number % 5 in KINDS_THAT_SIGN for number in range(forks))
    rows = plane.signings(signer)
    assert {row.outcome for row in rows} == {"succeeded"}
    assert len(rows) == int(by_threads) + by_children


@pytest.mark.parametrize("what", ["unused", "used"])
def test_no_child_hangs_on_the_locks_of_tls(hosts: Hosts, secure: Secure, what: str) -> None:
    """The thread that forks has used the module before, or has not."""
    weather(hosts, secure.plane, what, what, FORKS, **secure.variables)


def test_no_child_hangs_on_a_lock_that_the_host_takes_for_its_forks(
    hosts: Hosts, control_plane: ControlPlane
) -> None:
    """Fewer: a fork waits there for the threads that hold the lock, and they for the fork."""
    machine = control_plane.create_machine("weather")
    control_plane.create_signer("stormy", "p256", weather="operator")
    weather(hosts, control_plane, "stormy", "locked", FORKS // 4, api_key=machine)

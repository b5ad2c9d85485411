"""Hosts at the limits of their process, and hosts under fire."""

import pytest

from tests.gateway import gateway_to
from tests.hosts.host import (
    PATIENCE,
    SAID,
    Hosts,
    held_answer,
    listen,
    signatures_in,
    tell,
    verify,
)
from tests.server import ControlPlane


def test_without_a_free_descriptor_the_open_connection_serves(
    hosts: Hosts, control_plane: ControlPlane
) -> None:
    ended = hosts.run("limits", "p256", "no-descriptors")
    made = [data for data, _ in SAID.findall(ended.out)]
    assert (ended.code, ended.lines, ended.err) == (0, [], "")
    assert made == ["before", "none-left", "none-left", "none-left", "after"]
    verify(control_plane, "p256", signatures_in(ended.out))


def test_without_a_descriptor_for_the_first_connection_it_says_so_and_recovers(
    hosts: Hosts, control_plane: ControlPlane
) -> None:
    ended = hosts.run("limits", "p256", "no-descriptors-at-first")
    assert (ended.code, ended.lines) == (0, [])
    (line,) = ended.err.splitlines()
    assert line.startswith("sealwright: no list of signers: ")
    assert line.endswith("Too many open files")
    verify(control_plane, "p256", ended.signatures)


@pytest.mark.parametrize(
    ("what", "signed"),
    [
        pytest.param("many-descriptors", "large-number", id="descriptors-above-1024"),
        pytest.param("timer", "after", id="a-timer-that-interrupts-every-call"),
        pytest.param("blocked", "blocked", id="every-signal-blocked-and-one-waiting"),
    ],
)
def test_it_signs_all_the_same(
    hosts: Hosts, control_plane: ControlPlane, what: str, signed: str
) -> None:
    ended = hosts.run("limits", "p256", what)
    assert (ended.code, ended.lines, ended.err) == (0, [], "")
    assert set(ended.signatures) == {signed}
    verify(control_plane, "p256", ended.signatures)


def test_a_cancelled_thread_ends_after_its_call(hosts: Hosts, control_plane: ControlPlane) -> None:
    """pthread_cancel in the middle of a request; the module goes on serving."""
    with held_answer(control_plane) as (gateway, asked, released):
        command = hosts.command("limits", "p256", "cancel")
        with hosts.start(command, url=gateway.url) as host:
            assert asked.wait(PATIENCE)
            assert tell(host, until="cancelled") == ""
            released.set()
            out, err = host.communicate()
    assert (host.returncode, err) == (0, ""), out
    made = signatures_in(out)
    assert set(made) == {"cancelled", "after"}
    verify(control_plane, "p256", made)


def test_peers_that_hang_up_raise_no_signal(hosts: Hosts, control_plane: ControlPlane) -> None:
    with gateway_to(control_plane) as gateway:
        command = hosts.command("limits", "p256", "sigpipe")
        with hosts.start(command, url=gateway.url) as host:
            said = listen(host, until="ready")
            for _ in range(2):
                gateway.drop_connections()
                said += tell(host, until="ready")
            gateway.drop_connections()
            rest, err = host.communicate("gone\n")
    assert (host.returncode, err) == (0, ""), rest
    assert [data for data, _ in SAID.findall(said + rest)] == ["before", "after", "after", "after"]
    verify(control_plane, "p256", signatures_in(said + rest))

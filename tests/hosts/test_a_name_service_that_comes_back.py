"""A name service that uses PKCS#11 itself, with this module among the others."""

from tests.hosts.host import Hosts, verify
from tests.server import ControlPlane


def test_it_is_refused_and_the_call_goes_on(hosts: Hosts, control_plane: ControlPlane) -> None:
    ended = hosts.run("comes_back", "p256", "sign")
    assert (ended.code, ended.err) == (0, "")
    assert ended.lines == ["asked while it is initialised: yes", "asked while it signs: yes"]
    verify(control_plane, "p256", ended.signatures)

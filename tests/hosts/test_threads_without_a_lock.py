"""Threads of a C program, with no interpreter's lock that lets one of them pass at a time."""

import pytest

from tests.hosts.host import Hosts, verify
from tests.server import ControlPlane


@pytest.mark.parametrize("signer", ["p256", "rsa-2048"])
@pytest.mark.parametrize(
    ("sessions", "threads", "signatures"),
    [
        pytest.param("own", 100, 3, id="a-session-each"),
        pytest.param("shared", 24, 2, id="one-session"),
        pytest.param("small", 16, 2, id="stacks-of-128-KiB"),
        pytest.param("come-and-go", 50, 1, id="one-after-the-other"),
    ],
)
def test_every_signature_of_every_thread_is_over_its_own_data(
    hosts: Hosts,
    control_plane: ControlPlane,
    signer: str,
    sessions: str,
    threads: int,
    signatures: int,
) -> None:
    ended = hosts.run("threads", signer, sessions, str(threads), str(signatures))
    assert (ended.code, ended.lines, ended.err) == (0, [], "")
    assert set(ended.signatures) == {
        f"{thread}-{number}" for thread in range(threads) for number in range(signatures)
    }
    verify(control_plane, signer, ended.signatures)

"""Hosts without standard input, output and error, or with something else under their numbers.

Every call to sign is denied here, so that the module has something to say.
"""

import os
from pathlib import Path

import pytest

from tests.hosts.host import Ended, Hosts
from tests.server import ControlPlane

WATCHER = "watches-descriptors"


@pytest.fixture(scope="session")
def watcher_key(control_plane: ControlPlane, builder_key: str) -> str:
    """The API key of a machine that sees a signer and may not sign."""
    del builder_key  # its signers are there
    key = control_plane.create_machine(WATCHER)
    control_plane.client().add_member("p256", WATCHER, "auditor")
    return key


@pytest.fixture
def denied(hosts: Hosts, watcher_key: str) -> Hosts:
    return Hosts(
        hosts.folder, hosts.module, dict(hosts.environment) | {"SEALWRIGHT_API_KEY": watcher_key}
    )


def run(hosts: Hosts, tmp_path: Path, what: str) -> tuple[Ended, bytes]:
    """How it ended, and what is in its data."""
    report, data = tmp_path / "report", tmp_path / "data"
    ended = hosts.run("descriptors", "p256", what, report, data)
    complaints = [line for line in report.read_text().splitlines() if not line.startswith("ok: ")]
    assert (ended.code, complaints) == (0, [])
    return ended, data.read_bytes() if data.exists() else b""


def test_a_host_without_standard_descriptors_signs_and_none_is_taken(
    denied: Hosts, tmp_path: Path
) -> None:
    """A connection under number 2 would get whatever others say there."""
    ended, _ = run(denied, tmp_path, "closed")
    assert (ended.out, ended.err) == ("", "")


@pytest.mark.parametrize(
    "what",
    [
        pytest.param("data-before", id="opened-before-the-module-was-loaded"),
        pytest.param("data-after", id="opened-in-place-of-standard-error"),
        pytest.param("data-after-closed", id="opened-where-there-was-nothing"),
    ],
)
def test_a_file_under_2_that_is_not_standard_error_gets_no_line(
    denied: Hosts, tmp_path: Path, what: str
) -> None:
    _, data = run(denied, tmp_path, what)
    assert data == b"data"


@pytest.mark.parametrize(
    "what",
    [
        pytest.param("log-after", id="opened-to-append"),
        pytest.param("captured-after", id="put-there-by-dup2"),
    ],
)
def test_a_log_that_takes_the_place_of_standard_error_gets_the_line(
    denied: Hosts, tmp_path: Path, what: str
) -> None:
    _, data = run(denied, tmp_path, what)
    (line,) = data.removeprefix(b"data").decode().splitlines()
    assert line.startswith('sealwright: signer "p256": ')


@pytest.mark.parametrize(
    "what",
    [
        pytest.param("nobody-reads", id="a-pipe-that-nobody-reads-any-more"),
        pytest.param("socket-without-peer", id="a-socket-without-its-peer"),
        pytest.param("full", id="a-pipe-that-is-full"),
    ],
)
def test_a_line_that_cannot_be_said_neither_kills_nor_holds_the_host(
    denied: Hosts, tmp_path: Path, what: str
) -> None:
    run(denied, tmp_path, what)


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_host_that_is_started_without_descriptors_signs(
    hosts: Hosts, control_plane: ControlPlane, tmp_path: Path, closed: str
) -> None:
    """As a shell closes them; the rows tell that it did."""
    before = len(control_plane.signings("p256"))
    command = hosts.command("threads", "p256", "own", "2", "3")
    if ">&-" in closed.replace("2>&-", ""):  # its signatures go nowhere, and it says so
        command = hosts.command("exits", "p256", "finalise")
    ended = hosts.run_command(["sh", "-c", f'exec "$@" {closed}', "sh", *command])
    assert ended.code in (0, 42), ended
    assert ended.err == ""
    assert len(control_plane.signings("p256")) >= before + 6


def test_a_log_that_is_a_pipe_without_a_reader_holds_nobody(denied: Hosts, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    report = tmp_path / "report"
    ended = denied.run("descriptors", "p256", "closed", report, "-", log_file=str(pipe))
    assert ended.code == 0, report.read_text()

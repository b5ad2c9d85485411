"""`audit verify` on long logs: how far it is, for who watches, and memory that does not grow."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from controlplane.api.operations import line
from controlplane.audit.log import append, link
from controlplane.domain.identifier import new_id
from controlplane.domain.model import Client, HashAlgorithm, OperationKind, Outcome, Scheme
from controlplane.domain.operation import Entry, Head
from controlplane.service.installation import proven_store
from controlplane.service.location import Location
from tests.cli.conftest import NOWHERE
from tests.server import COMMAND, ControlPlane, surroundings

SHORT, LONG = 20_000, 80_000  # rows
BATCH = 1000  # rows
SPARE = 8 * 1024  # KiB by which two runs of the same may differ


def entry(number: int) -> Entry:
    return Entry(
        id=new_id(),
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        kind=OperationKind.SIGN,
        actor="ci",
        signer="release",
        outcome=Outcome.SUCCEEDED,
        scheme=Scheme("ecdsa"),
        hash=HashAlgorithm.SHA256,
        digest=number.to_bytes(32),
        client=Client(address="127.0.0.1", tool="jarsigner", command="jarsigner app.jar release"),
        signature=number.to_bytes(71),
        idempotency_key=f"key-{number}",
    )


def write_log(path: Path, rows: int) -> Path:
    head = Head(0, "0" * 64)
    with path.open("wb") as file:
        for number in range(rows):
            row = link(head, entry(number))
            head = Head(row.sequence, row.row_hash)
            file.write(line(row))
    return path


# What a process has used includes what its parent had when it was forked: so between the tests'
# process and the command there is one that is small.
_MEASURE = """
import json, resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE)
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(json.dumps([done.returncode, json.loads(done.stdout), peak]))
"""


def peak_memory(arguments: list[str], environment: dict[str, str], rows: int) -> int:
    """In KiB, of a command that has to find so many rows and all of them sound."""
    measured = subprocess.run(
        [sys.executable, "-c", _MEASURE, *COMMAND, *arguments, "--json"],
        env=environment,
        stdout=subprocess.PIPE,
        check=True,
    )
    code, verdict, peak = json.loads(measured.stdout)
    assert (code, verdict["intact"], verdict["rows"]) == (0, True, rows)
    return int(peak)


def test_memory_does_not_grow_with_an_export(tmp_path: Path) -> None:
    short, long = (
        peak_memory(
            ["audit", "verify", str(write_log(tmp_path / f"{rows}.ndjson", rows))],
            surroundings(NOWHERE),
            rows,
        )
        for rows in (SHORT, LONG)
    )
    assert long < short + SPARE


def test_memory_does_not_grow_with_the_servers_log(own_plane: ControlPlane) -> None:
    """Neither the command's nor the server's."""
    store = proven_store(Location(own_plane.folder / "data"))
    peaks = []
    with store.closing():
        for rows in (SHORT, LONG):
            before = own_plane.client().operations_head().value.sequence
            with store.write() as database:
                for start in range(before, rows, BATCH):
                    numbers = range(start, min(start + BATCH, rows))
                    append(database, [entry(number) for number in numbers])
            command = peak_memory(["audit", "verify"], own_plane.environment(), rows)
            (worker,) = own_plane.workers()
            peaks.append((command, peak_of(worker)))
    (command, server), (command_later, server_later) = peaks
    assert command_later < command + SPARE
    assert server_later < server + SPARE


def peak_of(process: int) -> int:
    """KiB."""
    status = Path(f"/proc/{process}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1])


Watch = Callable[..., str]


@pytest.fixture
def watch() -> Iterator[Watch]:
    """Runs a command with a terminal for stderr: what is seen there."""
    terminal, inner = pty.openpty()

    def run(*arguments: str, environment: dict[str, str]) -> str:
        done = subprocess.run(
            [*COMMAND, *arguments],
            env=environment | {"TERM": "xterm", "COLUMNS": "100"},
            stdout=subprocess.PIPE,
            stderr=inner,
            check=True,
        )
        assert b"verifying" not in done.stdout
        os.write(inner, b"END")
        seen = b""
        while not seen.endswith(b"END"):
            seen += os.read(terminal, 65536)
        return seen.decode()

    yield run
    os.close(inner)
    os.close(terminal)


def test_on_a_terminal_it_shows_how_far_it_is(
    watch: Watch, tmp_path: Path, own_plane: ControlPlane
) -> None:
    log = str(write_log(tmp_path / "log.ndjson", 2000))
    for arguments in (["audit", "verify", log], ["audit", "verify"]):
        seen = watch(*arguments, environment=own_plane.environment())
        assert "verifying" in seen
        assert "100%" in seen
        assert watch(*arguments, "--json", environment=own_plane.environment()) == "END"


def test_elsewhere_it_shows_nothing(tmp_path: Path) -> None:
    log = write_log(tmp_path / "log.ndjson", 2000)
    for given in ([str(log)], ["-"]):
        done = subprocess.run(
            [*COMMAND, "audit", "verify", *given],
            input=log.read_bytes(),
            env=surroundings(NOWHERE),
            capture_output=True,
            check=True,
        )
        assert done.stderr == b""

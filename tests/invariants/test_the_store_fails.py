"""A full disk, a database that is gone: nothing unrecorded gets out, and signing comes back."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.invariants.callers import Reply, sign
from tests.postgresql import PostgresqlServer, running_postgresql
from tests.server import ControlPlane, running


def prepare(plane: ControlPlane) -> str:
    """The API key of a machine that signs with `release`."""
    api_key = plane.create_machine("ci")
    plane.create_signer("release", "p256", ci="operator")
    return api_key


def check_recorded(plane: ControlPlane, replies: list[Reply]) -> None:
    """Each signature that came has its row, and no other row says that one was released."""
    released = [reply for reply in replies if reply.status == 200]
    rows = [row for row in plane.signings("release") if row.outcome == "succeeded"]
    assert len(rows) == len(released)
    check = subprocess.run(
        plane.command("audit", "verify"), env=plane.environment(), capture_output=True, check=False
    )
    assert check.returncode == 0, check.stdout + check.stderr


@contextmanager
def small_disk(folder: Path, megabytes: int = 6) -> Iterator[Path]:
    folder.mkdir()
    size = f"size={megabytes}m"
    if subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", folder]).returncode != 0:
        pytest.skip("a small file system can be mounted by root only")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(disk: Path) -> Path:
    """A file that leaves no room for another byte."""
    path = disk / "filler"
    with path.open("wb", buffering=0) as file:
        for size in (65536, 4096, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue
    return path


def test_a_full_disk_lets_nothing_out_and_signing_goes_on_when_there_is_room(
    tmp_path: Path,
) -> None:
    with small_disk(tmp_path / "disk") as disk, running(disk / "plane") as plane:
        api_key = prepare(plane)
        replies = [sign(plane.port, api_key, f"before-{number}") for number in range(3)]
        filler = fill(disk)
        refused = []
        for number in range(200):  # what room the log had within its files is used up first
            refused.append(sign(plane.port, api_key, f"full-{number}"))
            if len(refused) >= 3 and all(reply.status == 503 for reply in refused[-3:]):
                break
        assert (refused[-1].status, refused[-1].text) == (503, "store_unavailable")
        assert refused[-1].retry_after is not None
        filler.unlink()
        after = [sign(plane.port, api_key, f"after-{number}") for number in range(3)]
        assert [reply.status for reply in after] == [200] * 3
        check_recorded(plane, [*replies, *refused, *after])


@pytest.fixture
def own_postgresql() -> Iterator[PostgresqlServer]:
    with running_postgresql() as server:
        yield server


def test_a_database_that_is_cut_off_for_a_while_is_not_missed_afterwards(
    tmp_path: Path, own_postgresql: PostgresqlServer
) -> None:
    database = own_postgresql.new_database()
    with running(tmp_path / "plane", database=database) as plane:
        api_key = prepare(plane)
        replies = [sign(plane.port, api_key, f"before-{number}") for number in range(10)]
        own_postgresql.stop()
        cut_off = [sign(plane.port, api_key, f"cut-{number}") for number in range(10)]
        assert {(reply.status, reply.text) for reply in cut_off} == {(503, "store_unavailable")}
        assert None not in {reply.retry_after for reply in cut_off}
        own_postgresql.start()
        after = [sign(plane.port, api_key, f"after-{number}") for number in range(10)]
        assert [reply.status for reply in after] == [200] * 10
        check_recorded(plane, [*replies, *after])


def test_a_connection_that_broke_while_it_was_idle_is_replaced_unnoticed(
    tmp_path: Path, own_postgresql: PostgresqlServer
) -> None:
    database = own_postgresql.new_database()
    with running(tmp_path / "plane", database=database) as plane:
        api_key = prepare(plane)
        replies = [sign(plane.port, api_key, f"before-{number}") for number in range(10)]
        own_postgresql.stop()
        own_postgresql.start()
        replies += [sign(plane.port, api_key, f"after-{number}") for number in range(20)]
        assert {reply.status for reply in replies} == {200}
        check_recorded(plane, replies)

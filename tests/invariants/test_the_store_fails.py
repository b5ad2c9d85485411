"""A full disk, a database that is gone: nothing unrecorded gets out, and signing comes back."""

import json
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.capability import Capability, needs
from tests.invariants.callers import Reply, connect, sign
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
    subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", folder], check=True)
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


@needs(Capability.FILE_SYSTEMS)
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
        status, title = ready(plane)
        assert status == 503
        assert str(disk) not in title
        log = plane.log
        assert "database or disk is full" in log
        assert log.count('"event":"store_unavailable"') < len(refused)
        filler.unlink()
        after = [sign(plane.port, api_key, f"after-{number}") for number in range(3)]
        assert [reply.status for reply in after] == [200] * 3
        check_recorded(plane, [*replies, *refused, *after])
        await_ready(plane)


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


def test_sessions_that_an_administrator_ends_lose_no_signature(
    tmp_path: Path, own_postgresql: PostgresqlServer
) -> None:
    """A call may be refused; the retry gets the signature that was committed, or makes it."""
    database = own_postgresql.new_database()
    with running(tmp_path / "plane", database=database) as plane:
        api_key = prepare(plane)
        enough = threading.Event()

        def insist(name: str) -> list[Reply]:
            released: list[Reply] = []
            while not enough.is_set():
                text = f"{name}-{len(released)}"
                while (reply := sign(plane.port, api_key, text)).status != 200:
                    assert (reply.status, reply.text) == (503, "store_unavailable")
                released.append(reply)
            return released

        with ThreadPoolExecutor(4) as pool:
            callers = [pool.submit(insist, name) for name in "abcd"]
            for _ in range(20):
                own_postgresql.run(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE application_name = 'sealwright'",
                    database="postgres",
                )
                enough.wait(0.05)
            enough.set()
            released = [reply for caller in callers for reply in caller.result()]
        released.append(sign(plane.port, api_key, "afterwards"))
        check_recorded(plane, released)
        assert ready(plane) == (200, "")


def await_ready(plane: ControlPlane) -> None:
    """It looks once a second; what it remembers of the time before may be told until then."""
    while ready(plane)[0] != 200:
        threading.Event().wait(0.1)


def ready(plane: ControlPlane) -> tuple[int, str]:
    """What the server says of itself to strangers."""
    with closing(connect(plane.port)) as connection:
        connection.request("GET", "/v1/health/ready")
        answer = connection.getresponse()
        text = answer.read().decode()
        return answer.status, "" if answer.status == 200 else json.loads(text)["title"]

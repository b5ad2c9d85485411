"""A build that signs while the control plane's nodes are killed and started: it does not notice."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.postgresql import PostgresqlServer, postgresql
from tests.server import ControlPlane, running, surroundings

__all__ = ["postgresql"]

PATIENCE = 60  # seconds
ENOUGH = 30  # signatures, more than are under way when something happens

# Signs until its input ends; one line for each signature, the first refusal ends it with 1.
_SIGN = """
import sys, threading
from sealwright.cryptoki import CKA, CKM, CKO
from sealwright.pkcs11 import Module
path, threads = sys.argv[1:]
out, stopping, failed = threading.Lock(), threading.Event(), []
def sign():
    try:
        with module.slot("release").open() as session:
            key = session.find_one({CKA.CLASS: CKO.PRIVATE_KEY})
            while not stopping.is_set():
                signature = session.sign(CKM.ECDSA_SHA256, key, b"data")
                with out:
                    print(signature.hex(), flush=True)
    except Exception as error:
        failed.append(error)
        with out:
            print(f"refused: {error}", flush=True)
with Module(path) as module:
    started = [threading.Thread(target=sign) for _ in range(int(threads))]
    for thread in started: thread.start()
    sys.stdin.read()
    stopping.set()
    for thread in started: thread.join()
sys.exit(bool(failed))
"""


class Build:
    """A process that signs in a loop through the module; what it prints is read as it comes."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self._came = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self.lines: list[str] = []
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._came:
                self.lines.append(line.strip())
                self._came.notify_all()

    def await_more(self) -> None:
        with self._came:
            wanted = len(self.lines) + ENOUGH
            assert self._came.wait_for(lambda: len(self.lines) >= wanted, PATIENCE), self.lines[-4:]

    def finish(self) -> list[str]:
        """Its signatures, after it ended in success."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._reader.join(PATIENCE)
        assert self._process.wait(PATIENCE) == 0, self.lines[-4:]
        return self.lines

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join()
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            stream.close()


@contextmanager
def build(module_file: Path, home: Path, api_key: str, *nodes: ControlPlane) -> Iterator[Build]:
    """With every setting of the module but these as it is by default."""
    process = subprocess.Popen(
        [sys.executable, "-c", _SIGN, str(module_file), "4"],
        env=surroundings(home)
        | {
            "SEALWRIGHT_URL": ",".join(node.url for node in nodes),
            "SEALWRIGHT_API_KEY": api_key,
        },
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    started = Build(process)
    try:
        yield started
    finally:
        started.kill()


def recorded(plane: ControlPlane) -> list[str]:
    """How each call to sign came out."""
    return [str(row.outcome) for row in plane.signings("release")]


@pytest.fixture
def nodes(
    tmp_path: Path, postgresql: PostgresqlServer
) -> Iterator[tuple[ControlPlane, ControlPlane]]:
    database = postgresql.new_database()
    with running(tmp_path / "first", database=database) as first:
        second = first.join(tmp_path / "second", database)
        second.start()
        try:
            yield first, second
        finally:
            second.kill()


def test_one_node_is_killed_and_the_module_goes_on_with_the_other(
    nodes: tuple[ControlPlane, ControlPlane], module_file: Path, tmp_path: Path
) -> None:
    first, second = nodes
    api_key = first.create_machine("ci")
    first.create_signer("release", "p256", ci="operator")
    with build(module_file, tmp_path, api_key, first, second) as loop:
        for killed in (first, second, first):
            loop.await_more()
            killed.kill()
            loop.await_more()
            killed.start(killed.again())
        loop.await_more()
        signatures = loop.finish()
    # None failed; of none were there two, although calls were made again at the other node.
    assert recorded(first) == ["succeeded"] * len(signatures)


def test_a_server_that_is_restarted_in_the_middle_is_not_noticed(
    own_plane: ControlPlane, module_file: Path, tmp_path: Path
) -> None:
    api_key = own_plane.create_machine("ci")
    own_plane.create_signer("release", "p256", ci="operator")
    with build(module_file, tmp_path, api_key, own_plane) as loop:
        for end in (own_plane.stop, own_plane.kill):
            loop.await_more()
            end()
            own_plane.start(own_plane.again())
            loop.await_more()
        signatures = loop.finish()
    assert recorded(own_plane) == ["succeeded"] * len(signatures)

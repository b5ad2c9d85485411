"""The log as other people's programs read it: golang.org/x/mod's notes and tiles (read-log),
transparency-dev's receipts and consistency (verify-receipt), Tessera's fsck, litewitness."""

import hashlib
import json
import os
import re
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from controlplane.audit.log import append
from controlplane.domain.identifier import new_id
from controlplane.domain.model import OperationKind
from controlplane.domain.operation import Entry
from controlplane.domain.tree import TILE_WIDTH, leaf_hash, root_at, root_over
from controlplane.keys.encrypted import EncryptedKeys
from controlplane.keys.master_key import MasterKey, load_master_key
from controlplane.service.installation import existing_store, proven_store
from controlplane.service.location import Location
from controlplane.service.log_signing import LogSigning
from controlplane.store.dialect import ask
from controlplane.witnesses.exchange import post
from controlplane.witnesses.protocol import submission
from tests.foreign.conftest import PROGRAMS
from tests.server import COMMAND, ControlPlane, running, surroundings

ROWS = 10_000
HANGS_SECONDS = 15
"""fsck never ends once it has marked a bad entry: so long is enough for all that is well."""


@dataclass(frozen=True)
class Ended:
    code: int
    said: str


def run(*command: str | Path, seconds: float = 120, **more: str) -> Ended:
    """`code` -1: it did not end."""
    try:
        ended = subprocess.run(
            [PROGRAMS / command[0], *command[1:]],
            env=os.environ | more,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        return Ended(-1, (late.stdout or b"").decode())
    return Ended(ended.returncode, ended.stdout)


@dataclass(frozen=True)
class Log:
    plane: ControlPlane
    folder: Path

    @property
    def address(self) -> str:
        return f"{self.plane.url}/v1/log"

    @property
    def token(self) -> str:
        return self.plane.admin_key

    @property
    def location(self) -> Location:
        return Location(self.plane.folder / "data")

    def sealwright(self, *arguments: str | Path) -> Ended:
        ended = subprocess.run(
            [*COMMAND, *map(str, arguments)],
            env=surroundings(self.folder)
            | {"SEALWRIGHT_URL": self.plane.url, "SEALWRIGHT_API_KEY": self.token},
            capture_output=True,
            text=True,
            check=False,
        )
        return Ended(ended.returncode, ended.stdout + ended.stderr)

    @property
    def key(self) -> str:
        return self.sealwright("log", "key").said.split()[0]

    def keep_checkpoint(self, name: str) -> Path:
        file = self.folder / name
        file.write_text(self.plane.client().log_checkpoint())
        return file

    def receipt(self, sequence: int, *more: str) -> Path:
        file = self.folder / f"{sequence}.tlog-proof"
        ended = self.sealwright("receipt", "get", str(sequence), *more)
        assert ended.code == 0, ended.said
        file.write_text(ended.said)
        return file

    def grow(self, rows: int) -> None:
        store = proven_store(self.location)
        at = datetime.now(UTC)
        entries = [
            Entry(new_id(), at, OperationKind.SIGN, "ci", signer="release") for _ in range(rows)
        ]
        with store.closing(), store.write() as database:
            append(database, entries)

    def read(self, *kept: Path) -> Ended:
        return run("read-log", self.address, self.key, *kept, TOKEN=self.token)

    def fsck(self) -> Ended:
        key = self.folder / "log.key"
        key.write_text(self.key)
        where = ("-storage_url", f"{self.address}/", "-bearer_token", self.token)
        return run("fsck", "-ui=false", *where, "-public_key", key, seconds=HANGS_SECONDS)

    def verify(self, receipt: Path, *witnesses: str) -> Ended:
        command: tuple[str | Path, ...] = ("verify-receipt", self.key, receipt, *witnesses)
        return run(*command, LOG=self.address, TOKEN=self.token)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    with running(tmp_path / "plane") as plane:
        yield Log(plane, tmp_path)


def test_all_of_it_is_there_and_one_bent_row_is_found(log: Log) -> None:
    early = log.keep_checkpoint("early")
    first = log.receipt(2)
    log.grow(ROWS)
    assert log.sealwright("log", "check", early, "--log-key", log.key).code == 0

    whole = log.read(early)
    size = int(log.plane.client().log_checkpoint().splitlines()[1])
    assert size >= ROWS
    assert (whole.code, f"all {size} entries are in the tree" in whole.said) == (0, True)
    assert "nothing before entry" in whole.said
    assert f"Successfully fsck'd log with size {size}" in log.fsck().said
    for receipt in (first, log.receipt(ROWS // 2)):
        verified = log.verify(receipt)
        assert (verified.code, "part of the log" in verified.said) == (0, True), verified.said

    bend_row(log, 777)
    bent = log.read()
    assert (bent.code, "entry 776 is not in the tree" in bent.said) == (1, True), bent.said
    assert f"1 of {size} entries" in bent.said
    assert "Successfully" not in log.fsck().said
    # The receipts that others have do not depend on what the store says now.
    assert log.verify(first).code == 0


def bend_row(log: Log, sequence: int) -> None:
    """Behind the server's back, past the triggers, with a hash that would be its own."""
    store = existing_store(log.location)
    with store.closing(), store.write() as database:
        ask(database, "DROP TRIGGER operations_never_updated", ())
        ask(
            database,
            f"UPDATE operations SET actor = 'mallory', row_hash = '{'ab' * 32}' "
            f"WHERE sequence = {sequence}",
            (),
        )


def test_a_receipt_and_a_checkpoint_do_not_fit_a_log_that_was_rewritten(log: Log) -> None:
    """Whoever has the key signs another log of the same name."""
    kept, receipt = log.keep_checkpoint("kept"), log.receipt(2)
    size = int(kept.read_text().splitlines()[1])
    with rewritten(log, size + 100) as address:
        refused = run("verify-receipt", log.key, receipt, LOG=address)
        assert (refused.code, "the log was rewritten" in refused.said) == (1, True), refused.said
        refused = run("read-log", address, log.key, kept)
        assert f"all {size + 100} entries are in the tree" in refused.said
        assert (refused.code, "the log was rewritten" in refused.said) == (1, True), refused.said


def forge(log: Log, size: int, root: bytes) -> str:
    """A checkpoint by the log's own key."""
    store = proven_store(log.location)
    with store.closing():
        signing = LogSigning(store, EncryptedKeys(master_key_of(log)), lambda: datetime.now(UTC))
        signing.begin()
        return signing.sign(size, root).note


def master_key_of(log: Log) -> MasterKey:
    return load_master_key(log.location.recalled().master_key_path)


@contextmanager
def rewritten(log: Log, size: int) -> Iterator[str]:
    """The address of a log of others' rows."""
    entries = [hashlib.sha256(b"%d" % index).digest() for index in range(size)]
    assert size < TILE_WIDTH
    leaves = [leaf_hash(entry.hex()) for entry in entries]

    def node(level: int, index: int) -> bytes:
        width = 1 << level
        return root_over(leaves[index * width : (index + 1) * width])

    folder = log.folder / "rewritten"
    (folder / "tile" / "0" / "000.p").mkdir(parents=True)
    (folder / "tile" / "entries" / "000.p").mkdir(parents=True)
    (folder / "checkpoint").write_text(forge(log, size, root_at(size, node)))
    (folder / "tile" / "0" / "000.p" / str(size)).write_bytes(b"".join(leaves))
    bundle = b"".join(len(each).to_bytes(2) + each for each in entries)
    (folder / "tile" / "entries" / "000.p" / str(size)).write_bytes(bundle)
    handler = partial(QuietHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """To nobody."""


@dataclass(frozen=True)
class Litewitness:
    url: str
    key: str


@contextmanager
def litewitness(folder: Path, log: Log) -> Iterator[Litewitness]:
    """With an SSH agent that has its key, and this log in its store."""
    folder.mkdir()
    store, key_file, agent = folder / "w.db", folder / "id", folder / "agent"
    origin = log.key.partition("+")[0]
    assert run("witnessctl", "add-log", "-db", store, "-origin", origin).code == 0
    add_key = ("witnessctl", "add-key", "-db", store, "-origin", origin, "-key", log.key)
    assert run(*add_key).code == 0
    make_key: list[str | Path] = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key_file]
    subprocess.run(make_key, check=True)
    show_key: list[str | Path] = ["ssh-keygen", "-lf", key_file]
    shown = subprocess.run(show_key, capture_output=True, text=True, check=True)
    with subprocess.Popen(["ssh-agent", "-D", "-a", agent], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()  # it listens
        environment = os.environ | {"SSH_AUTH_SOCK": str(agent)}
        subprocess.run(["ssh-add", "-q", key_file], env=environment, check=True)
        try:
            options = ("-name", "witness.example/w1", "-db", store, "-ssh-agent", agent)
            with started(folder, *options, "-key", shown.stdout.split()[1]) as witness:
                yield witness
        finally:
            holder.terminate()


@contextmanager
def started(folder: Path, *options: str | Path) -> Iterator[Litewitness]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [PROGRAMS / "litewitness", "-listen", address, *options]
    with (folder / "log").open("wb") as said, subprocess.Popen(command, stderr=said) as process:
        try:
            listens = wait_for(lambda: f"addr={address}" in (folder / "log").read_text())
            assert listens, (folder / "log").read_text()
            found = re.search(r"vkey=(\S+)", (folder / "log").read_text())
            assert found is not None
            yield Litewitness(f"http://{address}", found[1])
        finally:
            process.terminate()


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)  # between two looks
    return False


def submit(log: Log) -> dict[str, Any]:
    """By a server that starts, which has all to do; how it went, once it did."""
    log.plane.stop()
    log.plane.start(log.plane.again())

    def look() -> dict[str, Any]:
        listed = log.sealwright("log", "witness", "list", "--json")
        (one,) = json.loads(listed.said)["items"]
        return dict(one)

    assert wait_for(lambda: look()["succeeded_at"] or look()["failed_at"])
    return look()


def test_litewitness_signs_what_receipts_then_show(log: Log, tmp_path: Path) -> None:
    log.keep_checkpoint("begun")
    with litewitness(tmp_path / "witness", log) as witness:
        added = log.sealwright("log", "witness", "add", witness.url, witness.key)
        assert added.code == 0, added.said
        one = submit(log)
        assert (one["failure"], one["name"]) == (None, "witness.example/w1")
        receipt = log.receipt(2, "--witnessed")
        verified = log.verify(receipt, witness.key)
        assert (verified.code, "1 witnesses" in verified.said) == (0, True), verified.said
        offline = ("receipt", "verify", receipt, "--log-key", log.key, "--witness", witness.key)
        checked = log.sealwright(*offline)
        assert checked.code == 0, checked.said


def test_litewitness_refuses_a_fork(log: Log, tmp_path: Path) -> None:
    size = int(log.keep_checkpoint("begun").read_text().splitlines()[1])
    with litewitness(tmp_path / "witness", log) as witness:
        other = forge(log, size, bytes(32))
        answer = post(f"{witness.url}/add-checkpoint", submission(0, [], other))
        assert answer.status == 200
        added = log.sealwright("log", "witness", "add", witness.url, witness.key)
        assert added.code == 0, added.said
        one = submit(log)
        assert (one["size"], one["succeeded_at"]) == (None, None)
        assert "what it signed before is not the beginning of this log" in one["failure"]

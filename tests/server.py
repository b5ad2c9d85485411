"""A control plane as people run it: `sealwright init` and `serve`, in a scratch folder."""

import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from controlplane.service.installation import initialise
from controlplane.service.location import Location
from sealwright.client.client import Client
from sealwright.client.connection import Connection
from sealwright.client.objects import Identity, Operation, Signer

START_SECONDS = 60
STOP_SECONDS = 30
COMMAND = [sys.executable, "-m", "sealwright.cli"]


class _Listening(msgspec.Struct):
    url: str


def surroundings(home: Path) -> dict[str, str]:
    """This process's environment without anybody's own configuration."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("SEALWRIGHT_", "SOFTHSM2_"))
    }
    root = str(Path(__file__).resolve().parents[1])
    search = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    return kept | {"HOME": str(home), "PYTHONPATH": os.pathsep.join(search)}


@dataclass
class ControlPlane:
    """One installation and, between `start` and `stop`, its server."""

    folder: Path
    admin_key: str = field(repr=False)
    serve_options: tuple[str, ...] = ()
    url: str = ""
    ca_file: Path | None = None
    """Of the authority that a server behind TLS is trusted by."""
    around: tuple[str, ...] = ()
    """A command that becomes the server, whose own follows it."""
    _process: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    @classmethod
    def install(
        cls, folder: Path, *serve_options: str, database: str | None = None
    ) -> "ControlPlane":
        """`database`: a URL; None for the SQLite file that is made by default. What `sealwright
        init` does, without its process."""
        made = initialise(Location(folder / "data", database))
        return cls(folder, made.api_key, serve_options)

    def join(self, folder: Path, database: str) -> "ControlPlane":
        """Another node of the same store, not started."""
        folder.mkdir(parents=True)
        key = folder / "master.key"
        shutil.copy(self.folder / "data" / "master.key", key)
        subprocess.run(
            [
                *(*COMMAND, "init", "--join", "--data-dir", str(folder / "data")),
                *("--database", database, "--master-key-file", str(key)),
            ],
            env=surroundings(folder),
            capture_output=True,
            check=True,
        )
        return ControlPlane(folder, self.admin_key)

    def start(self, bind: str = "127.0.0.1:0") -> None:
        """Listens when it returns; on the same port as before with `bind=again()`."""
        options = ["--json", "--data-dir", str(self.folder / "data"), "--bind", bind]
        with (self.folder / "serve.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*self.around, *COMMAND, "serve", *options, "--workers", "1", *self.serve_options],
                env=surroundings(self.folder),
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        assert self._process.stdout is not None
        readable, _, _ = select.select([self._process.stdout], [], [], START_SECONDS)
        line = self._process.stdout.readline() if readable else b""
        if not line:
            self.kill()
            raise RuntimeError(f"the server did not start: {self.log}")
        self.url = msgspec.json.decode(line, type=_Listening).url

    @property
    def log(self) -> str:
        return (self.folder / "serve.log").read_text()

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    @property
    def pid(self) -> int:
        """Of the main process, which starts the workers."""
        assert self._process is not None
        return self._process.pid

    def workers(self) -> list[int]:
        """Process ids."""
        return [int(each) for each in children_of(self.pid)]

    def again(self) -> str:
        """Where it listens or listened, for `start`."""
        return f"127.0.0.1:{self.port}"

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL to the server and its workers."""
        self._end(signal.SIGKILL)

    def kill_main(self) -> None:
        """SIGKILL to the main process alone; the others are told to end, as systemd does it."""
        process, self._process = self._process, None
        assert process is not None
        assert process.stdout is not None
        process.kill()
        process.wait(STOP_SECONDS)
        process.stdout.close()
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)

    def _end(self, with_signal: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if with_signal is signal.SIGKILL:
            os.killpg(process.pid, with_signal)  # the session that it was started in
        else:
            process.send_signal(with_signal)
        process.wait(STOP_SECONDS)
        assert process.stdout is not None
        process.stdout.close()

    def client(self, api_key: str | None = None) -> Client:
        """As the admin, unless another key is given."""
        key = self.admin_key if api_key is None else api_key
        named = {"SEALWRIGHT_URL": self.url, "SEALWRIGHT_API_KEY": key}
        if self.ca_file is not None:
            named["SEALWRIGHT_CA_FILE"] = str(self.ca_file)
        return Client(Connection.resolve(named))

    def command(self, *arguments: str) -> list[str]:
        """`sealwright ARGUMENTS`, to be run in `environment()`."""
        return [*COMMAND, *arguments]

    def environment(self, api_key: str | None = None) -> dict[str, str]:
        """Of a command that calls this server: as the admin, unless another key is given."""
        key = self.admin_key if api_key is None else api_key
        return surroundings(self.folder) | {
            "SEALWRIGHT_URL": self.url,
            "SEALWRIGHT_API_KEY": key,
        }

    def create_machine(self, name: str) -> str:
        """Its API key."""
        return key_of(self.client().create_identity(name, "machine").value)

    def create_signer(self, name: str, key: str, **members: str) -> Signer:
        """`members`: role of each identity."""
        client = self.client()
        signer = client.create_signer(name, key, f"ACME {name}").value
        for identity, role in members.items():
            client.add_member(name, identity, role)
        return signer

    def signings(self, signer: str) -> list[Operation]:
        """The audit rows of calls to sign, newest first."""
        client, rows, cursor = self.client(), list[Operation](), None
        while True:
            page = client.operations(limit=1000, cursor=cursor, signer=signer, kind="sign").value
            rows += page.items
            cursor = page.next
            if cursor is None:
                return rows


def children_of(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def key_of(identity: Identity) -> str:
    assert identity.api_key is not None
    return identity.api_key


@contextmanager
def running(
    folder: Path, *serve_options: str, database: str | None = None
) -> Iterator[ControlPlane]:
    """An installation of its own, with its server listening on a free loopback port."""
    folder.mkdir(parents=True, exist_ok=True)
    control_plane = ControlPlane.install(folder, *serve_options, database=database)
    control_plane.start()
    try:
        yield control_plane
    finally:
        control_plane.kill()

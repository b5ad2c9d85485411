"""The two systems that are compared, each in a scratch directory, ready to sign."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from sealwright.client.client import Client
from sealwright.client.connection import Connection
from sealwright.module import module_path

KEYS = {"rsa-3072": "RSA:3072", "p256": "EC:prime256v1"}
"""Sealwright's name of each kind of key, which is also its token's label, and pkcs11-tool's."""

_ROOT = Path(__file__).resolve().parents[1]
_SOFTHSM = Path("/usr/lib/softhsm/libsofthsm2.so")
_P11_KIT_CLIENT = "pkcs11/p11-kit-client.so"
_PIN = "1234"
_LISTENING = "sealwright is listening on "

MACHINE = "builder"
"""The identity that signs."""


@dataclass(frozen=True, slots=True)
class Build:
    """Whose Sealwright: its command, what its processes find in their environment, its module."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    module: Path


PRESENT = Build("Sealwright", (sys.executable, "-P", "-m", "sealwright.cli"), {}, module_path())
"""That of this tree. Started as others are: their start counts too."""


@dataclass(frozen=True, slots=True)
class System:
    """A module with one token a kind of key, and what a process needs to use it."""

    name: str
    module: Path
    environment: Mapping[str, str]
    pin: str | None
    admin_key: str = ""  # from here on: of Sealwright
    data: Path = Path()
    server: int = 0  # its process; the others are its children

    @property
    def url(self) -> str:
        return self.environment["SEALWRIGHT_URL"]

    @property
    def api_key(self) -> str:
        return self.environment["SEALWRIGHT_API_KEY"]


class _ApiKey(msgspec.Struct):
    api_key: str


def _surroundings(home: Path) -> dict[str, str]:
    """This process's environment, without anybody's own configuration of either system."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("SEALWRIGHT_", "SOFTHSM2_"))
    }
    return kept | {"HOME": str(home)}


def run(arguments: list[str], environment: Mapping[str, str]) -> bytes:
    """What the command says on stdout; RuntimeError with what it says on stderr if it fails."""
    done = subprocess.run(arguments, env=environment, capture_output=True, check=False)
    if done.returncode != 0:
        begin = " ".join([Path(arguments[0]).name, *arguments[1:5]])
        raise RuntimeError(f"{begin}: {done.stderr.decode()}")
    return done.stdout


@contextmanager
def sealwright(
    scratch: Path,
    workers: int,
    threads: int,
    build: Build = PRESENT,
    *,
    database: str | None = None,
    server_command: Sequence[str] | None = None,
    more: Mapping[str, str] | None = None,
) -> Iterator[System]:
    """A control plane of its own on a free loopback port, and a machine that may sign.

    `database` is the URL of an empty one, by default a SQLite file. `server_command` stands for the
    command when the server is started, with `more` environment.
    """
    surroundings = _surroundings(scratch)
    environment = {**surroundings, **build.environment}
    data = scratch / "data"
    stored = [] if database is None else ["--database", database]
    admin = msgspec.json.decode(
        run([*build.command, "init", "--data-dir", str(data), *stored, "--json"], environment),
        type=_ApiKey,
    ).api_key
    serve = [*(server_command or build.command), "serve", "--data-dir", str(data)]
    with _serving(serve, workers, threads, {**environment, **(more or {})}) as (url, server):
        as_admin = environment | {"SEALWRIGHT_URL": url, "SEALWRIGHT_API_KEY": admin}
        create = [*build.command, "identity", "create", MACHINE, "--kind", "machine", "--json"]
        machine = msgspec.json.decode(run(create, as_admin), type=_ApiKey).api_key
        for key in KEYS:
            named = ["--key", key, "--common-name", f"Bench {key}"]
            run([*build.command, "signer", "create", key, *named], as_admin)
            run([*build.command, "member", "add", key, MACHINE, "--role", "operator"], as_admin)
        # Who measures is of this tree, whoever serves.
        as_machine = surroundings | {"SEALWRIGHT_URL": url, "SEALWRIGHT_API_KEY": machine}
        yield System(build.name, build.module, as_machine, None, admin, data, server)


@contextmanager
def another_node(
    first: System, database: str, scratch: Path, workers: int, threads: int
) -> Iterator[System]:
    """Of the store of `first`, which is at `database`; the same machine may sign."""
    data = scratch / "data"
    environment = _surroundings(scratch)
    store = ["--database", database, "--master-key-file", str(first.data / "master.key")]
    run([*PRESENT.command, "init", "--join", "--data-dir", str(data), *store], environment)
    serve = [*PRESENT.command, "serve", "--data-dir", str(data)]
    with _serving(serve, workers, threads, environment) as (url, server):
        as_machine = {**first.environment, "SEALWRIGHT_URL": url}
        yield replace(first, environment=as_machine, data=data, server=server)


@contextmanager
def _serving(
    serve: Sequence[str], workers: int, threads: int, environment: Mapping[str, str]
) -> Iterator[tuple[str, int]]:
    """The server's URL and its process."""
    size = ["--workers", str(workers), "--threads", str(threads)]
    with tempfile.TemporaryFile() as log:
        server = subprocess.Popen(
            [*serve, "--bind", "127.0.0.1:0", *size],
            env=environment,
            cwd=_ROOT,
            stdout=subprocess.PIPE,
            stderr=log,
        )
        try:
            assert server.stdout is not None  # noqa: S101  # it was asked for
            line = server.stdout.readline().decode()
            if not line.startswith(_LISTENING):
                log.seek(0)
                raise RuntimeError(f"the server did not start: {log.read().decode()}")
            yield line.removeprefix(_LISTENING).strip(), server.pid
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait()


def administrator(system: System) -> Client:
    """Who may create identities and signers there."""
    told = {"SEALWRIGHT_URL": system.url, "SEALWRIGHT_API_KEY": system.admin_key}
    return Client(Connection.resolve(told))


def create_machine(admin: Client, name: str) -> str:
    """Its API key."""
    api_key = admin.create_identity(name, "machine").value.api_key
    if api_key is None:
        raise RuntimeError("an identity was created without a key")
    return api_key


def processes(server: int) -> list[int]:
    """The server's process and its children."""
    children = Path(f"/proc/{server}/task/{server}/children").read_text().split()
    return [server, *map(int, children)]


def cpu_seconds(server: int) -> float:
    """That the server and its children have used so far; ticks of 10 ms."""
    ticks = 0
    for process in processes(server):
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])  # utime, stime of proc(5)
    return ticks / os.sysconf("SC_CLK_TCK")


def peak_mib(process: int) -> float:
    """Resident memory since it was executed; 0 once it has ended."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0


@contextmanager
def softhsm(scratch: Path) -> Iterator[System]:
    """SoftHSM2 with its tokens in files. Raises RuntimeError if it is not installed."""
    if shutil.which("softhsm2-util") is None or not _SOFTHSM.is_file():
        raise RuntimeError("SoftHSM2 is not installed: apt-get install softhsm2")
    tokens = scratch / "tokens"
    tokens.mkdir()
    configuration = scratch / "softhsm2.conf"
    configuration.write_text(f"directories.tokendir = {tokens}\nlog.level = ERROR\n")
    environment = _surroundings(scratch) | {"SOFTHSM2_CONF": str(configuration)}
    for key, kind in KEYS.items():
        pins = ["--so-pin", _PIN, "--pin", _PIN]
        run(
            ["softhsm2-util", "--init-token", "--free", "--label", key, *pins],
            environment,
        )
        token = ["--module", str(_SOFTHSM), "--token-label", key, "--login", "--pin", _PIN]
        make = ["--keypairgen", "--key-type", kind, "--label", key, "--id", "01"]
        run(["pkcs11-tool", *token, *make], environment)
    yield System("SoftHSM2", _SOFTHSM, environment, _PIN)


@contextmanager
def p11_kit(theirs: System, scratch: Path) -> Iterator[System]:
    """The same tokens in a process of their own, over a unix socket: `p11-kit server`."""
    clients = sorted(Path("/usr/lib").glob(f"*/{_P11_KIT_CLIENT}"))
    if shutil.which("p11-kit") is None or not clients:
        raise RuntimeError("p11-kit is not installed: apt-get install p11-kit p11-kit-modules")
    socket = scratch / "p11-kit.socket"
    arguments = ["--provider", str(theirs.module), "--name", str(socket), "pkcs11:"]
    environment = {**theirs.environment, "XDG_RUNTIME_DIR": str(scratch)}
    server = subprocess.Popen(
        ["p11-kit", "server", "--foreground", *arguments],
        env=environment,
        stdout=subprocess.PIPE,
    )
    try:
        assert server.stdout is not None  # noqa: S101  # it was asked for
        line = server.stdout.readline().decode()  # P11_KIT_SERVER_ADDRESS=unix:path=…;
        name, _, address = line.split(";")[0].strip().partition("=")
        if name != "P11_KIT_SERVER_ADDRESS":
            raise RuntimeError(f"p11-kit server did not start: {line}")
        yield System(
            "SoftHSM2 behind p11-kit", clients[0], {**environment, name: address}, theirs.pin
        )
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait()

"""A real PostgreSQL server of the distribution, in a folder of its own."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

START_SECONDS = 60
_ACCOUNT = "postgres"  # it refuses to run as root


@dataclass
class PostgresqlServer:
    """Listens on loopback and on a unix socket in its folder; anybody there may connect."""

    folder: Path
    port: int
    _process: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)
    _databases: int = 0

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(_program("postgres"), "-D", str(self.folder / "data")),
                    *("-h", "127.0.0.1", "-p", str(self.port), "-k", str(self.folder)),
                    *("-c", "max_connections=250"),
                    *("-c", "fsync=off"),  # no test takes the machine's power away
                ],
                stdout=log,
                stderr=log,
                **_as_owner(),  # type: ignore[call-overload]
            )
        ready = [_program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port), "-t", "1"]
        for _ in range(START_SECONDS * 10):
            if subprocess.run(ready, check=False).returncode == 0:
                return
            if self._process.poll() is not None:
                break
            self._process_wait(0.1)
        raise RuntimeError(f"PostgreSQL did not start: {(self.folder / 'log').read_text()}")

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT: drops its connections; SIGQUIT: as if the machine had failed."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(how)
            process.wait(START_SECONDS)

    def new_database(self) -> str:
        """The URL of an empty one."""
        self._databases += 1
        name = f"test_{self._databases}"
        self.run(f"CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0", database="postgres")
        return self.url(name)

    def copy_database(self, name: str) -> str:
        """The name of a copy of this one, to which nobody may be connected."""
        self._databases += 1
        copy = f"test_{self._databases}"
        self.run(f"CREATE DATABASE {copy} TEMPLATE {name}", database="postgres")
        return copy

    def copy_by_dump(self, url: str) -> str:
        """The URL of another database, made by pg_restore of what pg_dump wrote of this one."""
        copy, dump = self.new_database(), self.folder / "dump"
        for command in (
            ["pg_dump", "--format=custom", f"--file={dump}", url],
            ["pg_restore", "--exit-on-error", f"--dbname={copy}", str(dump)],
        ):
            program, *arguments = command
            done = subprocess.run(
                [_program(program), *arguments], capture_output=True, text=True, check=False
            )
            if done.returncode != 0:
                raise RuntimeError(done.stderr)
        dump.unlink()
        return copy

    def url(self, database: str) -> str:
        return f"postgresql://sealwright@127.0.0.1:{self.port}/{database}"

    def run(self, statement: str, *, database: str) -> str:
        """What psql prints of it: rows as lines, columns with | between them."""
        done = subprocess.run(
            [
                *(_program("psql"), "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1"),
                *("-c", statement, self.url(database)),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        return done.stdout

    def run_when_nobody_reads(self, statement: str, *, database: str) -> None:
        """What locks tables that a server reads now and then: again after a deadlock with it."""
        while True:
            try:
                self.run(statement, database=database)
            except RuntimeError as fault:
                if "deadlock detected" not in str(fault):
                    raise
            else:
                return

    def _process_wait(self, seconds: float) -> None:
        assert self._process is not None
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return


@contextmanager
def running_postgresql() -> Iterator[PostgresqlServer]:
    # Not below pytest's folders: those are closed to the account that the server runs as.
    folder = Path(tempfile.mkdtemp(prefix="sealwright-pg-"))
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, _ACCOUNT)
        subprocess.run(
            [
                *(_program("initdb"), "-D", str(folder / "data"), "-U", "sealwright"),
                *("-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"),
            ],
            check=True,
            capture_output=True,
            **_as_owner(),  # type: ignore[call-overload]
        )
        server = PostgresqlServer(folder, _free_port())
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresqlServer]:
    """Shared: each test that changes more than a database of its own starts one of its own."""
    with running_postgresql() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> str | None:
    """The URL of a new store: None for the SQLite file that is made by default."""
    return database_for(request)


def database_for(request: pytest.FixtureRequest) -> str | None:
    """The same for fixtures of any scope that have such parameters."""
    if request.param == "sqlite":
        return None
    server: PostgresqlServer = request.getfixturevalue("postgresql")
    return server.new_database()


def _program(name: str) -> str:
    """The newest that is installed."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=_version)
    if not found:
        raise RuntimeError("PostgreSQL is not installed")
    return str(found[-1])


def _version(path: Path) -> int:
    return int(path.parts[-3])


def _as_owner() -> dict[str, object]:
    if os.geteuid() != 0:
        return {}
    account = pwd.getpwnam(_ACCOUNT)
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": [], "cwd": "/"}


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
    return port

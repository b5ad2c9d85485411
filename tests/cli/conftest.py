"""The real command against a real server, both as processes."""

import json
import os
import select
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

COMMAND = [sys.executable, "-m", "sealwright.cli"]
START_SECONDS = 30
RUN_SECONDS = 60
READY = "sealwright is listening on "


def clean_environment() -> dict[str, str]:
    """This process's, without what would tell the command where and who."""
    return {name: value for name, value in os.environ.items() if "SEALWRIGHT" not in name}


@dataclass(frozen=True)
class Run:
    """A command that has ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


def run(
    *arguments: str | Path, given: bytes = b"", environment: Mapping[str, str] | None = None
) -> Run:
    """`sealwright ARGUMENTS` with `given` on stdin and SEALWRIGHT_* from `environment` only."""
    ended = subprocess.run(
        [*COMMAND, *map(str, arguments)],
        input=given,
        capture_output=True,
        env=clean_environment() | dict(environment or {}),
        timeout=RUN_SECONDS,
        check=False,
    )
    return Run(ended.returncode, ended.stdout.decode(), ended.stderr.decode())


class Server:
    """`sealwright serve`, from its line that says where until it is stopped."""

    def __init__(self, *arguments: str | Path) -> None:
        self.process = subprocess.Popen(
            [*COMMAND, "serve", *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=clean_environment(),
        )
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], START_SECONDS)
        line = self.process.stdout.readline().decode() if ready else ""
        if not line.startswith(READY):
            raise AssertionError(f"the server did not start: {line}{self.stop()}")
        self.url = line.removeprefix(READY).strip()

    def stop(self) -> str:
        """What it logged."""
        self.process.terminate()
        _, logged = self.process.communicate(timeout=START_SECONDS)
        return logged.decode()


@dataclass(frozen=True)
class ControlPlane:
    """A server on an installation of its own, and its admin."""

    url: str
    data_dir: Path
    admin_key_file: Path

    def run(self, *arguments: str | Path, given: bytes = b"", key_file: Path | None = None) -> Run:
        """As the admin, or whoever has the key in `key_file`."""
        environment = {
            "SEALWRIGHT_URL": self.url,
            "SEALWRIGHT_API_KEY_FILE": str(key_file or self.admin_key_file),
        }
        return run(*arguments, given=given, environment=environment)

    def json(self, *arguments: str | Path, key_file: Path | None = None) -> Any:
        """The object that a command prints which has to succeed."""
        ended = self.run(*arguments, "--json", key_file=key_file)
        assert ended.code == 0, ended.err
        return ended.json()


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    folder = tmp_path_factory.mktemp("cli")
    key_file = folder / "admin.key"
    made = run("init", "--data-dir", folder / "data", "--key-out", key_file)
    assert made.code == 0, made.err
    server = Server("--data-dir", folder / "data", "--bind", "127.0.0.1:0")
    yield ControlPlane(server.url, folder / "data", key_file)
    server.stop()

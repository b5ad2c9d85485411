"""The real command against a real server, both as processes."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.server import COMMAND, ControlPlane, surroundings

RUN_SECONDS = 60
NOWHERE = Path("/nonexistent")
"""The home of somebody who has configured nothing."""


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
        env=surroundings(NOWHERE) | dict(environment or {}),
        timeout=RUN_SECONDS,
        check=False,
    )
    return Run(ended.returncode, ended.stdout.decode(), ended.stderr.decode())


@dataclass(frozen=True)
class Caller:
    """Somebody with an API key at a server."""

    url: str
    key_file: Path

    def run(self, *arguments: str | Path) -> Run:
        environment = {
            "SEALWRIGHT_URL": self.url,
            "SEALWRIGHT_API_KEY_FILE": str(self.key_file),
        }
        return run(*arguments, environment=environment)

    def json(self, *arguments: str | Path) -> Any:
        """The object that a command prints which has to succeed."""
        ended = self.run(*arguments, "--json")
        assert ended.code == 0, ended.err
        return ended.json()


@pytest.fixture(scope="session")
def admin(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Caller:
    key_file = tmp_path_factory.mktemp("admin") / "admin.key"
    key_file.touch(mode=0o600)
    key_file.write_text(control_plane.admin_key)
    return Caller(control_plane.url, key_file)


@pytest.fixture
def machine(admin: Caller, tmp_path: Path) -> Caller:
    """A machine that the test has to itself, named after its key file's folder."""
    key_file = tmp_path / "machine.key"
    admin.json("identity", "create", tmp_path.name, "--kind", "machine", "--key-out", key_file)
    return Caller(admin.url, key_file)

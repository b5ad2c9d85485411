"""The real command against a real server; as a process of its own where that makes a difference."""

import json
import os
import subprocess
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from sealwright.cli.run import run as run_here
from tests.server import COMMAND, ControlPlane, surroundings

RUN_SECONDS = 60
KEY = "swk_" + "k" * 43
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


def call(url: str, *arguments: str) -> Run:
    """`sealwright ARGUMENTS` at this URL with KEY, which never shows."""
    ended = run(*arguments, environment={"SEALWRIGHT_URL": url, "SEALWRIGHT_API_KEY": KEY})
    assert KEY not in ended.out + ended.err
    return ended


def ask(url: str, *arguments: str) -> Run:
    """The same in this process, which is quicker."""
    ended = run_in_this_process(
        *arguments, environment={"SEALWRIGHT_URL": url, "SEALWRIGHT_API_KEY": KEY}
    )
    assert KEY not in ended.out + ended.err
    return ended


def run_in_this_process(*arguments: str | Path, environment: Mapping[str, str]) -> Run:
    """As `run`, for one thread at a time."""
    out, err = (TextIOWrapper(BytesIO(), encoding="utf-8", newline="") for _ in range(2))
    with (
        patch.dict(os.environ, surroundings(NOWHERE) | dict(environment), clear=True),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        code = run_here([str(each) for each in arguments])
    texts = []
    for stream in (out, err):
        stream.flush()
        stream.seek(0)
        texts.append(stream.read())
    return Run(code, *texts)


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
        return run_in_this_process(*arguments, environment=environment)

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

"""Each command loads what it needs and no more: it stands in scripts and in $(…)."""

import subprocess
import sys

import pytest

from tests.cli.conftest import NOWHERE
from tests.server import surroundings

IMPORTED = """
import contextlib, io, sys
from sealwright.cli.run import run
with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
    run(sys.argv[1:])
print(*sorted(sys.modules))
"""


def imported_by(*arguments: str) -> set[str]:
    ended = subprocess.run(
        [sys.executable, "-c", IMPORTED, *arguments],
        capture_output=True,
        text=True,
        env=surroundings(NOWHERE),
        check=True,
    )
    return set(ended.stdout.split())


@pytest.mark.parametrize("arguments", [["module", "path"], ["init", "--help"], ["serve", "--help"]])
def test_commands_that_call_no_server_load_no_http(arguments: list[str]) -> None:
    assert not {"urllib3", "ssl", "falcon", "cryptography", "rich"} & imported_by(*arguments)


@pytest.mark.parametrize(
    "arguments",
    [["signer", "list"], ["policy", "edit", "p", "--step", "none"], ["request", "approve", "r"]],
)
def test_commands_that_call_the_server_load_nothing_of_it(arguments: list[str]) -> None:
    loaded = imported_by(*arguments, "--url", "unix:/nonexistent")
    assert "urllib3" in loaded
    assert not {"controlplane", "falcon", "peewee", "cryptography", "rich"} & loaded


def test_names_of_algorithms_are_the_servers_and_load_nothing_else_of_it() -> None:
    loaded = imported_by("signer", "create", "release", "--key", "unknown")
    assert "controlplane.algorithms.kinds" in loaded
    assert not {"controlplane.domain", "falcon", "peewee"} & loaded


def test_verifying_an_export_loads_no_server_and_no_http() -> None:
    loaded = imported_by("audit", "verify", "-")
    assert "controlplane.audit.verification" in loaded
    assert not {"urllib3", "falcon", "gunicorn", "cryptography"} & loaded

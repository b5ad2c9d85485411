"""sealwright-module, with nothing but Python: it ends with a sentence whatever is around it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-m", "sealwright.module"]


def run(
    *arguments: str, stdout: int | None = subprocess.PIPE, script: str = 'exec "$@"'
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["sh", "-c", script, "sh", *COMMAND, *arguments],
        env={name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ},
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )


def test_it_says_where_the_module_is(module_file: Path) -> None:
    assert run("path").stdout.endswith(f"{module_file.name}\n")


@pytest.mark.parametrize("command", ["path", "doctor"])
@pytest.mark.parametrize("stdout", [">&-", "> /dev/full"])
def test_without_a_stdout_it_ends_with_a_sentence(command: str, stdout: str) -> None:
    ended = run(command, script=f'exec "$@" {stdout}')
    assert ended.returncode == 1
    assert ended.stderr.startswith("sealwright-module: ")
    assert len(ended.stderr.splitlines()) == 1


def test_without_a_home_or_a_variable_it_finds_nothing_configured() -> None:
    ended = run("doctor")
    assert ended.returncode in (0, 1)
    assert "Traceback" not in ended.stderr
    assert "configuration: no file; no variables" in ended.stdout

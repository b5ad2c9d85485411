"""`audit verify` tells what it was given: an export, sound or bent, or something else."""

import gzip
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import NOWHERE, Run, ask
from tests.cli.test_cli_verify import write_log
from tests.server import COMMAND, surroundings

ROWS = 12
ELSEWHERE = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write_log(tmp_path_factory.mktemp("log") / "log.ndjson", ROWS).read_bytes()


def verify(folder: Path, content: bytes, *options: str) -> Run:
    path = folder / "given"
    path.write_bytes(content)
    return ask(ELSEWHERE, "audit", "verify", str(path), *options)


def test_an_export_is_intact(tmp_path: Path, export: bytes) -> None:
    assert verify(tmp_path, export).code == 0


@pytest.mark.parametrize(
    ("of", "words"),
    [
        (lambda export: b"", "is empty"),
        (lambda export: b"\n \n", "nothing but white space"),
        (lambda export: b"SQLite format 3\0" + bytes(4096), "SQLite database.*--data-dir DIR"),
        (lambda export: gzip.compress(export), "gzip -dc"),
        (lambda export: export.decode().encode("utf-16"), "UTF-16"),
        (lambda export: bytes(range(256)) * 50, "binary"),
        (lambda export: b"<!DOCTYPE html><html></html>", "HTML"),
        (lambda export: b'{"items": [], "next": null}\n', "JSON of another kind"),
        (lambda export: b'{"rows": 12, "intact": true}\n', "JSON of another kind"),
        (lambda export: json.dumps(json.loads(export.splitlines()[0]), indent=1).encode(), "jq -c"),
        (lambda export: b"[" + b",".join(export.splitlines()) + b"]", "JSON of another kind"),
        (lambda export: b"sequence,created_at,actor\r\n1,2026-01-01T00:00:00Z,ci\r\n", "JSON"),
    ],
)
def test_what_is_no_export_is_wrong_usage_and_said(
    tmp_path: Path, export: bytes, of: object, words: str
) -> None:
    found = verify(tmp_path, of(export))  # type: ignore[operator]
    assert (found.code, found.out) == (2, "")
    assert re.search(words, found.err)
    assert "sealwright audit export > FILE" in found.err


@pytest.mark.parametrize(
    "first", [b"nonsense", b'{"sequence":1,"id":"018f', b"\xff\xfe", b"<html>"]
)
def test_an_export_whose_first_row_is_spoilt_is_bent(
    tmp_path: Path, export: bytes, first: bytes
) -> None:
    found = verify(tmp_path, b"\n".join([b"x" + first, *export.split(b"\n")[1:]]), "--json")
    assert (found.code, found.json()["first_bad_sequence"]) == (1, 1)


def test_an_export_that_is_cut_in_its_first_row_is_bent(tmp_path: Path, export: bytes) -> None:
    found = verify(tmp_path, export[:100], "--json")
    assert (found.code, found.json()["first_bad_sequence"]) == (1, 1)


@pytest.mark.parametrize("option", ["--expect-head", "--since-head"])
@pytest.mark.parametrize("head", ["xyz", "", "a" * 63, "g" * 64])
def test_a_head_that_is_no_hash_is_wrong_usage(
    tmp_path: Path, export: bytes, option: str, head: str
) -> None:
    found = verify(tmp_path, export, option, head)
    assert (found.code, found.out) == (2, "")
    assert "is no hash of a row, which has 64 hex digits" in found.err


def test_a_head_that_the_log_does_not_hold_is_a_bent_log(tmp_path: Path, export: bytes) -> None:
    for option in ("--expect-head", "--since-head"):
        found = verify(tmp_path, export, option, "A" * 64)
        assert found.code == 1
        assert "rows are missing, or were rewritten" in found.err


def test_from_a_noted_head_on_it_says_what_it_rests_on(tmp_path: Path, export: bytes) -> None:
    lines = export.splitlines(keepends=True)
    noted = json.loads(lines[7])["row_hash"].upper()
    bent_before = b"".join([lines[0].replace(b'"ci"', b'"mallory"'), *lines[1:]])
    found = verify(tmp_path, bent_before, "--since-head", noted, "--json")
    assert (found.code, found.json()) == (
        0,
        {
            "rows": ROWS - 8,
            "intact": True,
            "first_bad_sequence": None,
            "head": json.loads(lines[-1])["row_hash"],
            "since": 8,
            "approvals_before": 0,
        },
    )
    assert "checked from row 8 on" in found.err
    earlier = json.loads(lines[2])["row_hash"]
    found = verify(tmp_path, export, "--since-head", noted, "--expect-head", earlier)
    assert (found.code, "it was not looked for before" in found.err) == (1, True)
    assert verify(tmp_path, b"".join([*lines[:8], *lines[9:]]), "--since-head", noted).code == 1


@pytest.fixture
def verifying(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Of a log whose end does not come; with its helpers, where there are several CPUs."""
    log = write_log(tmp_path / "log.ndjson", 2000).read_bytes()  # some chunks
    with subprocess.Popen(
        [*COMMAND, "audit", "verify", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=surroundings(NOWHERE),
        start_new_session=True,
    ) as command:
        assert command.stdin is not None
        command.stdin.write(log)
        command.stdin.flush()
        while len(in_session(command.pid)) < 2 and len(os.sched_getaffinity(0)) > 1:
            time.sleep(0.01)
        yield command


def test_ctrl_c_ends_it_with_its_helpers_and_in_one_word(
    verifying: subprocess.Popen[bytes],
) -> None:
    os.killpg(verifying.pid, signal.SIGINT)
    out, err = verifying.communicate()
    assert (verifying.returncode, out, err) == (1, b"", b"Stopped.\n")
    assert in_session(verifying.pid) == []


def test_its_helpers_do_not_outlive_it(verifying: subprocess.Popen[bytes]) -> None:
    verifying.kill()
    verifying.communicate()  # ends when nobody has its stdout any more
    while in_session(verifying.pid):
        time.sleep(0.01)


def in_session(leader: int) -> list[int]:
    """Processes."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == leader and fields[0] != "Z":
            found.append(int(folder.name))
    return found

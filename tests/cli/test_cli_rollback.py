"""A store that went back in time, as who runs the server sees it: real servers, real commands."""

import json
import shutil
import sqlite3
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import RUN_SECONDS, Run
from tests.server import ControlPlane, running

PATIENCE = 20  # seconds until a condition that must come true counts as missed


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def run(plane: ControlPlane, *arguments: str, key: str | None = None) -> Run:
    ended = subprocess.run(
        plane.command(*arguments),
        env=plane.environment(key),
        capture_output=True,
        timeout=RUN_SECONDS,
        check=False,
    )
    return Run(ended.returncode, ended.stdout.decode(), ended.stderr.decode())


def refused_start(plane: ControlPlane, *options: str) -> dict[str, Any]:
    """What `sealwright serve --json` says that does not start."""
    data_dir = str(plane.folder / "data")
    ended = run(plane, "serve", "--json", "--data-dir", data_dir, "--bind", "127.0.0.1:0", *options)
    assert (ended.code, ended.out) == (1, "")
    error: dict[str, Any] = json.loads(ended.err.splitlines()[-1])["error"]
    return error


def noted(plane: ControlPlane) -> int:
    """The sequence number in the anchor."""
    return int(json.loads((plane.folder / "data" / "anchor.json").read_text())["sequence"])


def written(plane: ControlPlane) -> int:
    """That of the last row."""
    with closing(sqlite3.connect(plane.folder / "data" / "sealwright.db")) as database:
        (sequence,) = database.execute("SELECT sequence FROM audit_head").fetchone()
        return int(sequence)


@pytest.fixture
def plane(tmp_path: Path) -> Iterator[ControlPlane]:
    with running(tmp_path / "plane", "--workers", "2") as plane:
        yield plane


def test_a_store_that_was_exchanged_for_an_older_one(plane: ControlPlane) -> None:
    database = plane.folder / "data" / "sealwright.db"
    backup = plane.folder / "backup.db"
    key = plane.create_machine("ci")
    with closing(sqlite3.connect(database)) as open_:
        open_.execute("VACUUM INTO ?", (str(backup),))
    plane.client().disable_identity("ci")
    until(lambda: noted(plane) == written(plane))  # while it serves
    plane.client().enable_identity("ci")
    plane.stop()
    assert noted(plane) == written(plane)

    shutil.copy(backup, database)
    error = refused_start(plane)
    assert error["code"] == "store_rolled_back"
    accept = error["title"].rpartition(" serve ")[2].split()
    assert accept[0] == "--accept-rollback"

    plane.serve_options = (*plane.serve_options, *accept)
    plane.start()
    assert run(plane, "whoami", key=key).code == 1
    listed = json.loads(run(plane, "recovery", "list", "--json").out)["items"]
    assert [(each["kind"], each["identity"]) for each in listed] == [("api_key", "ci")]
    refused = run(plane, "recovery", "confirm", "--json", "grant", listed[0]["id"])
    assert (refused.code, "suspension_not_found" in refused.err) == (1, True)
    assert run(plane, "recovery", "confirm", "api_key").code == 2
    assert listed[0]["id"] in run(plane, "recovery", "confirm", "api_key", listed[0]["id"]).out
    assert run(plane, "whoami", key=key).code == 0
    assert json.loads(run(plane, "recovery", "confirm", "--all", "--json").out) == {
        "confirmed": [],
        "left": [],
    }
    plane.stop()
    assert refused_start(plane, *accept)["code"] == "nothing_to_accept"


def test_what_cannot_be_noted_stops_nobody(tmp_path: Path) -> None:
    folder = tmp_path / "notes"
    folder.mkdir()
    with running(tmp_path / "plane", "--anchor", str(folder / "anchor.json")) as plane:
        shutil.rmtree(folder)
        plane.create_machine("ci")
        until(lambda: "anchor_not_written" in plane.log)
        plane.create_machine("another")
        with urllib.request.urlopen(f"{plane.url}/metrics") as metrics:  # noqa: S310  # http
            said = metrics.read().decode()
        assert "sealwright_anchor_failures_total 0.0" not in said
        assert "sealwright_anchor_failures_total" in said
        folder.mkdir()
        plane.stop()
    assert json.loads((folder / "anchor.json").read_text())["sequence"] == written(plane)


def test_a_hash_that_is_none_is_wrong_usage(tmp_path: Path) -> None:
    plane = ControlPlane(tmp_path, "swk_" + "k" * 43)
    ended = run(plane, "serve", "--data-dir", str(tmp_path), "--accept-rollback", "xyz")
    assert (ended.code, "64 hexadecimal digits" in ended.err) == (2, True)

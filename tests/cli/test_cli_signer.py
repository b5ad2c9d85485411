"""sealwright signer: what is asked of people before a signer is deleted."""

import os
import pty
import subprocess
from collections.abc import Iterator

import pytest

from tests.cli.conftest import KEY, NOWHERE, RUN_SECONDS, ask
from tests.cli.samples import LATER, signer
from tests.cli.scripted_server import Received, ScriptedServer, ok
from tests.server import COMMAND, surroundings


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer(ok(signer(status="deleting", deletes_at=LATER))) as scripted:
        yield scripted


def type_in(url: str, typed: str) -> subprocess.CompletedProcess[str]:
    """`signer delete release` by somebody at a terminal."""
    ours, theirs = pty.openpty()
    try:
        os.write(ours, typed.encode() + b"\n")
        return subprocess.run(
            [*COMMAND, "signer", "delete", "release"],
            stdin=theirs,
            capture_output=True,
            text=True,
            env=surroundings(NOWHERE) | {"SEALWRIGHT_URL": url, "SEALWRIGHT_API_KEY": KEY},
            timeout=RUN_SECONDS,
            check=False,
        )
    finally:
        os.close(ours)
        os.close(theirs)


def test_its_name_is_typed(server: ScriptedServer) -> None:
    ended = type_in(server.url, "release")
    assert ended.returncode == 0, ended.stderr
    assert "Type release to delete it: " in ended.stderr
    assert "deleting" in ended.stdout
    assert server.received == [Received("DELETE", "/v1/signers/release", None)]


@pytest.mark.parametrize("typed", ["y", "", "Release"])
def test_anything_else_deletes_nothing(server: ScriptedServer, typed: str) -> None:
    ended = type_in(server.url, typed)
    assert ended.returncode == 1
    assert "That is not release: nothing is deleted" in ended.stderr
    assert server.received == []


def test_where_nobody_can_type_the_name_is_an_option(server: ScriptedServer) -> None:
    ended = ask(server.url, "signer", "delete", "release", "--yes", "release", "--after", "14d")
    assert ended.code == 0
    assert "gone at             2" in ended.out
    sent = f"/v1/signers/release?after_seconds={14 * 86_400}"
    assert server.received == [Received("DELETE", sent, None)]


def test_without_it_the_command_says_what_to_give(server: ScriptedServer) -> None:
    ended = ask(server.url, "signer", "delete", "release")
    assert ended.code == 2
    assert "--yes release" in ended.err
    assert server.received == []


def test_another_name_deletes_nothing(server: ScriptedServer) -> None:
    ended = ask(server.url, "signer", "delete", "release", "--yes", "releases")
    assert ended.code == 1
    assert server.received == []


def test_no_time_at_all_is_written_zero(server: ScriptedServer) -> None:
    assert ask(server.url, "signer", "delete", "x", "--yes", "x", "--after", "0").code == 0
    assert server.received == [Received("DELETE", "/v1/signers/x?after_seconds=0", None)]


def test_a_subject_is_more_than_its_common_name() -> None:
    subject = {"organization": "ACME", "unit": "Tools", "locality": "K\u00f6ln", "country": "DE"}
    options = [text for name, value in subject.items() for text in (f"--{name}", value)]
    create = ["signer", "create", "release", "--key", "p256", "--common-name", "Release"]
    with ScriptedServer(ok(signer(**subject))) as scripted:
        ended = ask(scripted.url, *create, *options)
    (received,) = scripted.received
    assert received.json == {
        "name": "release",
        "key": "p256",
        "common_name": "Release",
        **subject,
    }
    shown = dict(line.split(None, 1) for line in ended.out.splitlines())
    assert {name: shown[name] for name in subject} == subject


def test_it_is_taken_back(server: ScriptedServer) -> None:
    assert ask(server.url, "signer", "undelete", "release").code == 0
    assert server.received == [Received("POST", "/v1/signers/release/undelete", {})]

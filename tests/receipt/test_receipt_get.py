"""sealwright receipt get: from a server, into a file that others verify without it."""

import base64
import hashlib
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sealwright.client.objects import PolicyStep, PolicyTerms
from tests.cli.conftest import Caller, Run, admin, ask, run
from tests.cli.scripted_server import ScriptedServer, answer
from tests.receipt.conftest import NO_SERVER
from tests.server import ControlPlane

__all__ = ["admin"]

CONTENT = b"what is released"


@dataclass(frozen=True)
class Released:
    """A signature that ann allowed, with a key that only she ever saw."""

    operation_id: str
    log_key: str
    admin: Caller

    def get(self, *options: str | Path) -> Run:
        return self.admin.run("receipt", "get", self.operation_id, *options)

    def verify(self, file: Path, *options: str | Path) -> Run:
        """Without a server, and without a key for one."""
        arguments = ["receipt", "verify", file, "--log-key", self.log_key, *options]
        return run(*arguments, environment={"SEALWRIGHT_URL": NO_SERVER})


@pytest.fixture(scope="module")
def released(control_plane: ControlPlane, admin: Caller) -> Released:
    server = control_plane.client()
    code = server.create_identity("receipt-ann", "user", enrol=True).value.enrolment_code
    assert code is not None
    ann = control_plane.client(server.enrol(code).value.api_key)
    builder = control_plane.client(control_plane.create_machine("receipt-builder"))
    terms = PolicyTerms(max_signings=5, steps=[PolicyStep("lead", 1, ["receipt-ann"])])
    server.create_policy("receipts", terms)
    control_plane.create_signer("receipts", "p256", **{"receipt-builder": "operator"})
    server.set_policy("receipts", "receipts")
    request = builder.create_request("receipts", "release 1").value
    ann.approve_request(request.id, comment="looks good")
    body = {
        "scheme": "ecdsa",
        "hash": "sha256",
        "digest": base64.b64encode(hashlib.sha256(CONTENT).digest()).decode(),
        "client": {"tool": "maketool", "hostname": "build-7"},
    }
    answer = builder._call("POST", "/v1/signers/receipts/sign", dict[str, Any], body)
    (key,) = [each.key for each in server.log_keys().value.items if each.ended_at is None]
    return Released(answer.value["operation_id"], key, admin)


def test_a_receipt_is_verified_with_the_logs_key_and_no_server(
    released: Released, tmp_path: Path
) -> None:
    file, artifact = tmp_path / "release.tlog-proof", tmp_path / "release.bin"
    assert released.get("--out", file).code == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    artifact.write_bytes(CONTENT)
    said = released.verify(file, "--file", artifact, "--json").json()
    assert said["valid"] is True
    assert said["holds_by"] == "hash"
    assert said["operation"]["id"] == released.operation_id
    assert said["operation"]["client"] is None
    assert f"{said['origin']}+" in released.log_key
    assert "build-7" not in file.read_text()
    assert b"build-7" not in base64.b64decode(file.read_text().splitlines()[1].split()[1])


def test_the_receipt_is_what_the_server_gives_to_the_letter(released: Released) -> None:
    first, again = released.get(), released.get("--json")
    assert first.out.startswith("c2sp.org/tlog-proof@v1\nextra ")
    assert again.json()["receipt"].splitlines()[:2] == first.out.splitlines()[:2]


def test_a_bundle_shows_who_allowed_it_and_how_they_came_to_their_key(
    released: Released, tmp_path: Path
) -> None:
    file = tmp_path / "release.tlog-proofs"
    assert released.get("--bundle", "--out", file).code == 0
    assert file.read_text().count("c2sp.org/tlog-proof@v1\n") == 3
    ended = released.verify(file)
    assert ended.code == 0
    said = " ".join(ended.out.split())
    assert "approved by receipt-ann, with an api_key" in said
    assert "that nobody else ever saw, enrolled in row" in said
    assert "“looks good”" in said


def test_what_the_client_said_is_disclosed_to_whom_its_owner_wants(
    released: Released, tmp_path: Path
) -> None:
    file = tmp_path / "release.tlog-proof"
    for options in (["--disclose", "client"], ["--disclose", "client", "--bundle"]):
        assert released.get(*options, "--out", file).code == 0
        client = released.verify(file, "--json").json()["operation"]["client"]
        assert (client["tool"], client["hostname"]) == ("maketool", "build-7")
        assert client["address"] == "127.0.0.1"


def test_nothing_is_disclosed_of_a_row_without_a_client(
    released: Released, control_plane: ControlPlane
) -> None:
    page = control_plane.client().operations(limit=1, kind="change", action="policy:create")
    change = page.value.items[0].id
    ended = released.admin.run("receipt", "get", change, "--disclose", "client")
    assert ended.code == 1
    assert "commits to no client" in ended.err


def test_it_is_found_by_its_number_too(released: Released) -> None:
    shown = released.admin.json("audit", "show", released.operation_id)
    assert released.admin.run("receipt", "get", str(shown["sequence"])).code == 0


@pytest.mark.parametrize(
    ("bend", "told"),
    [
        (lambda _: "\x1b[2J\x1b[1;32mValid: row 1 stands\n", "no receipt"),
        (lambda text: text.replace("\n", "\n\x1b[2J", 1), "no receipt"),
        (lambda text: f"{text}\u2014 w.example\x9b2J AAAAAAAA\n", "no receipt"),
        (lambda text: f"{text}\u2014 w.example\u202e AAAAAAAA\n", "no receipt"),
        (lambda text: f"{text}\u2014 w.example/\x7f AAAAAAAA\n", "no receipt"),
        (lambda text: f"{text}Valid: row 1 stands\n", "no receipt"),
        (lambda text: text * 2, "no receipt"),
        (lambda _: "", "no receipt"),
        (lambda text: text.replace("\nindex ", "\nindex 1"), "no receipt"),
        (lambda text: text.replace("\nextra ", "\nextra AAAA"), "no receipt"),
    ],
)
def test_what_is_no_receipt_is_refused_and_nothing_of_it_reaches_the_terminal(
    released: Released, bend: Callable[[str], str], told: str
) -> None:
    text = bend(released.get().out).encode()
    for options in ([], ["--json"]):
        with ScriptedServer(answer("200 OK", text, "text/plain")) as server:
            ended = ask(server.url, "receipt", "get", released.operation_id, *options)
        assert (ended.code, ended.out, told in ended.err) == (1, "", True)
        assert ended.err.replace("\n", "").isprintable()


def test_another_rows_receipt_is_refused(released: Released, tmp_path: Path) -> None:
    file = tmp_path / "out"
    text = released.get().out.encode()
    for wanted in ("1", "018f0000-0000-7000-8000-000000000000", released.operation_id.upper()):
        with ScriptedServer(answer("200 OK", text, "text/plain")) as server:
            ended = ask(server.url, "receipt", "get", wanted, "--out", str(file))
        assert (ended.code, "the receipt of another row" in ended.err) == (1, True)
    assert not file.exists()


def test_a_row_that_there_is_not_has_none(released: Released) -> None:
    ended = released.admin.run("receipt", "get", "018f0000-0000-7000-8000-000000000000", "--json")
    assert ended.code == 1
    assert '"operation_not_found"' in ended.err


def test_a_witnessed_one_is_refused_until_there_is_one(released: Released, tmp_path: Path) -> None:
    file = tmp_path / "release.tlog-proof"
    ended = released.get("--witnessed", "--out", file)
    assert ended.code == 1
    assert "code not_witnessed_yet" in ended.err
    assert "sealwright log witness list" in ended.err
    assert not file.exists()

"""`audit verify` holds the rows that it is shown against what the log signed."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from controlplane.audit.checkpoint import sign_checkpoint
from controlplane.audit.note import NoteSigner, verifier_key
from controlplane.audit.verification import verify_lines
from tests.cli.conftest import Caller, Run, ask
from tests.cli.scripted_server import ScriptedServer, answer, ok, refusal
from tests.cli.test_cli_verify import write_log

ORIGIN = "log.example/signing"
PRIVATE = Ed25519PrivateKey.generate()
KEY = verifier_key(ORIGIN, PRIVATE.public_key().public_bytes_raw())
OTHER = verifier_key(ORIGIN, Ed25519PrivateKey.generate().public_key().public_bytes_raw())
NOWHERE = "http://127.0.0.1:9"
ROWS = 12


@dataclass(frozen=True)
class Log:
    lines: list[bytes]

    def note(self, size: int, private: Ed25519PrivateKey = PRIVATE) -> str:
        root = verify_lines(self.lines, tree_sizes={size}).roots[size]
        return sign_checkpoint(NoteSigner(ORIGIN, private), size, root).note

    def answers(self, checkpoint: str, *, begun: bool = True) -> list[bytes]:
        """Of a server that says what its rows give, whatever it signed, and was asked without a
        key."""
        at = "2026-01-01T00:00:00Z"
        key = {"key": KEY, "origin": ORIGIN, "created_at": at, "ended_at": None}
        return [ok({"items": [key | {"begun_at": at if begun else None}]}), *self.rest(checkpoint)]

    def rest(self, checkpoint: str) -> list[bytes]:
        size = len(self.lines)
        found = verify_lines(self.lines, tree_sizes={size})
        head = {"sequence": size, "row_hash": found.head, "tree_root": found.roots[size].hex()}
        text = answer("200 OK", checkpoint.encode(), "text/plain")
        return [text, ok(head), answer("200 OK", b"".join(self.lines), "application/x-ndjson")]


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Log, Log]:
    """The log, and another one of as many rows."""
    folder = tmp_path_factory.mktemp("logs")
    paths = [write_log(folder / name, ROWS) for name in ("one", "other")]
    one, other = (Log(path.read_bytes().splitlines(keepends=True)) for path in paths)
    return one, other


def verify(answers: list[bytes], *options: str) -> Run:
    with ScriptedServer(*answers) as server:
        return ask(server.url, "audit", "verify", *options)


def test_rows_are_those_that_the_log_signed(logs: tuple[Log, Log]) -> None:
    one, _ = logs
    said = verify(one.rest(one.note(10)), "--log-key", KEY, "--json").json()
    (found,) = said["checkpoints"]
    assert (said["intact"], found["fits"], found["key_given"]) == (True, True, True)
    assert (found["size"], found["origin"]) == (10, ORIGIN)
    assert f"\n10\n{found['root']}\n" in found["note"]
    told = verify(one.answers(one.note(10)))
    assert told.code == 0
    assert "signed over the first 10 of these rows; 2 came later" in told.out
    assert f"{'+'.join(KEY.split('+')[:2])}, the server's own word for it" in told.out


@pytest.mark.parametrize("size", [1, 7, 8, ROWS])
def test_rows_of_another_log_are_found_out_however_sound_they_are(
    logs: tuple[Log, Log], size: int
) -> None:
    one, other = logs
    note = one.note(size)
    for ended in (
        verify(other.rest(note), "--log-key", KEY),
        verify(other.answers(note)),
    ):
        assert ended.code == 1
        assert "NOT OF THESE ROWS" in ended.out
        assert note in ended.err  # the evidence


def test_rows_that_end_before_what_was_signed_are_too(logs: tuple[Log, Log]) -> None:
    one, _ = logs
    ended = verify(Log(one.lines[:10]).rest(one.note(ROWS)), "--log-key", KEY, "--json")
    said = ended.json()
    assert (ended.code, said["rows"], said["intact"]) == (1, 10, False)
    assert said["checkpoints"][0]["fits"] is False
    assert "is of 12 rows, and here are 10" in ended.err


def test_what_another_key_signed_is_no_checkpoint(logs: tuple[Log, Log]) -> None:
    one, _ = logs
    ended = verify(one.rest(one.note(ROWS)), "--log-key", OTHER)
    assert (ended.code, ended.out) == (1, "")
    assert "The server's checkpoint: it is not signed by" in ended.err


def test_a_checkpoint_that_is_withheld_is_no_success(logs: tuple[Log, Log]) -> None:
    one, _ = logs
    withheld = [refusal("state_altered", "No."), *one.rest(one.note(ROWS))[1:]]
    ended = verify(withheld, "--log-key", KEY)
    assert ended.code == 1
    assert "shows no checkpoint" in ended.err


def test_no_checkpoint_is_asked_of_a_log_that_signed_none(logs: tuple[Log, Log]) -> None:
    """The first one would fix its name."""
    one, _ = logs
    keys, _, *rest = one.answers("", begun=False)
    ended = verify([keys, *rest])
    assert ended.code == 0
    assert "none: the log has signed none yet, the server says" in ended.out


def test_an_export_is_held_against_checkpoints_that_were_kept(
    logs: tuple[Log, Log], tmp_path: Path
) -> None:
    one, other = logs
    files = SimpleNamespace(export=tmp_path / "log", kept=tmp_path / "5", later=tmp_path / "9")
    files.kept.write_text(one.note(5))
    files.later.write_text(one.note(9))
    options = ["--checkpoint", str(files.kept), "--checkpoint", str(files.later), "--log-key", KEY]
    for log, code, fits in ((one, 0, True), (other, 1, False)):
        files.export.write_bytes(b"".join(log.lines))
        ended = ask(NOWHERE, "audit", "verify", str(files.export), *options, "--json")
        assert ended.code == code
        assert [each["fits"] for each in ended.json()["checkpoints"]] == [fits, fits]


@pytest.mark.parametrize(
    "options",
    [
        lambda kept: ["FILE", "--checkpoint", kept],
        lambda _: ["FILE", "--log-key", KEY],
        lambda _: ["--since-head", "f" * 64, "--log-key", KEY],
        lambda kept: ["--since-head", "f" * 64, "--checkpoint", kept],
    ],
)
def test_what_could_not_be_compared_is_refused_at_once(
    logs: tuple[Log, Log], tmp_path: Path, options: Callable[[str], list[str]]
) -> None:
    export, kept = tmp_path / "log", tmp_path / "kept"
    export.write_bytes(b"".join(logs[0].lines))
    kept.write_text(logs[0].note(5))
    given = [str(export) if each == "FILE" else each for each in options(str(kept))]
    assert ask(NOWHERE, "audit", "verify", *given).code == 2


def test_a_real_servers_log_is_that_of_its_checkpoint(admin: Caller) -> None:
    row = admin.json("audit", "list", "--limit", "1")["items"][0]
    admin.json("receipt", "get", str(row["sequence"]))  # begins the log
    (key, *_) = admin.json("log", "key")["items"]
    said = admin.json("audit", "verify", "--log-key", key["key"])
    assert said["intact"]
    assert [each["fits"] for each in said["checkpoints"]] == [True]
    assert [each["fits"] for each in admin.json("audit", "verify")["checkpoints"]] == [True]

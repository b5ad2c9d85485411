"""sealwright log: a checkpoint that was kept, held against the log as it is; and its witnesses."""

import hashlib
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from controlplane.audit.checkpoint import sign_checkpoint
from controlplane.audit.note import NoteSigner, verifier_key
from controlplane.domain.tree import consistency, node_hash, root_at
from sealwright.receipt.consistency import Relation, relation
from tests.cli.conftest import Caller, Run, ask
from tests.cli.scripted_server import ScriptedServer, ok, refusal
from tests.controlplane.witness import Witness

ORIGIN = "log.example/signing"
PRIVATE = Ed25519PrivateKey.generate()
KEY = verifier_key(ORIGIN, PRIVATE.public_key().public_bytes_raw())
SIGNER = NoteSigner(ORIGIN, PRIVATE)


def node_of(salt: bytes, level: int, index: int) -> bytes:
    """Of a log whose entries from the 20th on depend on the salt."""
    if level == 0:
        return hashlib.sha256(b"%d" % index + (salt if index >= 20 else b"")).digest()
    left, right = (node_of(salt, level - 1, 2 * index + more) for more in (0, 1))
    return node_hash(left, right)


def root_of(size: int, salt: bytes = b"") -> bytes:
    return root_at(size, lambda level, index: node_of(salt, level, index))


def checkpoint(size: int, salt: bytes = b"") -> str:
    return sign_checkpoint(SIGNER, size, root_of(size, salt)).note


def http(content: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(content), content)


def server_of(old: int, new: int, salt: bytes = b"") -> ScriptedServer:
    """A log that has `new` entries, asked of `old`."""
    proof = consistency(old, new, lambda level, index: node_of(salt, level, index))
    answer = msgspec.json.encode({"hashes": proof})
    return ScriptedServer(http(checkpoint(new, salt).encode()), http(answer))


@pytest.fixture
def kept(tmp_path: Path) -> str:
    """Of the first 30 entries."""
    file = tmp_path / "kept"
    file.write_text(checkpoint(30))
    return str(file)


def test_the_log_only_grew(kept: str) -> None:
    with server_of(30, 70) as server:
        ended = ask(server.url, "log", "check", kept, "--log-key", KEY)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == "The log has 70 entries, and the first 30 are as they were.\n"
    assert server.received[1].path == "/v1/log/consistency?old=30&new=70"


def test_a_log_that_was_rewritten_is_found_out(kept: str) -> None:
    with server_of(30, 70, b"rewritten") as server:
        ended = ask(server.url, "log", "check", kept, "--log-key", KEY, "--json")
    assert ended.code == 1
    assert ended.json() == {
        "consistent": False,
        "origin": ORIGIN,
        "old_size": 30,
        "size": 70,
        "reason": "entries were changed",
        "checkpoint": checkpoint(70, b"rewritten"),
    }


def test_what_proves_it_is_shown_to_be_kept(kept: str) -> None:
    with server_of(30, 70, b"rewritten") as server:
        ended = ask(server.url, "log", "check", kept, "--log-key", KEY)
    assert ended.out.startswith("NOT CONSISTENT: ")
    assert ended.out.endswith("which prove it:\n\n" + checkpoint(70, b"rewritten"))


@pytest.mark.parametrize(
    "proof",
    [
        ok({"hashes": ["", "AAAA"]}),
        ok({"hashes": []}),
        ok({"hashes": "none"}),
        ok({"hashes": ["A" * 43 + "="] * 6}),
        ok({"hashes": ["A" * 43 + "="] * 200}),
        http(b"\xff no JSON"),
        refusal("tile_not_found", "There is no such tile.", "404 Not Found"),
    ],
)
def test_two_honest_checkpoints_and_no_proof_say_nothing_of_a_rewritten_log(
    kept: str, proof: bytes
) -> None:
    def against_that(*options: str) -> Run:
        with ScriptedServer(http(checkpoint(70).encode()), proof) as server:
            return ask(server.url, "log", "check", kept, "--log-key", KEY, *options)

    said = against_that("--json")
    assert said.code == 1
    assert said.json()["consistent"] is None
    assert said.json()["reason"].startswith("no proof that holds")
    assert said.json()["checkpoint"] == checkpoint(70)
    told = against_that()
    assert (told.code, "NOT CONSISTENT" in told.out) == (1, False)
    assert told.out.startswith("NOT PROVEN: ")
    assert told.out.endswith(f"\n\n{checkpoint(70)}")


def test_a_proof_says_of_each_two_trees_what_they_are_to_each_other() -> None:
    """Where the older one is full, a proof leads to the newer one from it alone."""
    for old in range(1, 40):
        for new in range(old, 40):
            other = consistency(old, new, lambda level, index: node_of(b"x", level, index))
            true = consistency(old, new, lambda level, index: node_of(b"", level, index))
            sizes = (old, root_of(old), new)
            assert relation(*sizes, root_of(new), true) is Relation.BEGINNING
            if old > 20:
                is_known = old == new or old & (old - 1)
                found = Relation.OTHER if is_known else Relation.UNPROVEN
                assert relation(*sizes, root_of(new, b"x"), other) is found
            if old < new:
                for bent in (true[:-1], [*true, bytes(32)], [each + b"0" for each in true]):
                    assert relation(*sizes, root_of(new), bent) is Relation.UNPROVEN


def test_one_that_was_cut_is_too(kept: str) -> None:
    with ScriptedServer(http(checkpoint(29).encode())) as server:
        ended = ask(server.url, "log", "check", kept, "--log-key", KEY)
    assert ended.code == 1
    assert "NOT CONSISTENT" in ended.out
    assert "entries are missing" in ended.out


def test_another_log_of_the_same_length_is_none(kept: str) -> None:
    with server_of(30, 30, b"other") as server:
        ended = ask(server.url, "log", "check", kept, "--log-key", KEY)
    assert (ended.code, "entries were changed" in ended.out) == (1, True)


def test_what_the_key_did_not_sign_says_nothing(kept: str, tmp_path: Path) -> None:
    other = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    with server_of(30, 70) as server:
        by_other = ask(server.url, "log", "check", kept, "--log-key", verifier_key(ORIGIN, other))
        elsewhere = ask(server.url, "log", "check", kept, "--log-key", verifier_key("x.y", other))
        witness = ask(server.url, "log", "check", kept, "--log-key", Witness("").key)
        bent = tmp_path / "bent"
        bent.write_text(checkpoint(30).replace("\n30\n", "\n31\n"))
        forged = ask(server.url, "log", "check", str(bent), "--log-key", KEY)
        none = tmp_path / "none"
        none.write_text("no checkpoint\n")
        nothing = ask(server.url, "log", "check", str(none), "--log-key", KEY)
    assert not server.received
    for ended, told in (
        (by_other, "not signed by"),
        (elsewhere, f"of the log {ORIGIN}, not of x.y"),
        (witness, "key of a witness"),
        (forged, "is not by that key"),
        (nothing, "three lines"),
    ):
        assert (ended.code, told in ended.err) == (1, True), ended.err


def test_a_servers_checkpoint_that_another_key_signed_is_refused(kept: str) -> None:
    signer = NoteSigner(ORIGIN, Ed25519PrivateKey.generate())
    with ScriptedServer(http(sign_checkpoint(signer, 70, bytes(32)).note.encode())) as server:
        ended = ask(server.url, "log", "check", kept, "--log-key", KEY)
    assert (ended.code, "The server's checkpoint: " in ended.err) == (1, True)


def test_against_a_server_with_the_key_that_it_shows_or_one_that_was_kept(
    admin: Caller, tmp_path: Path
) -> None:
    file = tmp_path / "kept"
    file.write_text(read_checkpoint(admin))
    admin.json("group", "create", f"since-{tmp_path.name}")
    shown = admin.run("log", "check", file)
    assert shown.code == 0
    assert "the one that the server shows" in shown.err
    (key, *_) = admin.json("log", "key")["items"]
    said = admin.json("log", "check", file, "--log-key", key["key"])
    assert (said["consistent"], said["origin"]) == (True, key["origin"])
    assert said["size"] >= said["old_size"] > 0


def read_checkpoint(admin: Caller) -> str:
    from sealwright.client.client import Client
    from sealwright.client.connection import Connection

    named = {"SEALWRIGHT_URL": admin.url, "SEALWRIGHT_API_KEY_FILE": str(admin.key_file)}
    return Client(Connection.resolve(named)).log_checkpoint()


def test_witnesses_are_added_listed_and_removed(admin: Caller, tmp_path: Path) -> None:
    name = f"{tmp_path.name}.example/w1"
    key = Witness("", name=name).key
    added = admin.json("log", "witness", "add", "https://witness.example/w", key)
    assert (added["name"], added["key"], added["size"]) == (name, key, None)
    assert added in admin.json("log", "witness", "list")["items"]
    assert admin.json("log", "witness", "remove", name) == {"name": name, "deleted": True}
    again = admin.run("log", "witness", "remove", name)
    assert (again.code, "There is no witness" in again.err) == (1, True)

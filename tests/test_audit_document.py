"""docs/audit.md defines the bytes that a row's hash covers: its words, its examples, its program
and the code say the same."""

import hashlib
import json
import re
import subprocess
import sys
from base64 import b64decode
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from controlplane.api import operations
from controlplane.audit import log
from controlplane.audit.row import COMMITTED, Row1, Row2, canonical_bytes
from controlplane.audit.verification import Verification, verify_lines
from controlplane.domain.model import (
    Approval,
    Client,
    Credential,
    CredentialKind,
    EcdsaEncoding,
    HashAlgorithm,
    OperationKind,
    Outcome,
    Scheme,
)
from controlplane.domain.operation import Entry, Head
from tests.controlplane.golden import HEAD_V1, LOG_V1
from tests.server import ControlPlane

TEXT = (Path(__file__).parent.parent / "docs/audit.md").read_text()
BLOCKS = [
    block.rstrip("\n")
    for block in re.findall(r"^```(?:json|text|python)\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
]
EXPORTED, CANONICAL_1, HASH_1, CANONICAL_2, HASH_2 = BLOCKS[:5]
EXPORTED_2, CANONICAL_4, HASH_4, CLIENT_4, PROGRAM = BLOCKS[5:]
LINES = [*EXPORTED.splitlines(), *EXPORTED_2.splitlines()]
APPROVAL, SIGNATURE = map(json.loads, EXPORTED_2.splitlines())
FIRST_LINE, FIRST_LINE_2 = "sealwright-row-v1\n", "sealwright-row-v2\n"
ENTRY_3 = Entry(
    id="018f0000-0000-7000-8000-000000000003",
    created_at=datetime(2026, 1, 31, 8, 0, 2, 500_000, tzinfo=UTC),
    kind=OperationKind.CHANGE,
    actor="ann",
    api_key_id="k2",
    credential=Credential(604800, False, "k2", "admin", CredentialKind.API_KEY),
    signer="release",
    action="request:approve",
    object="r1",
    details={
        "step": 1,
        "step_name": "lead",
        "completes_step": True,
        "comment": None,
        "requester": "ci",
    },
)
ENTRY_4 = Entry(
    id="018f0000-0000-7000-8000-000000000004",
    created_at=datetime(2026, 1, 31, 8, 0, 3, tzinfo=UTC),
    kind=OperationKind.SIGN,
    actor="ci",
    api_key_id="k1",
    credential=Credential(86400, False, "k1", None, CredentialKind.API_KEY),
    signer="release",
    outcome=Outcome.SUCCEEDED,
    scheme=Scheme("ecdsa"),
    hash=HashAlgorithm.SHA256,
    digest=bytes(range(32)),
    ecdsa_encoding=EcdsaEncoding.DER,
    grant_id="g1",
    approvals=(Approval("ann", APPROVAL["row_hash"], 3),),
    certificate_serial="0a",
    client=Client(address="127.0.0.1", tool="jarsigner", command="jarsigner \u00e9.jar"),
    signature=bytes(range(250, 256)),
    idempotency_key="i2",
)


def test_the_examples_of_version_1_follow_from_the_rule_in_words() -> None:
    """With nothing but a JSON parser and SHA-256."""
    previous = "0" * 64
    lines = EXPORTED.splitlines()
    for line, canonical, hash_ in zip(
        lines, (CANONICAL_1, CANONICAL_2), (HASH_1, HASH_2), strict=True
    ):
        row = json.loads(line)
        assert row.pop("row_hash") == hash_
        assert row["previous_hash"] == previous
        assert len(row) == 23
        assert json.loads(canonical) == row
        assert canonical == json.dumps(
            row, ensure_ascii=False, sort_keys=True, separators=(",", ":")
        )
        assert hashlib.sha256((FIRST_LINE + canonical).encode()).hexdigest() == hash_
        previous = hash_


def encode(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def test_the_example_of_version_2_follows_from_the_rule_in_words() -> None:
    row = json.loads(LINES[3])
    assert row.pop("row_hash") == HASH_4
    assert row["previous_hash"] == APPROVAL["row_hash"]
    for name, value in (
        ("client", row.pop("client")),
        ("idempotency_key", row.pop("idempotency_key")),
        ("credential_id", row["credential"].pop("id")),
    ):
        octets = b64decode(row.pop(f"{name}_salt")) + encode(value).encode()
        assert row[f"{name}_hash"] == hashlib.sha256(octets).hexdigest()
    assert row.pop("api_key_id") == SIGNATURE["credential"]["id"]
    assert encode(SIGNATURE["client"]) == CLIENT_4
    assert b64decode(SIGNATURE["client_salt"]) == bytes(range(16))
    assert len(row) == 27
    assert encode(row) == CANONICAL_4
    assert hashlib.sha256((FIRST_LINE_2 + CANONICAL_4).encode()).hexdigest() == HASH_4


def test_the_code_makes_these_bytes_of_these_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "urandom", lambda octets: bytes(range(octets)))
    approval = log.link(Head(2, HASH_2), ENTRY_3)
    signature = log.link(Head(3, approval.row_hash), ENTRY_4)
    written = canonical_bytes(4, ENTRY_4, signature.commitments, approval.row_hash)
    assert written == (FIRST_LINE_2 + CANONICAL_4).encode()
    exported = [operations.line(row).decode() for row in (approval, signature)]
    assert "".join(exported) == EXPORTED_2 + "\n"


def test_the_code_verifies_these_rows() -> None:
    verification = verify_lines(line.encode() for line in LINES)
    assert verification == Verification(4, True, None, HASH_4)


def test_the_members_of_version_2_are_told() -> None:
    table = TEXT[TEXT.index("| member |") : TEXT.index("### Examples of version 1")]
    beside = {f"{name}_{what}" for name in COMMITTED for what in ("hash", "salt")}
    new = set(Row2.__struct_fields__) - set(Row1.__struct_fields__) - beside
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == new
    for name in beside:
        assert f"`{name}`" in TEXT


def run_program(export: bytes) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM], input=export, capture_output=True, check=False
    )


def test_the_program_verifies_the_log_of_a_server(control_plane: ControlPlane) -> None:
    control_plane.create_machine("for-the-document")
    export = b"".join(control_plane.client().export_operations())
    verification = verify_lines(export.splitlines())
    done = run_program(export)
    assert done.stdout.decode() == f"{verification.rows} {verification.head}\n"


def test_the_program_verifies_a_log_of_both_versions() -> None:
    both = f"{EXPORTED}\n{EXPORTED_2}\n"
    assert run_program(both.encode()).stdout.decode() == f"4 {HASH_4}\n"
    names = [name for name in SIGNATURE if name not in ("client", "client_salt")]
    hidden = json.dumps({name: SIGNATURE[name] for name in names})
    assert run_program("\n".join((*LINES[:3], hidden)).encode()).stdout.decode() == (
        f"4 {HASH_4}\n"
    )
    another = both.replace("\u00e9.jar", "e.jar").encode()
    assert run_program(another).stderr == b"row 4 is not what it commits to\n"
    assert run_program(LOG_V1).stdout.decode().split()[1] == HEAD_V1


def test_the_program_names_a_row_that_rests_on_no_approval() -> None:
    bob = replace(ENTRY_4, approvals=(Approval("bob", APPROVAL["row_hash"], 3),))
    forged = operations.line(log.link(Head(3, APPROVAL["row_hash"]), bob)).decode()
    assert run_program("\n".join((*LINES[:3], forged)).encode()).stderr == (
        b"row 4 names an approval that does not stand in the log\n"
    )


def test_the_program_names_a_row_that_was_changed_or_removed() -> None:
    assert run_program(EXPORTED.replace('"ci"', '"m"').encode()).stderr == b"row 1 was changed\n"
    without_first = EXPORTED.splitlines()[1].encode()
    assert run_program(without_first).stderr == b"row 1 does not follow\n"

"""docs/audit.md defines the bytes that a row's hash covers: its words, its examples, its program
and the code say the same."""

import hashlib
import json
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from controlplane.api import operations
from controlplane.audit.log import link
from controlplane.audit.row import canonical_bytes
from controlplane.audit.verification import verify_lines
from controlplane.domain.model import (
    Client,
    HashAlgorithm,
    OperationKind,
    Outcome,
    PssParameters,
    Scheme,
)
from controlplane.domain.operation import Entry, Head
from tests.server import ControlPlane

TEXT = (Path(__file__).parent.parent / "docs/audit.md").read_text()
EXPORTED, CANONICAL_1, HASH_1, CANONICAL_2, HASH_2, PROGRAM = (
    block.rstrip("\n")
    for block in re.findall(r"^```(?:json|text|python)\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
)
FIRST_LINE = "sealwright-row-v1\n"
ENTRIES = [
    Entry(
        id="018f0000-0000-7000-8000-000000000002",
        created_at=datetime(2026, 1, 31, 8, 0, 1, tzinfo=UTC),
        kind=OperationKind.CHANGE,
        actor="admin",
        action="member:add",
        object="ci",
        signer="release",
        details={"role": "operator", "before": None, "count": 1, "yes": True},
    ),
    Entry(
        id="018f0000-0000-7000-8000-000000000001",
        created_at=datetime(2026, 1, 31, 8, 0, 2, 120, tzinfo=UTC),
        kind=OperationKind.SIGN,
        actor="ci",
        api_key_id="k1",
        signer="release",
        outcome=Outcome.SUCCEEDED,
        scheme=Scheme("rsa-pss"),
        hash=HashAlgorithm.SHA256,
        digest=bytes(range(32)),
        pss=PssParameters(HashAlgorithm.SHA384, 32),
        certificate_serial="0a",
        client=Client(address="127.0.0.1", tool="jarsigner", command='sign "a\\b"\n\u00e9\x01'),
        signature=bytes(range(250, 256)),
        idempotency_key="i1",
    ),
]


def test_the_examples_follow_from_the_rule_in_words() -> None:
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


def test_the_code_makes_these_bytes_of_these_rows() -> None:
    head = Head(0, "0" * 64)
    exported = b""
    for entry, canonical in zip(ENTRIES, (CANONICAL_1, CANONICAL_2), strict=True):
        written = canonical_bytes(head.sequence + 1, entry, head.row_hash)
        assert written == (FIRST_LINE + canonical).encode()
        row = link(head, entry)
        head = Head(row.sequence, row.row_hash)
        exported += operations.line(row)
    assert exported.decode() == EXPORTED + "\n"
    verification = verify_lines(exported.splitlines())
    assert (verification.intact, verification.head) == (True, HASH_2)


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


def test_the_program_names_a_row_that_was_changed_or_removed() -> None:
    assert run_program(EXPORTED.replace('"ci"', '"m"').encode()).stderr == b"row 1 was changed\n"
    without_first = EXPORTED.splitlines()[1].encode()
    assert run_program(without_first).stderr == b"row 1 does not follow\n"

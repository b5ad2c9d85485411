"""Rows of each version are verified as such for ever, whatever the server writes today."""

import hashlib
import json

from controlplane.audit.verification import Verification, verify_lines
from tests.controlplane.golden import HEAD_V1, LOG_V1

LINES = LOG_V1.splitlines()


def test_a_log_of_version_1_verifies() -> None:
    assert verify_lines(LINES) == Verification(len(LINES), True, None, HEAD_V1)


def test_it_has_rows_of_every_kind() -> None:
    rows = [json.loads(line) for line in LINES]
    assert {(row["kind"], row["outcome"]) for row in rows} == {
        ("change", None),
        ("sign", "succeeded"),
        ("sign", "denied"),
        ("sign", "failed"),
    }
    assert any(row["grant_id"] for row in rows)


def test_its_hashes_follow_from_the_rule_of_version_1() -> None:
    """With nothing but a JSON parser and SHA-256."""
    for line in LINES:
        row = json.loads(line)
        row_hash = row.pop("row_hash")
        text = json.dumps(row, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        assert hashlib.sha256(b"sealwright-row-v1\n" + text.encode()).hexdigest() == row_hash

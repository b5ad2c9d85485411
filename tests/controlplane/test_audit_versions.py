"""Rows of each version are verified as such for ever, whatever the server writes today."""

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from controlplane.api import operations
from controlplane.audit.log import link
from controlplane.audit.row import BESIDE, COMMITTED, Row1, Row2
from controlplane.audit.verification import Verification, verify_lines
from controlplane.domain.model import (
    Client,
    Credential,
    CredentialKind,
    OperationKind,
    Outcome,
)
from controlplane.domain.operation import Commitments, Entry, Head, Operation
from controlplane.store.tables import OperationRow
from tests.controlplane.golden import HEAD_V1, LOG_V1

LINES = LOG_V1.splitlines()
Row = dict[str, Any]


class TestVersion1:
    def test_a_log_of_it_verifies(self) -> None:
        assert verify_lines(LINES) == Verification(len(LINES), True, None, HEAD_V1)

    def test_it_has_rows_of_every_kind(self) -> None:
        rows = [json.loads(line) for line in LINES]
        assert {(row["kind"], row["outcome"]) for row in rows} == {
            ("change", None),
            ("sign", "succeeded"),
            ("sign", "denied"),
            ("sign", "failed"),
        }
        assert any(row["grant_id"] for row in rows)

    def test_its_hashes_follow_from_the_rule(self) -> None:
        """With nothing but a JSON parser and SHA-256."""
        for line in LINES:
            row = json.loads(line)
            row_hash = row.pop("row_hash")
            text = json.dumps(row, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
            assert hashlib.sha256(b"sealwright-row-v1\n" + text.encode()).hexdigest() == row_hash

    @pytest.mark.parametrize("place", [0, 8, len(LINES) - 1])
    def test_a_member_of_a_later_version_has_no_place_in_it(self, place: int) -> None:
        for more in ({"version": 1}, {"version": 2}, {"client_hash": None}, {"credential": None}):
            bent = json.dumps(json.loads(LINES[place]) | more).encode()
            verified = verify_lines([*LINES[:place], bent, *LINES[place + 1 :]])
            assert verified.first_bad_sequence == place + 1


def a_signing(sequence: int, previous_hash: str) -> Operation:
    entry = Entry(
        id=f"id-{sequence}",
        created_at=datetime(2026, 1, 31, tzinfo=UTC),
        kind=OperationKind.SIGN,
        actor="ci",
        api_key_id="k1",
        credential=Credential(7, False, "k1", None, CredentialKind.API_KEY),
        outcome=Outcome.SUCCEEDED,
        client=Client(address="192.0.2.7", command="jarsigner app.jar \u2028"),
        idempotency_key="build-17",
    )
    return link(Head(sequence - 1, previous_hash), entry)


def exported(*rows: Operation) -> list[Row]:
    return [json.loads(operations.line(row)) for row in rows]


def verify(rows: list[Row]) -> Verification:
    return verify_lines(json.dumps(row).encode() for row in rows)


@pytest.fixture
def rows() -> list[Row]:
    first = a_signing(1, "0" * 64)
    return exported(first, a_signing(2, first.row_hash))


def without(row: Row, *names: str) -> Row:
    return {name: value for name, value in row.items() if name not in names}


def without_key_id(row: Row) -> Row:
    hidden = without(row, "api_key_id", "credential_id_salt")
    return hidden | {"credential": without(row["credential"], "id")}


class TestVersion2:
    def test_it_follows_one_of_version_1(self) -> None:
        row = a_signing(len(LINES) + 1, HEAD_V1)
        verified = verify_lines([*LINES, operations.line(row)])
        assert verified == Verification(len(LINES) + 1, True, None, row.row_hash)

    @pytest.mark.parametrize(
        "hide",
        [
            lambda row: without(row, "client", "client_salt"),
            lambda row: without(row, "idempotency_key", "idempotency_key_salt"),
            without_key_id,
            lambda row: without_key_id(without(row, "client", "client_salt")),
        ],
        ids=["client", "idempotency-key", "key-id", "two-of-them"],
    )
    def test_it_verifies_without_what_it_commits_to(
        self, rows: list[Row], hide: Callable[[Row], Row]
    ) -> None:
        hidden = [hide(row) for row in rows]
        assert hidden != rows
        assert verify(hidden) == verify(rows)
        assert verify(hidden).intact

    @pytest.mark.parametrize(
        "bend",
        [
            lambda row: row | {"client": row["client"] | {"command": "another"}},
            lambda row: row | {"client": None},
            lambda row: row | {"client": None, "client_salt": None},
            lambda row: row | {"idempotency_key": "build-18"},
            lambda row: row | {"idempotency_key_salt": row["client_salt"]},
            lambda row: row | {"credential": row["credential"] | {"id": "k2"}, "api_key_id": "k2"},
            lambda row: row | {"credential": row["credential"] | {"age_seconds": 8}},
            lambda row: row | {"credential": row["credential"] | {"kind": "token"}},
            lambda row: without(row, "client_salt"),
            lambda row: without(row, "client_hash"),
            lambda row: without_key_id(row) | {"api_key_id": "k1"},
            lambda row: without_key_id(row) | {"api_key_id": None},
            lambda row: without_key_id(row) | {"credential": None},
        ],
    )
    def test_it_does_not_with_another(self, rows: list[Row], bend: Callable[[Row], Row]) -> None:
        assert verify([rows[0], bend(rows[1])]).first_bad_sequence == 2

    def test_equal_values_are_committed_to_differently(self, rows: list[Row]) -> None:
        """Who is not shown them cannot even tell that they are equal."""
        first, second = rows
        for name in COMMITTED:
            assert first[f"{name}_hash"] != second[f"{name}_hash"]


class TestNewerVersions:
    """Of rows that this program does not know it says so: they are not altered."""

    def test_a_row_of_one_is_said_to_be_newer(self, rows: list[Row]) -> None:
        verified = verify([rows[0] | {"version": 3}, rows[1]])
        assert (verified.intact, verified.first_bad_sequence, verified.newer) == (False, 1, 1)

    @pytest.mark.parametrize("version", [0, 1, -1, "3", None, True, 2.5, [3]])
    def test_nonsense_is_not(self, rows: list[Row], version: object) -> None:
        verified = verify([rows[0] | {"version": version}, rows[1]])
        assert (verified.first_bad_sequence, verified.newer) == (1, None)

    def test_what_is_known_and_altered_is_not(self, rows: list[Row]) -> None:
        assert verify([rows[0] | {"actor": "mallory"}, rows[1]]).newer is None


class TestMembers:
    """They are listed in `controlplane.audit.row`; what else has them has the same."""

    def test_the_answers_are_those_of_version_2_and_without_them_of_version_1(self) -> None:
        shown = msgspec.structs.fields(operations.Operation)
        assert {each.name for each in shown} == {*Row2.__struct_fields__}
        required = tuple(each.name for each in shown if each.required)
        assert required == Row1.__struct_fields__

    def test_an_export_has_what_is_hashed_first_and_sorted(self, rows: list[Row]) -> None:
        names = list(rows[0])
        assert tuple(names) == tuple(each for each in Row2.__struct_fields__ if each != "objects")
        hashed = [name for name in names if name not in BESIDE]
        assert hashed == sorted(hashed) == names[: len(hashed)]

    def test_the_columns_hold_them_all(self) -> None:
        members = set(Row2.__struct_fields__) - {"pss"} | {"pss_mgf_hash", "pss_salt_length"}
        members = members - {*Commitments.__struct_fields__} | {"commitments"}
        assert set(OperationRow._meta.columns) == members

    def test_an_entry_and_its_place_have_them_all(self) -> None:
        of_entry = {*Entry.__struct_fields__}
        beside = {*Commitments.__struct_fields__}
        place = {*Operation.__struct_fields__} - {"entry", "commitments"}
        assert of_entry | beside | place == set(Row2.__struct_fields__)
        assert set(Row2.__struct_fields__) > BESIDE

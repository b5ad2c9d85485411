"""A database that answers with sound rows which were not asked for, or with one twice."""

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from controlplane.domain.model import MemberRole, Step
from controlplane.errors import Altered, Code, Refused
from controlplane.store.conditions import is_refuted
from controlplane.store.tables import ApiKeyRow, GrantRow, MemberRow, SignerRow
from tests.world import World


def write(world: World, script: str) -> None:
    with closing(sqlite3.connect(world.location.store_path)) as connection, connection:
        connection.executescript(script)


def test_nobody_s_key_is_an_admin_s(tmp_path: Path) -> None:
    """A view in the place of the table, whose answer to the question is not what it then shows."""
    world = World(tmp_path / "data")
    made_up = f"swk_{'x' * 43}"
    digest = hashlib.sha256(made_up.encode()).hexdigest()
    with world.services:
        write(
            world,
            f"""
            ALTER TABLE api_keys RENAME TO kept;
            CREATE VIEW api_keys AS SELECT id, identity_id,
                CASE WHEN random() % 2 THEN x'{digest}' ELSE hash END AS hash,
                created_at, revoked_at, expires_at, allowed_addresses, issued_by, enrolled,
                suspended_at FROM kept;
            """,
        )
        for _ in range(60):  # in one of four it would show the row of another key
            with pytest.raises(Refused) as refused:
                world.services.identities.authenticate(made_up)
            assert refused.value.code in (Code.API_KEY_UNKNOWN, Code.STATE_ALTERED)


def test_an_approval_that_is_there_twice_counts_for_nothing(tmp_path: Path) -> None:
    world = World(tmp_path / "data")
    with world.services:
        ci, carol = world.identity("ci"), world.identity("carol")
        world.identity("dave")
        world.signer("release", ci=MemberRole.OPERATOR)
        both, ops = Step("both", 2, ("carol", "dave")), Step("ops", 1, ("carol",))
        world.policy("strict", both, ops)
        world.services.signers.set_policy(world.admin, "release", "strict")
        request = world.services.requests.create(ci, "release", "why").view.request
        world.services.requests.approve(carol, request.id)
        write(
            world,
            """
            ALTER TABLE decisions RENAME TO kept;
            CREATE TABLE decisions AS SELECT * FROM kept UNION ALL SELECT * FROM kept;
            """,
        )
        with pytest.raises(Altered) as refused:
            world.services.requests.approve(carol, request.id)
        assert refused.value.what.startswith(f"decisions/{request.id}/")


@pytest.mark.parametrize(
    ("condition", "table", "columns", "expected"),
    [
        (ApiKeyRow.hash == b"a", ApiKeyRow, {"hash": b"b"}, True),
        (ApiKeyRow.hash == b"a", ApiKeyRow, {"hash": memoryview(b"a")}, False),
        (ApiKeyRow.id == "a", ApiKeyRow, {"id": None}, True),
        (ApiKeyRow.id.in_(["a", "b"]), ApiKeyRow, {"id": "c"}, True),
        (ApiKeyRow.id.in_(["a", "b"]), ApiKeyRow, {"id": "b"}, False),
        (ApiKeyRow.id.not_in(["a", "b"]), ApiKeyRow, {"id": "b"}, True),
        (ApiKeyRow.revoked_at.is_null(), ApiKeyRow, {"revoked_at": "2026"}, True),
        (ApiKeyRow.revoked_at.is_null(False), ApiKeyRow, {"revoked_at": None}, True),
        (
            (GrantRow.signer == "a") & ~(GrantRow.used >= 5),
            GrantRow,
            {"signer": "a", "used": 5},
            True,
        ),
        (
            (GrantRow.signer == "a") & ~(GrantRow.used >= 5),
            GrantRow,
            {"signer": "a", "used": 4},
            False,
        ),
        (
            GrantRow.not_after.is_null() | (GrantRow.not_after > "2026"),
            GrantRow,
            {"not_after": "2025"},
            True,
        ),
        # For the database alone to tell: what is in other tables.
        (SignerRow.id.in_(MemberRow.select(MemberRow.signer_id)), SignerRow, {"id": "a"}, False),
        (MemberRow.signer_id == "a", SignerRow, {"id": "b"}, False),
        (None, SignerRow, {"id": "b"}, False),
    ],
)
def test_what_was_asked_is_asked_of_each_row_again(
    condition: object, table: type[SignerRow], columns: dict[str, object], expected: bool
) -> None:
    assert is_refuted(condition, table, columns) is expected

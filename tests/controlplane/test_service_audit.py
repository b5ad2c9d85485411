"""Reading the log: filters, pages, and who sees which rows."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from controlplane.api.refusals import status_of
from controlplane.domain.model import Caller, MemberRole, OperationKind, Outcome, ServerRole
from controlplane.domain.operation import OperationFilter
from controlplane.domain.page import PageRequest
from controlplane.errors import Refused
from controlplane.service.audit import Audit
from controlplane.store import operations
from tests.invariants.bent import BAD, BENDS
from tests.world import World, a_call


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path / "data")
    with world.services:
        for name in ("ann", "bob"):
            world.identity(name)
        world.signer("a", ann=MemberRole.OPERATOR)
        world.signer("b", bob=MemberRole.OPERATOR)
        yield world


@pytest.fixture
def ann(world: World) -> Caller:
    return caller(world, "ann")


@pytest.fixture
def bob(world: World) -> Caller:
    return caller(world, "bob")


@pytest.fixture
def audit(world: World) -> Audit:
    return world.services.audit


def caller(world: World, name: str) -> Caller:
    key = world.services.identities.add_key(world.admin, name).api_key
    return world.services.identities.authenticate(key)


def sign(world: World, who: Caller, signer: str) -> None:
    with suppress(Refused):
        world.services.signing.sign(who, a_call(signer))


class TestFilters:
    def test_each_and_together(self, world: World, ann: Caller, bob: Caller) -> None:
        before = datetime.now(UTC)
        sign(world, ann, "a")
        sign(world, ann, "b")
        sign(world, bob, "b")

        def found(**where: object) -> list[tuple[str | None, str | None, Outcome | None]]:
            return [
                (row.entry.actor, row.entry.signer, row.entry.outcome)
                for row in world.rows(kind=OperationKind.SIGN, **where)
            ]

        denied = ("ann", "b", Outcome.DENIED)
        assert found() == [
            ("bob", "b", Outcome.SUCCEEDED),
            denied,
            ("ann", "a", Outcome.SUCCEEDED),
        ]
        assert found(actor="ann") == [denied, ("ann", "a", Outcome.SUCCEEDED)]
        assert found(signer="b") == [("bob", "b", Outcome.SUCCEEDED), denied]
        assert found(outcome=Outcome.DENIED) == [denied]
        assert found(actor="bob", signer="a") == []
        assert len(found(since=before)) == 3
        assert found(since=datetime.now(UTC) + timedelta(seconds=1)) == []

    def test_pages_meet_without_gaps_while_rows_come(
        self, world: World, audit: Audit, ann: Caller
    ) -> None:
        for _ in range(5):
            sign(world, ann, "a")
        everything = [row.sequence for row in world.rows()]
        seen: list[int] = []
        cursor: str | None = None
        while True:
            page = audit.list(world.admin, OperationFilter(), PageRequest(4, cursor))
            seen += [row.sequence for row in page.items]
            cursor = page.next
            if cursor is None:
                break
            sign(world, ann, "a")  # newer than any page still to come
        assert seen == everything

    @pytest.mark.parametrize("cursor", ["!", "eA==", "LTE=", "9" * 40])
    def test_a_broken_cursor_is_refused(self, world: World, audit: Audit, cursor: str) -> None:
        with pytest.raises(Refused) as refused:
            audit.list(world.admin, OperationFilter(), PageRequest(4, cursor))
        assert (status_of(refused.value.code), refused.value.field) == (400, "cursor")

    @pytest.mark.parametrize("limit", [0, 1001])
    def test_a_limit_out_of_range_is_refused(self, world: World, audit: Audit, limit: int) -> None:
        with pytest.raises(Refused) as refused:
            audit.list(world.admin, OperationFilter(), PageRequest(limit))
        assert refused.value.field == "limit"


class TestWhoSees:
    def test_members_see_their_signers_and_what_they_did(
        self, world: World, audit: Audit, ann: Caller, bob: Caller
    ) -> None:
        sign(world, ann, "b")
        sign(world, bob, "b")
        rows = audit.list(ann, OperationFilter(), PageRequest()).items
        seen = [(row.entry.actor, row.entry.signer, row.entry.action) for row in rows]
        assert seen == [
            ("ann", "b", None),
            ("admin", "a", "member:add"),
            ("admin", "a", "signer:create"),
        ]

    def test_one_row_follows_the_same_rule(
        self, world: World, audit: Audit, ann: Caller, bob: Caller
    ) -> None:
        sign(world, bob, "b")
        row = world.last_row()
        assert audit.get(bob, row.entry.id) == row
        for who, operation in ((ann, row.entry.id), (world.admin, "nothing")):
            with pytest.raises(Refused) as refused:
                audit.get(who, operation)
            assert refused.value.code == "operation_not_found"

    def test_only_server_roles_export(self, world: World, audit: Audit, ann: Caller) -> None:
        auditor = world.identity("eve", role=ServerRole.AUDITOR)
        head = audit.end(auditor)
        assert [row.sequence for row in audit.export(auditor)] == list(range(1, head.sequence + 1))
        for read in (audit.export, audit.end):
            with pytest.raises(Refused) as refused:
                read(ann)
            assert status_of(refused.value.code) == 403

    def test_an_export_ends_where_the_log_ended(
        self, world: World, audit: Audit, ann: Caller
    ) -> None:
        rows = audit.export(world.admin)
        head = audit.end(world.admin)
        sign(world, ann, "a")
        assert [row.sequence for row in rows][-1] == head.sequence
        assert audit.end(world.admin).sequence == head.sequence + 1

    def test_rows_of_one_number_stay_together_at_the_edge_of_a_slice(
        self, world: World, audit: Audit, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Somebody who made two of one must not get away with it there."""
        for name in ("carol", "dave"):
            world.identity(name)
        (twice,) = [bend for bend in BENDS if bend.name == "duplicated"]
        with closing(sqlite3.connect(world.location.store_path)) as connection:
            connection.executescript(twice.statements("sqlite"))
        monkeypatch.setattr(operations, "_EXPORT_ROWS", BAD)
        sequences = [row.sequence for row in audit.export(world.admin)]
        assert sequences == sorted([*range(1, audit.end(world.admin).sequence + 1), BAD])

"""What a table and a dataclass share is copied by its type."""

from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from controlplane.domain.model import MemberRole
from controlplane.store.mapping import Shared, as_json, columns_of


@dataclass(frozen=True)
class Badge:
    name: str
    role: MemberRole | None
    issued_at: datetime
    picture: bytes
    worn: bool
    colours: tuple[str, ...]
    holder: object


BADGE = Badge("b", MemberRole.OPERATOR, datetime(2026, 1, 2, tzinfo=UTC), b"\0", True, ("r",), 1)
COLUMNS = ["name", "role", "issued_at", "picture", "worn", "colours", "elsewhere"]


@pytest.fixture
def badges() -> Shared[Badge]:
    return Shared(Badge, COLUMNS, colours=as_json(tuple[str, ...]))


def test_values_stand_in_columns_as_every_database_has_them(badges: Shared[Badge]) -> None:
    assert badges.write(BADGE) == {
        "name": "b",
        "role": "operator",
        "issued_at": "2026-01-02T00:00:00.000000Z",
        "picture": b"\0",
        "worn": True,
        "colours": '["r"]',
    }
    assert badges.write(BADGE, "name", "worn") == {"name": "b", "worn": True}


def test_what_was_written_is_read_again(badges: Shared[Badge]) -> None:
    nobody = Badge("b", None, BADGE.issued_at, b"\0", False, (), None)
    for badge in (BADGE, nobody):
        columns = badges.write(badge) | {"elsewhere": 5}
        assert badges.read_columns(columns, holder=badge.holder) == badge


def test_a_type_that_no_column_holds_needs_a_form() -> None:
    with pytest.raises(TypeError, match=r"tuple\[str, \.\.\.\] needs a form"):
        Shared(Badge, ["colours"])


def test_a_table_can_follow_a_dataclass() -> None:
    @dataclass(frozen=True)
    class Plain:
        name: str
        role: MemberRole | None

    columns = columns_of(Plain)
    assert {name: column.null for name, column in columns.items()} == {"name": False, "role": True}
    assert list(columns_of(Plain, but=["name"])) == ["role"]

"""A flood of denials ends, for the identity that makes it and for nobody else."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from controlplane.api.refusals import status_of
from controlplane.domain.model import Caller, MemberRole, Outcome
from controlplane.errors import Refused
from controlplane.service.rates import A_SECOND, BURST
from tests.world import World, a_call


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path / "data")
    with world.services:
        yield world


def call(world: World, caller: Caller) -> tuple[int, str, int | None]:
    with pytest.raises(Refused) as refused:
        world.services.signing.sign(caller, a_call())
    return status_of(refused.value.code), refused.value.code, refused.value.retry_after


def denied(world: World, actor: str) -> int:
    return len(world.rows(actor=actor, outcome=Outcome.DENIED))


def test_after_so_many_at_once_they_leave_no_more_rows(world: World) -> None:
    flood, other = world.identity("flood"), world.identity("other")
    world.clock.freeze()
    for _ in range(BURST):
        assert call(world, flood) == (404, "signer_not_found", None)
    assert call(world, flood) == (429, "too_many_calls", 1)
    assert denied(world, "flood") == BURST
    assert call(world, other)[0] == 404
    world.clock.advance(seconds=3)
    for _ in range(int(3 * A_SECOND)):
        assert call(world, flood)[0] == 404
    assert call(world, flood)[0] == 429


def test_signing_is_not_held_up_by_it(world: World) -> None:
    flood = world.identity("flood")
    world.signer("mine", flood=MemberRole.OPERATOR)
    world.clock.freeze()
    for _ in range(BURST + 1):
        call(world, flood)
    assert world.services.signing.sign(flood, a_call("mine")).signature

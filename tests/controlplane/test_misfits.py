"""What the log of a store of an earlier version leads to is what is there, as far as its rows tell:
whatever the services do. What is refused where it is not: test_golden_store.py."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from controlplane.audit.replay import TAKES
from controlplane.service.location import Location
from controlplane.service.misfits import find_misfits
from tests.controlplane.everything import Everything
from tests.postgresql import database, postgresql  # noqa: F401  # fixtures
from tests.world import World


@pytest.fixture
def everything(tmp_path: Path, database: str | None) -> Iterator[Everything]:  # noqa: F811
    world = World(tmp_path / "data", database)
    with world.services:
        yield Everything(world)


def misfits(location: Location) -> list[str]:
    store = location.store()
    with store.closing(), store.read() as read:
        return find_misfits(read)


def test_of_a_store_with_something_of_everything_all_fits(everything: Everything) -> None:
    assert everything.actions() >= set(TAKES)
    assert misfits(everything.world.location) == []

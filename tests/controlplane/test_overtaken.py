"""A server that runs while a newer one brings the store up to date: it does nothing any more."""

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from threading import Event

import pytest

from controlplane.background.background import Background
from controlplane.background.job import Job
from controlplane.domain.model import IdentityKind, MemberRole
from controlplane.errors import Code, Refused
from controlplane.service.installation import existing_store
from controlplane.store.migrations import current_version
from controlplane.store.operations import read_last_hash
from controlplane.store.tables import SchemaVersion
from tests.postgresql import PostgresqlServer, database, postgresql  # noqa: F401  # fixtures
from tests.world import World, a_call

PATIENCE_SECONDS = 30.0


@pytest.fixture
def world(tmp_path: Path, database: str | None) -> Iterator[World]:  # noqa: F811
    world = World(tmp_path / "data", database)
    with world.services:
        world.identity("ci", IdentityKind.MACHINE)
        world.signer("release", ci=MemberRole.OPERATOR)
        yield world


def migrate_further(world: World) -> None:
    """As a version does that there is not yet."""
    store = existing_store(world.location)
    with store.closing(), store.write() as there:
        SchemaVersion.insert(version=current_version(there) + 1, applied_at="").execute(there)


def head(world: World) -> str:
    store = existing_store(world.location)
    with store.closing(), store.read() as there:
        return read_last_hash(there)


def test_it_signs_nothing_and_changes_nothing(world: World) -> None:
    ci = world.callers["ci"]
    world.services.signing.sign(ci, a_call())
    migrate_further(world)
    before = head(world)
    with pytest.raises(Refused) as refused:
        world.services.signing.sign(ci, a_call())
    assert refused.value.code is Code.STORE_TOO_NEW
    assert refused.value.retry_after
    with pytest.raises(Refused) as refused:
        world.services.identities.create(world.admin, "eve", IdentityKind.USER, None, None)
    assert refused.value.code is Code.STORE_TOO_NEW
    assert head(world) == before


def test_it_is_not_ready(world: World) -> None:
    migrate_further(world)
    with pytest.raises(Refused) as refused:
        world.services.check_ready()
    assert refused.value.code is Code.STORE_TOO_NEW


class Uncounted:
    def observe_run(self, job: str, *, failed: bool, seconds: float, late: float) -> None:
        """Nobody looks."""


def test_its_jobs_are_for_the_newer_one_once_they_have_ended(world: World) -> None:
    ran = Event()
    job = Job("work", "Works.", timedelta(seconds=0.01), ran.set)
    background = Background([job], world.services.jobs, Uncounted())
    try:
        assert ran.wait(PATIENCE_SECONDS)
        migrate_further(world)
        newer, deadline = world.services.jobs.election(), time.monotonic() + PATIENCE_SECONDS
        while not newer.wins():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        newer.close()
    finally:
        background.close()

"""How a process follows what others write, and what it makes of a log that leads it elsewhere."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from controlplane.domain.model import IdentityKind, MemberRole
from controlplane.errors import Altered, Code, Refused
from controlplane.service.installation import Services, open_services
from controlplane.service.rates import shared_places
from tests.world import World, a_call


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path / "data")
    with world.services:
        world.identity("ci", IdentityKind.MACHINE)
        world.identity("adam")
        world.signer("release", ci=MemberRole.OPERATOR, adam=MemberRole.ADMINISTRATOR)
        yield world


@pytest.fixture
def other(world: World) -> Iterator[Services]:
    """Another process's, which knows what there was so far."""
    with open_services(world.location) as services:
        yield services


def write(world: World, statement: str) -> None:
    with closing(sqlite3.connect(world.location.store_path)) as connection, connection:
        connection.executescript(f"DROP TRIGGER IF EXISTS operations_never_updated; {statement}")


def copy_of(store: Path, other: Path) -> None:
    with closing(sqlite3.connect(store)) as source, closing(sqlite3.connect(other)) as target:
        source.backup(target)


def await_that(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


LAST_CHANGE = "WHERE sequence = (SELECT MAX(sequence) FROM operations WHERE kind = 'change')"


@pytest.mark.parametrize(
    "objects", ["NULL", "'{}'", "'no JSON'", """json_set(objects, '$."signers/release"', NULL)"""]
)
def test_a_log_that_leads_elsewhere_does_not_lead_it_astray(
    world: World, other: Services, objects: str
) -> None:
    """The objects are there, and the head says that they are the state."""
    world.services.signers.disable(world.admin, "release")
    write(world, f"UPDATE operations SET objects = {objects} {LAST_CHANGE}")
    assert other.signers.get(world.admin, "release").signer.disabled
    other.signers.enable(world.admin, "release")
    assert other.signing.sign(world.callers["ci"], a_call("release")).signature
    assert world.services.signing.sign(world.callers["ci"], a_call("release")).signature


def test_nothing_goes_on_where_neither_log_nor_objects_fit_the_head(
    world: World, other: Services
) -> None:
    world.services.signers.disable(world.admin, "release")
    write(world, f"UPDATE operations SET objects = NULL {LAST_CHANGE};")
    write(world, "UPDATE signers SET disabled = 0;")
    for _ in range(2):
        with pytest.raises(Altered) as refused:
            other.signing.sign(world.callers["ci"], a_call("release"))
        assert refused.value.what == "audit_head"


def test_what_others_used_up_of_a_grant_is_known(world: World, other: Services) -> None:
    world.policy("two", max_signings=2)
    world.services.signers.set_policy(world.admin, "release", "two")
    world.services.grants.create(world.callers["adam"], "release", "ci", "so", signings=2)
    for services in (world.services, other):
        assert services.signing.sign(world.callers["ci"], a_call("release")).signature
    for services in (world.services, other):
        with pytest.raises(Refused) as refused:
            services.signing.sign(world.callers["ci"], a_call("release"))
        assert refused.value.code is Code.NO_ACTIVE_GRANT


def test_who_writes_a_row_in_the_place_of_one_that_is_gone_is_found_out(
    world: World, other: Services
) -> None:
    """A store that is put back behind one process only: what the other then writes is another log,
    though its head is proven."""
    aside = world.location.store_path.with_name("aside.db")
    copy_of(world.location.store_path, aside)
    assert world.services.signing.sign(world.callers["ci"], a_call("release")).signature
    copy_of(aside, world.location.store_path)
    for number in range(2):  # so that its log is as long, and then longer
        assert other.signing.sign(
            world.callers["ci"], a_call("release", idempotency_key=f"other-{number}")
        ).signature
        with pytest.raises(Refused) as refused:
            world.services.signing.sign(world.callers["ci"], a_call("release"))
        assert refused.value.code is Code.STORE_ROLLED_BACK


def test_a_store_that_is_put_back_gets_by_no_process_that_was_idle(
    world: World, tmp_path: Path
) -> None:
    """What it did not see itself another process of the server did: with a key that was revoked
    since nobody signs, and the log's key signs no other log."""
    places = shared_places()
    with (
        open_services(world.location, world.clock, places=places) as busy,
        open_services(world.location, world.clock, places=places) as idle,
    ):
        ci = world.callers["ci"]
        copy_of(world.location.store_path, tmp_path / "copy")
        busy.identities.revoke_key(world.admin, "ci", ci.api_key_id)
        copy_of(tmp_path / "copy", world.location.store_path)
        for each in (idle, busy):
            with pytest.raises(Refused) as refused:
                each.signing.sign(ci, a_call("release"))
            assert refused.value.code is Code.STORE_ROLLED_BACK
            with pytest.raises(Refused) as refused:
                each.published_log.publish()
            assert refused.value.code is Code.STORE_ROLLED_BACK


def test_an_idle_node_looks_by_itself_how_far_the_store_has_come(
    world: World, other: Services, tmp_path: Path
) -> None:
    anchor = tmp_path / "anchor.json"
    other.keep_anchor(anchor, lambda: None)
    await_that(anchor.exists)  # then it has nothing to note any more
    copy_of(world.location.store_path, tmp_path / "copy")
    ci = world.callers["ci"]
    world.services.identities.revoke_key(world.admin, "ci", ci.api_key_id)
    known, state = world.services._store.state, other._store.state
    assert known is not None
    assert state is not None
    await_that(lambda: state.seen == known.seen)
    copy_of(tmp_path / "copy", world.location.store_path)
    with pytest.raises(Refused) as refused:
        other.signing.sign(ci, a_call("release"))
    assert refused.value.code is Code.STORE_ROLLED_BACK

"""A clock that is set back brings nothing back: what ended stays ended, and rows are in order."""

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
import structlog.testing

from controlplane.api.metrics import Metrics, MetricsResource
from controlplane.domain.clock import NOTICED, TRUSTED, AcceptedClock
from controlplane.domain.model import Caller, IdentityKind, MemberRole, ServerRole, Step
from controlplane.domain.page import PageRequest
from controlplane.errors import Refused
from controlplane.service.gate import Proposed
from controlplane.service.installation import Services, open_services
from tests.controlplane.conftest import Api
from tests.world import SetClock, World, a_call

LITTLE = TRUSTED.total_seconds() - 1
MUCH = TRUSTED.total_seconds() + 60


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path / "data")
    with world.services:
        world.clock.freeze()
        world.identity("ann")
        world.identity("boss")
        world.identity("ci", IdentityKind.MACHINE, owner="ann")
        world.policy("hour", Step("lead", 1, ("boss",)), max_window_seconds=3600)
        world.signer("free", ci=MemberRole.OPERATOR)
        world.signer("release", policy="hour", ci=MemberRole.OPERATOR)
        yield world


def ci(world: World) -> Caller:
    return world.callers["ci"]


def code_of(call: Callable[[], object]) -> str:
    with pytest.raises(Refused) as refused:
        call()
    return refused.value.code


def a_row(world: World) -> None:
    world.services.signing.sign(ci(world), a_call("free"))


def a_grant(world: World) -> None:
    requests = world.services.requests
    asked = requests.create(ci(world), "release", "1.0", 3600)
    requests.approve(world.callers["boss"], asked.view.request.id)


def test_times_of_rows_never_run_backwards(world: World) -> None:
    a_row(world)
    latest = world.last_row().entry.created_at
    world.clock.advance(seconds=-LITTLE)
    a_row(world)
    world.services.signers.disable(world.admin, "free")
    times = [row.entry.created_at for row in world.rows()]
    assert times[:2] == [latest, latest]
    assert times == sorted(times, reverse=True)


def test_an_expired_grant_does_not_sign_because_the_clock_was_set_back(world: World) -> None:
    a_grant(world)
    world.clock.advance(seconds=3600)
    a_row(world)
    world.clock.advance(seconds=-60)
    assert code_of(lambda: world.services.signing.sign(ci(world), a_call())) == "no_active_grant"


def test_an_expired_request_is_not_approved_because_the_clock_was_set_back(world: World) -> None:
    world.policy("quick", Step("lead", 1, ("boss",)), request_ttl_seconds=60)
    world.services.signers.set_policy(world.admin, "release", "quick")
    requests = world.services.requests
    asked = requests.create(ci(world), "release", "1.0", 60).view.request
    world.clock.advance(seconds=60)
    a_row(world)
    world.clock.advance(seconds=-30)
    boss = world.callers["boss"]
    assert code_of(lambda: requests.approve(boss, asked.id)) == "request_not_pending"


def test_an_api_key_that_ended_does_not_call_because_the_clock_was_set_back(world: World) -> None:
    identities = world.services.identities
    key = identities.add_key(world.admin, "ci", timedelta(hours=1)).api_key
    world.clock.advance(seconds=3600)
    a_row(world)
    world.clock.advance(seconds=-60)
    assert code_of(lambda: identities.authenticate(key)) == "api_key_expired"


def test_what_another_server_wrote_counts(world: World) -> None:
    """Its clock is right, ours is behind."""
    behind = SetClock()
    behind.freeze()
    with open_services(world.location, behind) as other:
        world.clock.advance(seconds=MUCH)
        a_row(world)
        caller = other.identities.authenticate(world.machine_key("another"))
        assert code_of(lambda: other.signing.sign(caller, a_call("free"))) == "clock_behind"


def test_what_another_server_wrote_counts_though_memory_knows_nothing_of_it(world: World) -> None:
    """A little behind, and with all in memory that a signature needs."""
    a_grant(world)
    behind = SetClock()
    behind.freeze()
    with open_services(world.location, behind) as other:
        other.signing.sign(ci(world), a_call())
        world.clock.advance(seconds=3600)
        a_row(world)
        behind.advance(seconds=3600 - LITTLE)
        assert code_of(lambda: other.signing.sign(ci(world), a_call())) == "no_active_grant"


@pytest.fixture
def behind(world: World) -> World:
    """A server whose clock is too far behind for it to allow anything."""
    a_grant(world)
    a_row(world)
    requests = world.services.requests
    world.pending = requests.create(ci(world), "release", "2.0").view.request.id  # type: ignore[attr-defined]
    world.clock.advance(seconds=-MUCH)
    return world


def test_a_clock_that_is_far_behind_allows_nothing(behind: World) -> None:
    to, admin = behind.services, behind.admin
    rows = behind.last_row().sequence
    pending: str = behind.pending  # type: ignore[attr-defined]
    calls: dict[str, Callable[[], object]] = {
        "sign": lambda: to.signing.sign(ci(behind), a_call("free")),
        "sign under a grant": lambda: to.signing.sign(ci(behind), a_call("release")),
        "ask": lambda: to.requests.create(ci(behind), "release", "3.0"),
        "approve": lambda: to.requests.approve(behind.callers["boss"], pending),
        "grant": lambda: to.grants.create(admin, "release", "ci", "3.0"),
        "new member": lambda: to.members.add(admin, "free", "ann", MemberRole.OPERATOR),
        "new key": lambda: to.identities.add_key(admin, "ci"),
        "new identity": lambda: behind.machine_key("another"),
        "enrol": lambda: to.enrolments.use("swe_" + "x" * 43, None),
        "loosen": lambda: to.signers.set_policy(admin, "release", None),
    }
    assert {name: code_of(call) for name, call in calls.items()} == dict.fromkeys(
        calls, "clock_behind"
    )
    assert behind.last_row().sequence == rows  # as with a store that is away: no rows


def test_but_it_shows_all_and_takes_away(behind: World) -> None:
    to, admin = behind.services, behind.admin
    pending: str = behind.pending  # type: ignore[attr-defined]
    assert to.signers.get(admin, "release").signer.name == "release"
    (grant,) = to.grants.list(admin, PageRequest()).items
    to.grants.revoke(admin, grant.grant.id, "stop")
    to.requests.reject(behind.callers["boss"], pending, "no")
    to.members.remove(admin, "free", "ci")
    to.signers.disable(admin, "free")
    to.identities.revoke_key(admin, "ci", ci(behind).api_key_id)
    to.identities.disable(admin, "boss")
    assert behind.last_row().entry.action == "identity:disable"


def test_a_clock_that_is_right_again_allows_as_before(behind: World) -> None:
    behind.clock.advance(seconds=MUCH)
    a_row(behind)


@pytest.fixture
def ahead(world: World) -> World:
    """The clock was a day ahead, rows were written, and it is right again."""
    a_grant(world)
    world.clock.advance(days=1)
    a_row(world)
    world.clock.advance(days=-1)
    return world


def accept(world: World) -> AcceptedClock:
    return world.services.clock_acceptance.accept(world.admin)


def test_a_clock_that_was_ahead_is_accepted_and_decisions_go_by_it(ahead: World) -> None:
    to = ahead.services
    latest = ahead.last_row().entry.created_at
    assert code_of(lambda: a_row(ahead)) == "clock_behind"
    accepted = accept(ahead)
    assert (accepted.accepted_at, accepted.rows_at) == (ahead.clock(), latest)
    row = ahead.last_row().entry
    assert (row.action, row.created_at) == ("recovery:accept_clock", latest)
    to.signing.sign(ci(ahead), a_call())  # under the grant of an hour, which has not ended
    assert to.clock_behind() == timedelta(0)
    ahead.clock.advance(hours=1)
    assert code_of(lambda: to.signing.sign(ci(ahead), a_call())) == "no_active_grant"
    assert ahead.last_row().entry.created_at == latest
    ahead.clock.advance(hours=24)
    a_row(ahead)
    assert ahead.last_row().entry.created_at == ahead.clock()


def test_what_was_accepted_holds_in_other_processes_and_after_a_start(ahead: World) -> None:
    with open_services(ahead.location, ahead.clock) as running:
        caller = running.identities.authenticate(ahead.admin_key)
        assert code_of(lambda: running.requests.create(caller, "release", "x")) == "clock_behind"
        accept(ahead)
        running.identities.authenticate(ahead.admin_key)
        running.signing.sign(ci(ahead), a_call("free"))
    with open_services(ahead.location, ahead.clock) as started:
        started.signing.sign(ci(ahead), a_call("free"))


def test_a_clock_set_back_from_what_was_accepted_is_behind_again(ahead: World) -> None:
    accept(ahead)
    ahead.clock.advance(seconds=-MUCH)
    assert code_of(lambda: a_row(ahead)) == "clock_behind"


def test_and_so_is_every_other_clock_once_one_is_ahead_again(ahead: World) -> None:
    accept(ahead)
    ahead.clock.advance(days=2)
    a_row(ahead)
    ahead.clock.advance(days=-2)
    assert code_of(lambda: a_row(ahead)) == "clock_behind"


def test_a_clock_that_is_not_behind_is_nothing_to_accept(world: World) -> None:
    a_row(world)
    assert code_of(lambda: accept(world)) == "clock_not_behind"


def test_an_admin_alone_may_or_two_where_four_eyes_are_on(ahead: World) -> None:
    boss = ahead.callers["boss"]
    to = ahead.services
    assert code_of(lambda: to.clock_acceptance.accept(boss)) == "admin_required"
    ahead.clock.advance(days=1)
    first, second = (ahead.enrolled(name, role=ServerRole.ADMIN) for name in ("one", "two"))
    ahead.services.settings.set(first, "four-eyes", "on")
    ahead.clock.advance(days=-1)
    with pytest.raises(Proposed) as proposed:
        to.clock_acceptance.accept(first)
    assert code_of(lambda: a_row(ahead)) == "clock_behind"
    to.proposals.approve(second, proposed.value.view.proposal.id)
    assert ahead.last_row().entry.action == "recovery:accept_clock"
    a_row(ahead)


def test_what_was_accepted_is_part_of_the_state(ahead: World) -> None:
    """Whoever writes to the database sets no clock back."""
    accept(ahead)
    ahead.services.close()
    with closing(sqlite3.connect(ahead.location.store_path)) as file:
        file.execute("UPDATE accepted_clock SET accepted_at = '2000-01-01T00:00:00.000000Z'")
        file.commit()
    with open_services(ahead.location, ahead.clock) as services:
        admin = services.identities.authenticate(ahead.admin_key)
        assert services.state.verify(admin).altered == ("accepted_clock/1",)
        assert code_of(lambda: services.signing.sign(ci(ahead), a_call("free"))) == "clock_behind"


def test_callers_are_told_as_the_document_says(api: Api, clock: SetClock) -> None:
    clock.freeze()
    refused = api.post("/v1/recovery/accept-clock")
    assert (refused.status_code, refused.json["code"]) == (409, "clock_not_behind")
    key = api.machine("ci")
    api.signer("release", operator="ci")
    clock.advance(days=1)
    assert api.sign("release", key).status_code == 200
    clock.advance(days=-1)
    refused = api.sign("release", key)
    assert (refused.status_code, refused.json["code"]) == (503, "clock_behind")
    assert int(refused.headers["retry-after"]) > 0
    accepted = api.post("/v1/recovery/accept-clock")
    assert accepted.status_code == 200
    assert accepted.json["accepted_at"] < accepted.json["rows_at"]
    assert api.sign("release", key).status_code == 200


def gauge(services: Services) -> float:
    rendered = MetricsResource(Metrics(), services, named=False)._render(None, None).decode()
    found = re.search(r"^sealwright_clock_behind_seconds (\S+)$", rendered, re.MULTILINE)
    assert found is not None
    return float(found[1])


def test_a_clock_that_is_behind_is_told_once_a_minute_and_measured(world: World) -> None:
    a_row(world)
    assert gauge(world.services) == 0
    with structlog.testing.capture_logs() as logs:
        world.clock.advance(seconds=-NOTICED.total_seconds())
        a_row(world)
        assert not logs
        world.clock.advance(seconds=-1)
        a_row(world)
        a_row(world)
    seconds = NOTICED.total_seconds() + 1
    (told,) = [each for each in logs if each["event"] == "clock_behind"]
    assert (told["log_level"], told["seconds"]) == ("warning", seconds)
    assert gauge(world.services) == seconds

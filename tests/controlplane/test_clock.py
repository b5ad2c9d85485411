"""A clock that is set back brings nothing back: what ended stays ended, and rows are in order."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import structlog.testing

from controlplane.api.metrics import Metrics, MetricsResource
from controlplane.domain.model import Caller, IdentityKind, MemberRole, Step
from controlplane.domain.page import PageRequest
from controlplane.errors import Refused
from controlplane.service.installation import Services, open_services
from controlplane.service.time import NOTICED, REFUSED
from tests.world import SetClock, World, a_call

LITTLE = REFUSED.total_seconds() - 1
MUCH = REFUSED.total_seconds() + 60


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

"""A signer that is deleted: slowly, so that it can be taken back, and then for good."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from controlplane.api.refusals import status_of
from controlplane.background.jobs import jobs_of
from controlplane.domain.model import Caller, GrantState, MemberRole, SignerStatus, Step
from controlplane.domain.operation import OperationFilter
from controlplane.domain.page import PageRequest
from controlplane.domain.ranges import DEFAULT_DELETION, DELETION
from controlplane.errors import Refused
from controlplane.service.signers import Signers
from tests.world import World, a_call

DAY = 86_400


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """`release` is disabled, under a policy that `ann` approves; `ci` is its operator, and has
    signed with it."""
    world = World(tmp_path / "data")
    world.clock.freeze()
    with world.services:
        world.identity("ann")
        world.ci = world.identity("ci")  # type: ignore[attr-defined]
        world.signer(ci=MemberRole.OPERATOR)
        world.services.signing.sign(world.ci, a_call())  # type: ignore[attr-defined]
        world.policy("p", Step("lead", 1, ("ann",)))
        world.services.signers.set_policy(world.admin, "release", "p")
        world.services.signers.disable(world.admin, "release")
        yield world


@pytest.fixture
def signers(world: World) -> Signers:
    return world.services.signers


@pytest.fixture
def ci(world: World) -> Caller:
    found: Caller = world.ci  # type: ignore[attr-defined]
    return found


def refusal(call: Callable[[], object]) -> tuple[int, str, str | None]:
    with pytest.raises(Refused) as refused:
        call()
    return status_of(refused.value.code), refused.value.code, refused.value.field


def private_keys(world: World) -> int:
    """In the file, of signers."""
    with closing(sqlite3.connect(world.location.store_path)) as connection:
        ((number,),) = connection.execute("SELECT COUNT(handle) FROM signer_keys").fetchall()
    return int(number)


class TestAsking:
    def test_is_refused_while_the_signer_is_in_use(self, world: World, signers: Signers) -> None:
        signers.enable(world.admin, "release")
        refused = refusal(lambda: signers.delete(world.admin, "release"))
        assert refused == (409, "signer_not_disabled", None)
        assert signers.get(world.admin, "release").status is SignerStatus.ACTIVE

    def test_takes_seven_days_unless_told_otherwise(self, world: World, signers: Signers) -> None:
        view = signers.delete(world.admin, "release")
        assert view.status is SignerStatus.DELETING
        assert view.signer.deletes_at == world.clock() + timedelta(seconds=DEFAULT_DELETION)
        assert DEFAULT_DELETION == 7 * DAY
        assert signers.get(world.admin, "release") == view

    @pytest.mark.parametrize("seconds", [DAY, 90 * DAY])
    def test_takes_from_a_day_to_ninety(self, world: World, signers: Signers, seconds: int) -> None:
        view = signers.delete(world.admin, "release", seconds)
        assert view.signer.deletes_at == world.clock() + timedelta(seconds=seconds)

    @pytest.mark.parametrize("seconds", [-1, 0, 1, DAY - 1, 90 * DAY + 1])
    def test_takes_nothing_else(self, world: World, signers: Signers, seconds: int) -> None:
        refused = refusal(lambda: signers.delete(world.admin, "release", seconds))
        assert refused == (400, "invalid_request", "after_seconds")

    def test_takes_no_time_where_it_never_signed(self, world: World, signers: Signers) -> None:
        world.signer("typo")
        signers.disable(world.admin, "typo")
        keys = private_keys(world)
        assert signers.delete(world.admin, "typo", 0).status is SignerStatus.DELETING
        assert refusal(lambda: signers.get(world.admin, "typo"))[1] == "signer_not_found"
        assert private_keys(world) == keys - 1

    def test_ends_what_is_open_on_it(self, world: World, signers: Signers, ci: Caller) -> None:
        requests, grants = world.services.requests, world.services.grants
        adam = world.identity("adam")
        world.services.members.add(world.admin, "release", "adam", MemberRole.ADMINISTRATOR)
        request = requests.create(ci, "release", "x").view.request.id
        grant = grants.create(adam, "release", "ci", "y").grant.id
        signers.delete(world.admin, "release")
        assert requests.get(ci, request).state.value == "cancelled"
        assert grants.get(ci, grant).state is GrantState.REVOKED


class TestUntilThen:
    @pytest.fixture(autouse=True)
    def deleting(self, world: World, signers: Signers) -> None:
        signers.delete(world.admin, "release")

    def test_it_signs_nothing(self, world: World, ci: Caller) -> None:
        refused = refusal(lambda: world.services.signing.sign(ci, a_call()))
        assert refused == (403, "signer_disabled", None)

    def test_the_module_takes_it_for_disabled(self, world: World, ci: Caller) -> None:
        (only,) = world.services.catalogue.get(ci).signers
        assert only.status is SignerStatus.DISABLED

    @pytest.mark.parametrize("what", ["enable", "renew", "delete"])
    def test_it_is_not_changed(self, world: World, signers: Signers, what: str) -> None:
        refused = refusal(lambda: getattr(signers, what)(world.admin, "release"))
        assert refused == (409, "signer_deleting", None)

    def test_nothing_is_asked_for(self, world: World, ci: Caller) -> None:
        refused = refusal(lambda: world.services.requests.create(ci, "release", "x"))
        assert refused == (409, "signer_deleting", None)

    def test_its_name_is_taken(self, world: World) -> None:
        assert refusal(world.signer)[1] == "signer_exists"

    def test_what_is_missing_is_to_take_it_back(self, world: World, ci: Caller) -> None:
        (missing, *_) = world.services.explanations.explain(ci, "release", "ci", None).missing
        assert missing.action == "undelete_signer"  # type: ignore[union-attr]

    def test_it_can_be_taken_back(self, world: World, signers: Signers, ci: Caller) -> None:
        world.clock.advance(seconds=DEFAULT_DELETION - 1)
        kept = signers.undelete(world.admin, "release")
        assert (kept.status, kept.signer.deletes_at) == (SignerStatus.DISABLED, None)
        world.clock.advance(days=1)
        assert signers.enable(world.admin, "release").status is SignerStatus.ACTIVE
        signers.set_policy(world.admin, "release", None)
        assert world.services.signing.sign(ci, a_call()).signature


class TestFromThenOn:
    @pytest.fixture(autouse=True)
    def gone(self, world: World, signers: Signers, ci: Caller) -> None:
        """By the clock alone, and remembered as it was just before."""
        signers.delete(world.admin, "release", DELETION.least)
        world.clock.advance(seconds=DELETION.least - 1)
        refusal(lambda: world.services.signing.sign(ci, a_call()))
        world.services.catalogue.rendered(ci, lambda seen: str(len(seen.signers)).encode())
        world.clock.advance(seconds=1)

    def test_nobody_sees_it(self, world: World, signers: Signers, ci: Caller) -> None:
        page = PageRequest()
        assert refusal(lambda: signers.get(world.admin, "release"))[1] == "signer_not_found"
        assert refusal(lambda: signers.undelete(world.admin, "release"))[1] == "signer_not_found"
        assert signers.list(world.admin, page).items == ()
        assert world.services.policies.get(world.admin, "p").signers == ()
        assert world.services.policies.list(ci, page).items == ()

    def test_a_call_to_sign_is_told_that_it_is_not_there(self, world: World, ci: Caller) -> None:
        refused = refusal(lambda: world.services.signing.sign(ci, a_call()))
        assert refused == (404, "signer_not_found", None)
        assert world.last_row().entry.reason == "not_a_member"

    def test_the_module_does_not_see_it(self, world: World, ci: Caller) -> None:
        rendered = world.services.catalogue.rendered(
            ci, lambda seen: str(len(seen.signers)).encode()
        )
        assert rendered.body == b"0"

    def test_its_members_read_their_own_rows_only(self, world: World, ci: Caller) -> None:
        found = world.services.audit.list(ci, OperationFilter(), PageRequest()).items
        assert {row.entry.actor for row in found} == {"ci"}

    def test_its_rows_stay(self, world: World) -> None:
        assert world.rows(signer="release")[-1].entry.action == "signer:create"

    def test_its_name_and_number_are_never_given_again(self, world: World) -> None:
        assert refusal(world.signer)[1] == "signer_name_used"
        assert world.signer("other").signer.number == 2

    def test_its_policy_is_free(self, world: World) -> None:
        world.services.policies.delete(world.admin, "p")

    def test_its_keys_are_erased_by_the_next_change_of_anything(self, world: World) -> None:
        assert private_keys(world) == 1
        world.identity("zoe")
        assert private_keys(world) == 0
        erased, made, *_ = world.rows()
        assert (made.entry.action, made.entry.object) == ("identity:create", "zoe")
        assert (erased.entry.action, erased.entry.signer) == ("signer:erase", "release")
        assert (erased.entry.actor, erased.entry.api_key_id) == (None, None)

    def test_its_keys_are_erased_in_the_background_where_nobody_changes_anything(
        self, world: World
    ) -> None:
        (job,) = [each for each in jobs_of(world.services) if each.name == "erase-deleted"]
        job.run()
        assert private_keys(world) == 0

    def test_they_are_erased_once(self, world: World) -> None:
        world.identity("zoe")
        world.identity("yan")
        rows = [row.entry.action for row in world.rows(signer="release")]
        assert rows.count("signer:erase") == 1

    def test_the_policy_tells_that_it_was_taken_off_then(self, world: World) -> None:
        at = world.clock()
        world.clock.advance(days=1)
        world.identity("zoe")
        newest = world.services.policies.get(world.admin, "p").changes[0]
        told = (newest.change.value, newest.signer, newest.by, newest.at)
        assert told == ("detached", "release", None, at)

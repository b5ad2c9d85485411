"""Somebody leaves: revoked first, and nothing of theirs goes on by itself."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from controlplane.api.refusals import status_of
from controlplane.domain.model import (
    IdentityKind,
    MemberRole,
    Request,
    RequestState,
    ServerRole,
    Step,
)
from controlplane.domain.policy import TermsEdit
from controlplane.errors import Refused
from controlplane.service.disabling import Disabled
from controlplane.service.requests import Requests
from tests.world import World, a_call

MACHINE = IdentityKind.MACHINE
OPERATOR = MemberRole.OPERATOR


def refusal(call: Callable[[], object]) -> tuple[int, str]:
    with pytest.raises(Refused) as refused:
        call()
    return status_of(refused.value.code), refused.value.code


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """`ann` owns `bot`, an operator; she and `bot` are approvers beside `bob`, `carol` and `dave`,
    three of whom say yes. `ci` asks."""
    world = World(tmp_path / "data")
    with world.services:
        for name in ("ann", "bob", "carol", "dave"):
            world.identity(name)
        world.identity("bot", MACHINE, owner="ann")
        world.identity("ci", MACHINE)
        world.policy("p", Step("three", 3, ("ann", "bot", "bob", "carol", "dave")))
        world.signer(policy="p", ci=OPERATOR, bot=OPERATOR)
        world.signer("free", bot=OPERATOR)
        yield world


@pytest.fixture
def requests(world: World) -> Requests:
    return world.services.requests


def ask(world: World, who: str = "ci") -> str:
    created = world.services.requests.create(world.callers[who], "release", f"by {who}")
    return created.view.request.id


def show(world: World, request: str) -> Request:
    return world.services.requests.get(world.admin, request).request


def disable(world: World, name: str, machines: str | None = None) -> Disabled:
    return world.services.identities.disable(world.admin, name, machines)


class TestMachines:
    def test_are_decided_about(self, world: World) -> None:
        with pytest.raises(Refused) as refused:
            disable(world, "ann")
        assert (status_of(refused.value.code), refused.value.code) == (409, "machines_undecided")
        assert "bot" in refused.value.title
        assert not world.services.identities.get(world.admin, "ann").disabled

    def test_are_disabled_with_their_owner(self, world: World) -> None:
        done = disable(world, "ann", "disable")
        assert done.identity.disabled
        assert [(each.name, each.disabled) for each in done.machines] == [("bot", True)]
        actions = [row.entry.action for row in world.rows()[:2]]
        assert actions == ["identity:disable", "identity:disable"]
        sign = lambda: world.services.signing.sign(world.callers["bot"], a_call("free"))  # noqa: E731
        assert refusal(sign) == (401, "identity_disabled")

    def test_that_are_kept_sign_and_approve_nothing(self, world: World, requests: Requests) -> None:
        request = ask(world)
        disable(world, "ann", "keep")
        world.services.signing.sign(world.callers["bot"], a_call("free"))
        approve = lambda: requests.approve(world.callers["bot"], request)  # noqa: E731
        assert refusal(approve) == (403, "owner_disabled")
        rejected = requests.reject(world.callers["bot"], request, "the build is broken")
        assert rejected.state is RequestState.REJECTED

    def test_are_offered_to_somebody_else(self, world: World, requests: Requests) -> None:
        request = ask(world)
        done = disable(world, "ann", "carol")
        (bot,) = done.machines
        assert (bot.owner, bot.proposed_owner, bot.disabled) == ("ann", "carol", False)
        approve = lambda: requests.approve(world.callers["bot"], request)  # noqa: E731
        assert refusal(approve) == (403, "owner_disabled")
        world.services.identities.accept(world.callers["carol"], "bot")
        assert requests.approve(world.callers["bot"], request).missing[0].given == 1

    @pytest.mark.parametrize("owner", ["ghost", "ci", "ann"])
    def test_are_offered_to_users_that_could_accept(self, world: World, owner: str) -> None:
        assert refusal(lambda: disable(world, "ann", owner))[0] in (400, 409)
        assert not world.services.identities.get(world.admin, "ann").disabled

    def test_are_not_handed_past_a_protected_policy(self, world: World) -> None:
        world.services.policies.edit(world.admin, "p", TermsEdit(protected=True))
        assert refusal(lambda: disable(world, "ann", "carol")) == (409, "machines_undecided")
        disable(world, "ann", "keep")

    def test_can_be_decided_about_later(self, world: World) -> None:
        disable(world, "ann", "keep")
        assert disable(world, "ann").machines == ()
        assert disable(world, "ann", "disable").machines[0].disabled

    def test_leave_an_admin(self, world: World) -> None:
        world.identity("root-bot", MACHINE, ServerRole.ADMIN, owner="ann")
        root = world.callers["root-bot"]
        world.identity("second", role=ServerRole.ADMIN)
        disable(world, "second")
        identities = world.services.identities
        for name in ("ci",):
            identities.disable(root, name)
        identities.disable(root, "admin", "keep")
        leave = lambda: identities.disable(root, "ann", "disable")  # noqa: E731
        assert refusal(leave) == (409, "last_admin")


class TestWhatWasSaid:
    def test_requests_are_cancelled(self, world: World) -> None:
        mine, theirs = ask(world, "bot"), ask(world)
        done = disable(world, "ann", "disable")
        assert done.ended.requests == (mine,)
        assert show(world, mine).ended is RequestState.CANCELLED
        assert show(world, theirs).ended is None
        row = world.rows()[0].entry
        assert (row.action, row.object, row.actor) == ("request:cancel", mine, "admin")

    def test_requests_of_a_machine_that_is_kept_stay(self, world: World) -> None:
        request = ask(world, "bot")
        assert disable(world, "ann", "keep").ended.requests == ()
        assert show(world, request).ended is None

    @pytest.mark.parametrize(("who", "machines"), [("ann", "keep"), ("bot", "keep")])
    def test_approvals_do_not_count_any_more(
        self, world: World, requests: Requests, who: str, machines: str
    ) -> None:
        request = ask(world)
        requests.approve(world.callers[who], request)
        requests.approve(world.callers["bob"], request)
        done = disable(world, "ann", machines)
        (withdrawn,) = done.ended.withdrawn
        assert (withdrawn.ballot, withdrawn.step, withdrawn.approver) == (request, 1, who)
        assert [each.approver for each in show(world, request).counting] == ["bob"]
        row = world.rows()[0].entry
        assert (row.action, row.object) == ("request:withdraw", request)
        requests.approve(world.callers["carol"], request)
        assert requests.approve(world.callers["dave"], request).state is RequestState.APPROVED
        grant = world.services.grants.get(world.admin, show(world, request).grant_id or "").grant
        assert [each.approver for each in grant.approvals or ()] == ["bob", "carol", "dave"]

    def test_a_machine_alone_takes_its_approvals_with_it(
        self, world: World, requests: Requests
    ) -> None:
        request = ask(world)
        requests.approve(world.callers["bot"], request)
        assert len(disable(world, "bot").ended.withdrawn) == 1

    def test_who_comes_back_says_it_anew(self, world: World, requests: Requests) -> None:
        request = ask(world)
        requests.approve(world.callers["bob"], request)
        disable(world, "bob")
        world.services.identities.enable(world.admin, "bob")
        assert show(world, request).counting == ()
        again = requests.approve(world.callers["bob"], request, "still")
        (decision,) = again.request.decisions
        assert (decision.comment, decision.withdrawn_at) == ("still", None)

    def test_no_approval_slips_through_while_they_are_disabled(
        self, world: World, requests: Requests
    ) -> None:
        """Either it came before, and is withdrawn, or it is refused."""
        asked = [ask(world), *(ask_again(world, number) for number in range(7))]

        def approve(request: str) -> None:
            with suppress(Refused):
                requests.approve(world.callers["bob"], request)

        with ThreadPoolExecutor(4) as threads:
            running = [threads.submit(approve, request) for request in asked]
            disable(world, "bob")
            for each in running:
                each.result()
        assert [show(world, request).counting for request in asked] == [()] * len(asked)


def ask_again(world: World, number: int) -> str:
    create = world.services.requests.create
    return create(world.callers["ci"], "release", f"again {number}").view.request.id


class TestTold:
    def test_policies_that_nobody_can_meet_any_more(self, world: World) -> None:
        """One by one, until too few are left."""
        assert disable(world, "ann", "disable").unmet == ()
        (unmet,) = disable(world, "bob").unmet
        assert unmet.policy == "p"
        (told,) = unmet.what
        assert "needs 3 approvals, and 2 people" in told
        (unmet,) = disable(world, "carol").unmet
        assert "and 1 person" in unmet.what[0]

    def test_grants_that_nobody_can_use(self, world: World) -> None:
        world.identity("adam")
        world.services.members.add(world.admin, "release", "adam", MemberRole.ADMINISTRATOR)
        grants = world.services.grants
        grant = grants.create(world.callers["adam"], "release", "bot", "nightly").grant.id
        assert disable(world, "ann", "keep").grants == ()
        assert disable(world, "bot").grants == (grant,)

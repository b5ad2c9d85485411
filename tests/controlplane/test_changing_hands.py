"""Machines that change hands: as long as nobody has accepted, they count as both persons'."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from controlplane.api.refusals import status_of
from controlplane.domain.identity_edit import IdentityEdit
from controlplane.domain.model import (
    Caller,
    Identity,
    IdentityKind,
    MemberRole,
    Request,
    RequestState,
    ServerRole,
    Step,
)
from controlplane.domain.page import PageRequest
from controlplane.domain.policy import TermsEdit
from controlplane.errors import Refused
from controlplane.service.gate import Proposed
from controlplane.service.identities import Identities
from controlplane.service.requests import Requests
from tests.world import World

MACHINE = IdentityKind.MACHINE
OPERATOR = MemberRole.OPERATOR


def refusal(call: Callable[[], object]) -> tuple[int, str]:
    with pytest.raises(Refused) as refused:
        call()
    return status_of(refused.value.code), refused.value.code


def proposed(call: Callable[[], object]) -> str:
    """The id of what others have to agree to."""
    with pytest.raises(Proposed) as raised:
        call()
    return raised.value.view.proposal.id


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Approvers `ann`, `bob` and `carol`, two of whom say yes; `ci` asks."""
    world = World(tmp_path / "data")
    with world.services:
        for name in ("ann", "bob", "carol"):
            world.identity(name)
        world.identity("ci", MACHINE)
        world.policy("p", Step("two", 2, ("ann", "bob", "carol")))
        world.signer(policy="p", ci=OPERATOR)
        yield world


@pytest.fixture
def identities(world: World) -> Identities:
    return world.services.identities


@pytest.fixture
def requests(world: World) -> Requests:
    return world.services.requests


def made_for(world: World, owner: str, name: str = "bot") -> Caller:
    """A machine that an admin made, and that nobody has accepted."""
    identities = world.services.identities
    created = identities.create(world.admin, name, MACHINE, owner=owner)
    world.callers[name] = identities.authenticate(created.api_key)
    return world.callers[name]


def offer(world: World, name: str, owner: str) -> Identity:
    edit = world.services.identities.edit
    return edit(world.admin, name, IdentityEdit(owner=owner))


def named(world: World, required: int, *approvers: str) -> None:
    """The policy's step."""
    step = Step("two", required, approvers)
    edit = world.services.policies.edit
    edit(world.admin, "p", TermsEdit(steps=(step,)))


def ask(world: World, who: str = "ci") -> str:
    created = world.services.requests.create(world.callers[who], "release", f"by {who}")
    return created.view.request.id


def show(world: World, request: str) -> Request:
    return world.services.requests.get(world.admin, request).request


class TestOffer:
    def test_the_owner_named_at_creation_accepts_first(
        self, world: World, identities: Identities
    ) -> None:
        made_for(world, "ann")
        bot = identities.get(world.admin, "bot")
        assert (bot.owner, bot.proposed_owner, bot.persons) == (
            "admin",
            "ann",
            frozenset({"admin", "ann"}),
        )
        identities.accept(world.callers["ann"], "bot")
        bot = identities.get(world.admin, "bot")
        assert (bot.owner, bot.proposed_owner, bot.persons) == ("ann", None, frozenset({"ann"}))

    def test_a_machine_for_its_creator_is_theirs_at_once(
        self, world: World, identities: Identities
    ) -> None:
        created = identities.create(world.admin, "bot", MACHINE, owner="admin").identity
        assert (created.owner, created.proposed_owner) == ("admin", None)

    def test_only_who_is_to_own_it_accepts(self, world: World, identities: Identities) -> None:
        made_for(world, "ann")
        world.identity("zoe", role=ServerRole.ADMIN)
        for who, expected in (
            ("bob", (404, "identity_not_found")),
            ("zoe", (403, "not_proposed_owner")),
            ("admin", (403, "not_proposed_owner")),
            ("bot", (403, "not_proposed_owner")),
        ):
            assert refusal(lambda: identities.accept(world.callers[who], "bot")) == expected  # noqa: B023
        identities.accept(world.callers["ann"], "bot")
        again = identities.accept(world.callers["ann"], "bot")
        assert again.owner == "ann"
        assert [row.entry.action for row in world.rows()].count("identity:accept") == 1

    def test_who_is_to_own_it_sees_it(self, world: World, identities: Identities) -> None:
        made_for(world, "ann")
        assert identities.get(world.callers["ann"], "bot").name == "bot"

    def test_the_owners_name_takes_back_what_was_offered(
        self, world: World, identities: Identities
    ) -> None:
        made_for(world, "ann")
        assert offer(world, "bot", "admin").proposed_owner is None
        assert refusal(lambda: identities.accept(world.callers["ann"], "bot"))[0] == 404

    def test_it_is_offered_to_users_that_could_accept(self, world: World) -> None:
        world.services.identities.disable(world.admin, "bob")
        for machine, owner in (("ci", "ghost"), ("ci", "bot"), ("ci", "bob"), ("ann", "carol")):
            with pytest.raises(Refused) as refused:
                offer(world, machine, owner)
            assert refused.value.field == "owner"

    def test_what_a_machine_makes_while_it_changes_hands_changes_hands_too(
        self, world: World, identities: Identities
    ) -> None:
        made = identities.create(world.admin, "robot", MACHINE, ServerRole.ADMIN, "ann")
        robot = identities.authenticate(made.api_key)
        created = identities.create(robot, "x", MACHINE).identity
        assert created.persons == {"admin", "ann"}
        for owner in ("bob", "admin"):
            with pytest.raises(Refused) as refused:
                identities.create(robot, "y", MACHINE, owner=owner)
            assert refused.value.field == "owner"


class TestCountsAsBoth:
    def test_a_machine_that_was_said_to_be_somebody_elses_bars_its_creator(
        self, world: World, requests: Requests
    ) -> None:
        """An approver declares their machine to be another's, without the other, and says yes to
        what it asks for."""
        made_for(world, "carol")
        world.services.members.add(world.admin, "release", "bot", OPERATOR)
        named(world, 1, "admin", "carol", "ann")
        request = ask(world, "bot")
        for who in ("admin", "carol"):
            approve = lambda: requests.approve(world.callers[who], request)  # noqa: B023, E731
            assert refusal(approve) == (403, "own_request")
        done = requests.approve(world.callers["ann"], request)
        assert done.state is RequestState.APPROVED

    def test_a_machine_given_to_an_approver_takes_no_veto_away(
        self, world: World, requests: Requests
    ) -> None:
        made_for(world, "carol")
        world.services.members.add(world.admin, "release", "bot", OPERATOR)
        request = ask(world, "bot")
        rejected = requests.reject(world.callers["carol"], request, "not mine")
        assert rejected.state is RequestState.REJECTED

    def test_a_machine_that_approves_counts_as_both(self, world: World, requests: Requests) -> None:
        made_for(world, "carol")
        named(world, 2, "bot", "admin", "carol", "ann")
        world.identity("dora")
        world.services.members.add(world.admin, "release", "dora", OPERATOR)
        request = ask(world, "dora")
        requests.approve(world.callers["bot"], request)
        for who in ("admin", "carol"):
            approve = lambda: requests.approve(world.callers[who], request)  # noqa: B023, E731
            assert refusal(approve) == (409, "already_decided")
        rejected = requests.reject(world.callers["carol"], request, "I never said yes")
        assert rejected.state is RequestState.REJECTED

    def test_neither_of_them_pre_approves_it_a_grant(self, world: World) -> None:
        world.identity("adam")
        world.services.members.add(world.admin, "release", "adam", MemberRole.ADMINISTRATOR)
        made_for(world, "adam")
        world.services.members.add(world.admin, "release", "bot", OPERATOR)
        create = world.services.grants.create
        pre_approve = lambda: create(world.callers["adam"], "release", "bot", "x")  # noqa: E731
        assert refusal(pre_approve) == (403, "own_grant")
        offer(world, "bot", "ann")
        assert create(world.callers["adam"], "release", "bot", "x").grant.grantee == "bot"

    def test_a_step_of_people_and_a_machine_between_them_is_not_met(self, world: World) -> None:
        offer(world, "ci", "ann")
        named(world, 2, "admin", "ann", "ci")
        assert refusal(lambda: named(world, 3, "admin", "ann", "ci")) == (
            409,
            "policy_cannot_be_met",
        )


class TestAccept:
    def test_ends_what_it_asked_for_in_other_hands(
        self, world: World, requests: Requests, identities: Identities
    ) -> None:
        request = ask(world)
        offer(world, "ci", "ann")
        assert show(world, request).ended is None
        identities.accept(world.callers["ann"], "ci")
        ended = show(world, request)
        assert (ended.ended, ended.ended_by) == (RequestState.CANCELLED, "ann")
        assert world.rows()[0].entry.action == "request:cancel"

    def test_withdraws_what_it_approved_in_other_hands(
        self, world: World, requests: Requests, identities: Identities
    ) -> None:
        """Else its former owner would say yes twice."""
        world.identity("bot", MACHINE, owner="ann")
        named(world, 2, "bot", "ann", "carol")
        request = ask(world)
        requests.approve(world.callers["bot"], request, "checked")
        offer(world, "bot", "bob")
        identities.accept(world.callers["bob"], "bot")
        (withdrawn,) = show(world, request).decisions
        assert withdrawn.withdrawn_at is not None
        row = world.rows()[0].entry
        assert (row.action, row.object, row.signer) == ("request:withdraw", request, "release")
        assert row.details == {
            "approver": "bot",
            "step": 1,
            "step_name": "two",
            "requester": "ci",
        }
        once = requests.approve(world.callers["ann"], request)
        assert once.state is RequestState.PENDING
        assert once.missing[0].given == 1
        done = requests.approve(world.callers["bot"], request, "checked again")
        assert done.state is RequestState.APPROVED
        (grant,) = world.services.grants.list(world.admin, PageRequest()).items
        assert [each.approver for each in grant.grant.approvals or ()] == ["ann", "bot"]

    def test_what_completed_a_step_stays(
        self, world: World, requests: Requests, identities: Identities
    ) -> None:
        world.identity("bot", MACHINE, owner="ann")
        steps = (Step("one", 1, ("bot",)), Step("two", 1, ("bob", "carol")))
        world.services.policies.edit(world.admin, "p", TermsEdit(steps=steps))
        request = ask(world)
        requests.approve(world.callers["bot"], request)
        offer(world, "bot", "bob")
        identities.accept(world.callers["bob"], "bot")
        assert show(world, request).open_step == 1


class TestProtected:
    """A machine that a protected policy names as an approver."""

    @pytest.fixture
    def protected(self, world: World) -> World:
        for name in ("fay", "gus"):
            world.callers[name] = world.enrolled(name)
        made = world.enrolled("bot", MACHINE, owner="ann")
        world.services.identities.accept(world.callers["ann"], "bot")
        world.callers["bot"] = made
        steps = (Step("two", 2, ("bot", "fay", "gus")),)
        edit = TermsEdit(steps=steps, protected=True)
        world.services.policies.edit(world.admin, "p", edit)
        return world

    def test_is_offered_with_the_consent_of_its_steps(self, protected: World) -> None:
        proposal = proposed(lambda: offer(protected, "bot", "carol"))
        decide = protected.services.proposals.approve
        decide(protected.callers["fay"], proposal)
        decide(protected.callers["gus"], proposal)
        bot = protected.services.identities.get(protected.admin, "bot")
        assert (bot.owner, bot.proposed_owner) == ("ann", "carol")

    def test_withdraws_its_consent_too_when_it_changes_hands(self, protected: World) -> None:
        detach = protected.services.signers.set_policy
        offered = proposed(lambda: offer(protected, "bot", "carol"))
        for name in ("fay", "gus"):
            protected.services.proposals.approve(protected.callers[name], offered)
        asked = proposed(lambda: detach(protected.admin, "release", None))
        protected.services.proposals.approve(protected.callers["bot"], asked)
        protected.services.identities.accept(protected.callers["carol"], "bot")
        view = protected.services.proposals.get(protected.admin, asked)
        assert view.missing[0].given == 0
        row = protected.rows()[0].entry
        assert (row.action, row.object) == ("proposal:withdraw", asked)


class TestEdit:
    def test_changes_role_and_address_and_leaves_the_rest(
        self, world: World, identities: Identities
    ) -> None:
        before = identities.get(world.admin, "ann")
        address = "ann@example.com"
        edited = identities.edit(
            world.admin, "ann", IdentityEdit(role=ServerRole.ADMIN, email=address)
        )
        assert edited == replace(before, role=ServerRole.ADMIN, email=address)
        assert identities.get(world.admin, "ann") == edited
        row = world.rows()[0].entry
        assert (row.action, row.object) == ("identity:edit", "ann")
        assert row.details == {
            "role": "admin",
            "role_before": None,
            "email": address,
            "email_before": None,
        }
        identities.edit(world.admin, "ann", IdentityEdit())
        assert [each.entry.action for each in world.rows()].count("identity:edit") == 1

    def test_takes_a_role_away_at_once(self, world: World, identities: Identities) -> None:
        zoe = world.identity("zoe", role=ServerRole.ADMIN)
        identities.edit(world.admin, "zoe", IdentityEdit(role=None))
        assert refusal(lambda: identities.create(zoe, "x", MACHINE)) == (403, "admin_required")

    def test_leaves_an_admin(self, world: World, identities: Identities) -> None:
        for role in (None, ServerRole.AUDITOR):
            edit = lambda: identities.edit(  # noqa: E731
                world.admin,
                "admin",
                IdentityEdit(role=role),  # noqa: B023
            )
            assert refusal(edit) == (409, "last_admin")

    def test_is_for_admins(self, world: World, identities: Identities) -> None:
        edit = lambda: identities.edit(  # noqa: E731
            world.callers["ann"], "ann", IdentityEdit(role=ServerRole.ADMIN)
        )
        assert refusal(edit) == (403, "admin_required")

    @pytest.mark.parametrize(
        "address",
        ["", "@", "ann", "ann@", "@b", "a@b@c", "a b@c", "a@b\n", "a@\tb", "a" * 253 + "@b"],
    )
    def test_an_address_is_plain(self, world: World, identities: Identities, address: str) -> None:
        with pytest.raises(Refused) as refused:
            identities.edit(world.admin, "ann", IdentityEdit(email=address))
        assert (status_of(refused.value.code), refused.value.field) == (400, "email")

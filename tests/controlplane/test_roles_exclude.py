"""An auditor, of the server or of a signer, is nothing else there."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from controlplane.api.refusals import status_of
from controlplane.domain.identity_edit import IdentityEdit
from controlplane.domain.model import IdentityKind, MemberRole, RequestState, ServerRole, Step
from controlplane.errors import Refused
from tests.world import World, a_call, by_hand

MACHINE = IdentityKind.MACHINE
SIGNING = (MemberRole.OPERATOR, MemberRole.ADMINISTRATOR)
AUDITOR = IdentityEdit(role=ServerRole.AUDITOR)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """`release` has no policy; `adam` is its administrator."""
    world = World(tmp_path / "data")
    with world.services:
        world.identity("adam")
        world.identity("ann")
        world.signer(adam=MemberRole.ADMINISTRATOR)
        yield world


def excluded(call: Callable[[], object]) -> str:
    with pytest.raises(Refused) as refused:
        call()
    assert (status_of(refused.value.code), refused.value.code) == (409, "roles_exclude")
    return refused.value.title


def join(world: World, name: str, role: MemberRole, signer: str = "release") -> None:
    world.services.members.add(world.admin, signer, name, role)


def edit(world: World, name: str, given: IdentityEdit) -> None:
    world.services.identities.edit(world.admin, name, given)


class TestServerAuditor:
    @pytest.mark.parametrize("role", SIGNING)
    def test_is_no_member_that_signs(self, world: World, role: MemberRole) -> None:
        world.identity("eve", role=ServerRole.AUDITOR)
        told = excluded(lambda: join(world, "eve", role))
        assert f"eve is {role.value} of release" in told
        join(world, "eve", MemberRole.AUDITOR)

    @pytest.mark.parametrize("role", SIGNING)
    def test_was_no_member_that_signs(self, world: World, role: MemberRole) -> None:
        join(world, "ann", role)
        excluded(lambda: edit(world, "ann", AUDITOR))
        world.services.members.remove(world.admin, "release", "ann")
        edit(world, "ann", AUDITOR)

    def test_signs_and_manages_by_no_machine(self, world: World) -> None:
        world.identity("bot", MACHINE, owner="ann")
        join(world, "bot", MemberRole.OPERATOR)
        assert "bot is operator of release" in excluded(lambda: edit(world, "ann", AUDITOR))
        world.identity("root-bot", MACHINE, ServerRole.ADMIN, owner="adam")
        assert "root-bot is a server admin" in excluded(lambda: edit(world, "adam", AUDITOR))

    def test_is_offered_no_machine_that_signs_or_manages(self, world: World) -> None:
        world.identity("eve", role=ServerRole.AUDITOR)
        world.identity("bot", MACHINE)
        edit(world, "bot", IdentityEdit(owner="eve"))
        excluded(lambda: join(world, "bot", MemberRole.OPERATOR))
        excluded(lambda: edit(world, "bot", IdentityEdit(role=ServerRole.ADMIN)))
        world.identity("ci", MACHINE)
        join(world, "ci", MemberRole.OPERATOR)
        excluded(lambda: edit(world, "ci", IdentityEdit(owner="eve")))
        create = world.services.identities.create
        excluded(lambda: create(world.admin, "x", MACHINE, ServerRole.ADMIN, "eve"))

    def test_is_nobody_who_is_asked_to_approve(self, world: World) -> None:
        world.policy("p", Step("x", 1, ("ann", "adam")))
        world.services.signers.set_policy(world.admin, "release", "p")
        assert "ann is asked to approve" in excluded(lambda: edit(world, "ann", AUDITOR))
        world.services.signers.set_policy(world.admin, "release", None)
        edit(world, "ann", AUDITOR)

    def test_owns_machines_that_watch(self, world: World) -> None:
        world.identity("eve", role=ServerRole.AUDITOR)
        world.identity("dashboard", MACHINE, ServerRole.AUDITOR, owner="eve")

    def test_leaves_the_owner_of_a_machine_free(self, world: World) -> None:
        world.identity("dashboard", MACHINE, ServerRole.AUDITOR, owner="ann")
        join(world, "ann", MemberRole.OPERATOR)


class TestAuditorOfASigner:
    def test_is_nobody_whom_a_request_names_as_approver(self, world: World) -> None:
        """Its opponents would take a veto away, by the rule that auditors decide nothing."""
        world.policy("p", Step("x", 1, ("ann",)))
        world.services.signers.set_policy(world.admin, "release", "p")
        world.identity("ci", MACHINE)
        join(world, "ci", MemberRole.OPERATOR)
        requests = world.services.requests
        request = requests.create(world.callers["ci"], "release", "x").view.request.id
        world.services.signers.set_policy(world.admin, "release", None)
        add = world.services.members.add
        excluded(lambda: add(world.callers["adam"], "release", "ann", MemberRole.AUDITOR))
        rejected = requests.reject(world.callers["ann"], request, "no")
        assert rejected.state is RequestState.REJECTED
        join(world, "ann", MemberRole.AUDITOR)

    def test_is_nobody_whose_machine_the_policy_names(self, world: World) -> None:
        world.identity("bot", MACHINE, owner="ann")
        world.policy("p", Step("x", 1, ("bot",)))
        world.services.signers.set_policy(world.admin, "release", "p")
        excluded(lambda: join(world, "ann", MemberRole.AUDITOR))

    def test_is_nobody_whose_machine_signs_there(self, world: World) -> None:
        world.identity("bot", MACHINE, owner="ann")
        join(world, "bot", MemberRole.OPERATOR)
        world.signer("other")
        join(world, "ann", MemberRole.AUDITOR, "other")
        excluded(lambda: join(world, "ann", MemberRole.AUDITOR))

    def test_was_an_operator_until_then(self, world: World) -> None:
        join(world, "ann", MemberRole.OPERATOR)
        join(world, "ann", MemberRole.AUDITOR)
        join(world, "ann", MemberRole.OPERATOR)


class TestOfBefore:
    """A store may hold what was allowed once."""

    @pytest.mark.parametrize("who", ["eve", "bot", "bots-of-a-watcher"])
    def test_an_auditor_who_is_a_member_cannot_sign(self, world: World, who: str) -> None:
        world.identity("eve", role=ServerRole.AUDITOR)
        world.identity("bot", MACHINE, owner="eve")
        world.identity("wanda")
        world.identity("bots-of-a-watcher", MACHINE, owner="wanda")
        with by_hand(world.location) as store:
            for name, role in ((who, "operator"), ("wanda", "auditor")):
                store.execute_sql(  # type: ignore[no-untyped-call]
                    "INSERT INTO members SELECT signers.id, identities.id, ?, identities.created_at"
                    " FROM signers, identities WHERE identities.name = ?",
                    (role, name),
                )
        with pytest.raises(Refused) as refused:
            world.services.signing.sign(world.callers[who], a_call())
        assert (status_of(refused.value.code), refused.value.code) == (403, "role_cannot_sign")
        assert world.last_row().entry.reason == "role_cannot_sign"

    def test_a_contradiction_that_there_was_bars_no_other_change(self, world: World) -> None:
        world.identity("eve", role=ServerRole.AUDITOR)
        world.policy("p", Step("x", 1, ("adam", "eve")))
        world.services.signers.set_policy(world.admin, "release", "p")
        edit(world, "eve", IdentityEdit(email="eve@example.com"))
        join(world, "eve", MemberRole.AUDITOR)

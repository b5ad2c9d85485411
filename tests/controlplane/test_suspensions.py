"""What a rollback suspends does nothing until an admin confirms it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from controlplane.api.refusals import status_of
from controlplane.domain.action import Action
from controlplane.domain.model import (
    GrantState,
    IdentityKind,
    MemberRole,
    Request,
    RequestState,
    ServerRole,
    Step,
)
from controlplane.domain.page import PageRequest
from controlplane.domain.policy import TermsEdit
from controlplane.domain.suspension import Suspension, SuspensionKind
from controlplane.errors import Refused
from controlplane.service.changes import record
from controlplane.service.gate import Proposed
from controlplane.service.installation import proven_store
from controlplane.store.suspensions import suspend
from tests.postgresql import PostgresqlServer
from tests.postgresql import postgresql as postgresql
from tests.world import World, a_call

API_KEY, APPROVAL, GRANT = SuspensionKind.API_KEY, SuspensionKind.APPROVAL, SuspensionKind.GRANT


def refusal(call: Callable[[], object]) -> tuple[int, str]:
    with pytest.raises(Refused) as refused:
        call()
    return status_of(refused.value.code), refused.value.code


class Scene:
    """`ci`, an operator of `release`, has a grant for two signings, which `adam` gave, and one
    request that `ann` approved, where `bob` has to as well; then all is suspended, but the admin's
    key."""

    def __init__(self, world: World) -> None:
        self.world = world
        for name in ("ann", "bob", "adam"):
            world.identity(name)
        world.identity("ci", IdentityKind.MACHINE)
        world.policy("p", Step("both", 2, ("ann", "bob")), max_signings=2)
        members = {"ci": MemberRole.OPERATOR, "adam": MemberRole.ADMINISTRATOR}
        world.signer(policy="p", **members)  # type: ignore[arg-type]
        services = world.services
        grant = services.grants.create(world.callers["adam"], "release", "ci", "nightly", None, 2)
        self.grant = grant.grant.id
        asked = services.requests.create(world.callers["ci"], "release", "1.2")
        self.request = asked.view.request.id
        services.requests.approve(world.callers["ann"], self.request)

    def suspend(self, *kept: str) -> None:
        """All but the keys of these."""
        callers, world = self.world.callers, self.world
        keys = {callers[name].api_key_id for name in kept or ("admin",)}
        store = proven_store(world.location)
        with store.closing(), store.change() as database:
            for _ in suspend(database, keys, world.clock()):
                record(database, None, Action.INSTALLATION_JOIN, "nobody", at=world.clock())

    def suspended(self) -> list[Suspension]:
        page = self.world.services.suspensions.list(self.world.admin, PageRequest())
        return list(page.items)

    def confirm(self, kind: SuspensionKind, id_: str, who: str = "admin") -> Suspension:
        return self.world.services.suspensions.confirm(self.world.callers[who], kind, id_)

    def let_in(self, *names: str) -> None:
        for name in names:
            self.confirm(API_KEY, self.world.callers[name].api_key_id)

    def sign(self) -> None:
        self.world.services.signing.sign(self.world.callers["ci"], a_call())

    def shown(self) -> Request:
        return self.world.services.requests.get(self.world.admin, self.request).request

    def approve(self, who: str) -> RequestState:
        return self.world.services.requests.approve(self.world.callers[who], self.request).state


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    world = World(tmp_path / "data")
    with world.services:
        yield Scene(world)


@pytest.fixture
def suspended(scene: Scene) -> Scene:
    scene.suspend()
    return scene


def test_each_kind_is_listed_with_whose_it_is(suspended: Scene) -> None:
    found = suspended.suspended()
    keys = [each.identity for each in found if each.kind is API_KEY]
    assert sorted(keys) == ["adam", "ann", "bob", "ci"]
    others = [(each.kind, each.id, each.identity, each.signer) for each in found[4:]]
    assert others == [
        (APPROVAL, f"{suspended.request}:1:ann", "ann", "release"),
        (GRANT, suspended.grant, "ci", "release"),
    ]


def test_the_list_is_paged(suspended: Scene) -> None:
    seen: list[Suspension] = []
    cursor = None
    for _ in range(3):
        page = suspended.world.services.suspensions.list(
            suspended.world.admin, PageRequest(2, cursor)
        )
        seen += page.items
        cursor = page.next
    assert (seen, cursor) == (suspended.suspended(), None)


def test_an_api_key_is_refused_with_a_row(suspended: Scene) -> None:
    """As one that is revoked is, and by who remembers it as well."""
    assert refusal(suspended.sign) == (401, "api_key_suspended")
    row = suspended.world.last_row().entry
    assert (row.actor, row.outcome, row.reason) == ("ci", "denied", "api_key_suspended")
    assert refusal(lambda: suspended.approve("bob")) == (401, "api_key_suspended")


def test_a_grant_does_not_count(suspended: Scene) -> None:
    suspended.let_in("ci")
    assert refusal(suspended.sign) == (403, "no_active_grant")
    shown = suspended.world.services.grants.get(suspended.world.admin, suspended.grant)
    assert shown.state is GrantState.SUSPENDED
    suspended.confirm(GRANT, suspended.grant)
    suspended.sign()


def test_an_approval_does_not_count(suspended: Scene) -> None:
    suspended.confirm(APPROVAL, f"{suspended.request}:1:ann")
    assert [each.approver for each in suspended.shown().counting] == ["ann"]
    suspended.let_in("bob")
    assert suspended.approve("bob") is RequestState.APPROVED


def test_one_with_which_all_would_have_agreed_is_said_again(suspended: Scene) -> None:
    """Whoever confirms it does not approve: nothing would come of the request."""
    suspended.let_in("ann", "bob")
    assert suspended.approve("bob") is RequestState.PENDING
    confirm = lambda: suspended.confirm(APPROVAL, f"{suspended.request}:1:ann")  # noqa: E731
    assert refusal(confirm) == (409, "step_changed")
    left = suspended.world.services.suspensions.confirm_all(suspended.world.admin).left
    assert [each.kind for each in left] == [APPROVAL]
    assert suspended.approve("ann") is RequestState.APPROVED


def test_who_approved_may_as_well_say_it_again(suspended: Scene) -> None:
    suspended.let_in("ann", "bob")
    assert suspended.approve("ann") is RequestState.PENDING
    assert suspended.approve("bob") is RequestState.APPROVED
    assert not [each for each in suspended.suspended() if each.kind is APPROVAL]


def test_the_same_in_a_database_server(tmp_path: Path, postgresql: PostgresqlServer) -> None:
    world = World(tmp_path / "data", postgresql.new_database())
    with world.services:
        scene = Scene(world)
        scene.suspend()
        assert refusal(scene.sign) == (401, "api_key_suspended")
        assert world.services.suspensions.confirm_all(world.admin).left == ()
        scene.sign()
        assert [each.approver for each in scene.shown().counting] == ["ann"]
        assert scene.approve("bob") is RequestState.APPROVED


class TestConfirming:
    def test_leaves_a_row_each(self, suspended: Scene) -> None:
        count = len(suspended.suspended())
        done = suspended.world.services.suspensions.confirm_all(suspended.world.admin)
        assert (len(done.confirmed), done.left, suspended.suspended()) == (count, (), [])
        rows = [each.entry for each in suspended.world.rows()[:count]]
        assert {(each.action, each.actor) for each in rows} == {("recovery:confirm", "admin")}
        assert {each.object for each in rows} == {each.id for each in done.confirmed}
        suspended.sign()

    def test_is_for_admins(self, suspended: Scene) -> None:
        suspended.let_in("ann")
        confirm = lambda: suspended.confirm(GRANT, suspended.grant, "ann")  # noqa: E731
        assert refusal(confirm) == (403, "admin_required")
        listed = suspended.world.services.suspensions.list
        read = lambda: listed(suspended.world.callers["ann"], PageRequest())  # noqa: E731
        assert refusal(read) == (403, "reader_required")

    @pytest.mark.parametrize("kind", [API_KEY, APPROVAL, GRANT])
    def test_is_of_what_is_suspended(self, suspended: Scene, kind: SuspensionKind) -> None:
        assert refusal(lambda: suspended.confirm(kind, "x")) == (404, "suspension_not_found")

    def test_of_a_revoked_key_or_grant_there_is_none(self, suspended: Scene) -> None:
        """Revocation is for good: what is suspended can be revoked all the same."""
        world = suspended.world
        key = world.callers["ci"].api_key_id
        world.services.identities.revoke_key(world.admin, "ci", key)
        world.services.grants.revoke(world.admin, suspended.grant, "no longer wanted")
        for kind, id_ in ((API_KEY, key), (GRANT, suspended.grant)):
            assert refusal(lambda: suspended.confirm(kind, id_))[0] == 404  # noqa: B023
        assert refusal(suspended.sign) == (401, "api_key_revoked")

    def test_of_an_approval_by_who_was_disabled_there_is_none(self, suspended: Scene) -> None:
        suspended.world.services.identities.disable(suspended.world.admin, "ann")
        approval = f"{suspended.request}:1:ann"
        assert refusal(lambda: suspended.confirm(APPROVAL, approval))[0] == 404

    def test_of_a_grant_for_a_signer_that_is_deleted_there_is_none(self, suspended: Scene) -> None:
        signers, admin = suspended.world.services.signers, suspended.world.admin
        signers.disable(admin, "release")
        signers.delete(admin, "release")
        state = suspended.world.services.grants.get(admin, suspended.grant).state
        assert state is GrantState.REVOKED
        assert {each.kind for each in suspended.suspended()} == {API_KEY}

    def test_takes_the_approvers_of_a_protected_policy(self, scene: Scene) -> None:
        """To what is under it: an admin could not give it either."""
        world = scene.world
        for name in ("eve", "fred"):
            world.callers[name] = world.enrolled(name)
        world.policy("guarded", Step("both", 2, ("eve", "fred")))
        world.services.policies.edit(world.admin, "guarded", TermsEdit(protected=True))
        world.signer("other", policy="guarded", ci=MemberRole.OPERATOR)
        asked = world.services.requests.create(world.callers["ci"], "other", "1.2").view.request.id
        world.services.requests.approve(world.callers["eve"], asked)
        scene.suspend()
        done = world.services.suspensions.confirm_all(world.admin)
        assert [(each.kind, each.identity) for each in done.left] == [(APPROVAL, "eve")]
        with pytest.raises(Proposed) as proposed:
            scene.confirm(APPROVAL, f"{asked}:1:eve")
        (step,) = proposed.value.view.proposal.steps
        assert step.approvers == ("eve", "fred")

    def test_takes_another_admin_where_four_eyes_are_on(self, scene: Scene) -> None:
        world = scene.world
        admin = world.enrolled("ada", role=ServerRole.ADMIN)
        second = world.enrolled("boris", role=ServerRole.ADMIN)
        world.callers |= {"ada": admin, "boris": second}
        world.services.settings.set(world.admin, "four-eyes", "on")
        scene.suspend("ada", "boris")
        with pytest.raises(Proposed) as proposed:
            world.services.suspensions.confirm_all(admin)
        proposal = proposed.value.view.proposal
        assert refusal(scene.sign) == (401, "api_key_suspended")
        world.services.proposals.approve(second, proposal.id)
        assert world.services.suspensions.list(admin, PageRequest()).items == ()
        assert world.services.suspensions.confirm_all(admin).confirmed == ()  # asks nobody
        scene.sign()

    def test_takes_nobody_where_nobody_else_could_agree(self, scene: Scene) -> None:
        """Who gets in alone lets another admin in, and then needs them."""
        world = scene.world
        for name in ("ada", "boris"):
            world.callers[name] = world.enrolled(name, role=ServerRole.ADMIN)
        world.services.settings.set(world.admin, "four-eyes", "on")
        scene.suspend("ada")
        scene.confirm(API_KEY, world.callers["boris"].api_key_id, "ada")
        with pytest.raises(Proposed):
            scene.confirm(API_KEY, world.callers["ci"].api_key_id, "ada")

"""Every call that changes something, by every role, on protected ground and elsewhere, alone and
with the others' consent: who may make it, and who has to agree."""

from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

from controlplane.domain.identity_edit import IdentityEdit
from controlplane.domain.model import (
    Caller,
    IdentityKind,
    KeyAlgorithm,
    MemberRole,
    RequestState,
    ServerRole,
    Step,
    Terms,
)
from controlplane.domain.policy import TermsEdit
from controlplane.domain.signer import SignerDescription
from controlplane.errors import Refused
from controlplane.service.gate import Proposed
from controlplane.service.installation import Services
from tests.world import World

ROLES = {
    "admin": "root",
    "auditor of the server": "sam",
    "administrator of the signer": "adm",
    "operator": "op",
    "machine of the operator": "op-bot",
    "auditor of the signer": "audrey",
    "approver": "ann",
    "nobody": "zoe",
}
P256 = KeyAlgorithm.P256
LEAD = Step("lead", 1, ("ann", "bob", "away"))
SECURITY = Step("security", 1, ("@guards",))
AGREE = ("bob", "carol")
ADMIN, AUDITOR, ADMINISTRATOR, OPERATOR, MACHINE, _, APPROVER, NOBODY = ROLES


class Scene:
    """`release` has the policy `two`, which is protected or not; `stopped` has it and is disabled,
    `going` is being deleted; `op` has a grant."""

    def __init__(self, world: World, *, protected: bool) -> None:
        self.world = world
        self.callers = {"first": world.admin}
        for name in ("ann", "bob", "carol", "away", "adm", "op", "audrey", "zoe"):
            self.callers[name] = world.enrolled(name)
        self.callers["op-bot"] = world.enrolled("op-bot", IdentityKind.MACHINE, owner="op")
        self.callers["root"] = world.enrolled("root", role=ServerRole.ADMIN)
        self.callers["sam"] = world.enrolled("sam", role=ServerRole.AUDITOR)
        to, admin = world.services, world.admin
        to.identities.accept(self["op"], "op-bot")
        to.groups.create(admin, "guards")
        to.groups.add(admin, "guards", "carol")
        world.policy("two", LEAD, SECURITY)
        world.policy("lax")
        members = {
            "adm": MemberRole.ADMINISTRATOR,
            "op": MemberRole.OPERATOR,
            "op-bot": MemberRole.OPERATOR,
            "audrey": MemberRole.AUDITOR,
        }
        for signer in ("release", "stopped", "going"):
            world.signer(signer, **members)  # type: ignore[arg-type]
            to.signers.set_policy(admin, signer, "two")
        for signer in ("stopped", "going"):
            to.signers.disable(admin, signer)
        to.signers.delete(admin, "going")
        asked = to.requests.create(self["op"], "release", "1.2").view.request.id
        if protected:
            to.policies.edit(admin, "two", TermsEdit(protected=True))
            asked = to.requests.create(self["op"], "release", "1.2").view.request.id
        for name in AGREE:
            granted = to.requests.approve(self[name], asked, step=None).request.grant_id
        self.grant = granted or ""
        self.waiting = to.requests.create(self["op"], "release", "1.3").view.request.id
        to.identities.disable(admin, "away")

    def __getitem__(self, name: str) -> Caller:
        return self.callers[name]

    @property
    def services(self) -> Services:
        return self.world.services

    def copy_to(self, folder: Path) -> "Scene":
        scene = copy(self)
        scene.world = self.world.copy_to(folder / "data")
        return scene


@dataclass(frozen=True)
class Call:
    """`may`: the roles that may make it; `guarded`: on protected ground others have to agree."""

    make: Callable[[Services, Scene, Caller], object]
    may: set[str]
    guarded: bool = False


MANAGERS = {ADMIN, ADMINISTRATOR}
SIGNING = {ADMINISTRATOR, OPERATOR, MACHINE}
CALLS = {
    "create an identity": Call(
        lambda to, _, who: to.identities.create(who, "new", IdentityKind.USER), {ADMIN}
    ),
    "create an identity with a code": Call(
        lambda to, _, who: to.enrolments.create_identity(who, "new", IdentityKind.USER), {ADMIN}
    ),
    "edit an identity": Call(
        lambda to, _, who: to.identities.edit(who, "zoe", IdentityEdit(email="z@example.com")),
        {ADMIN},
    ),
    "offer a machine that signs": Call(
        lambda to, _, who: to.identities.edit(who, "op-bot", IdentityEdit(owner="zoe")), {ADMIN}
    ),
    "disable an approver": Call(lambda to, _, who: to.identities.disable(who, "ann"), {ADMIN}),
    "enable an approver": Call(
        lambda to, _, who: to.identities.enable(who, "away"), {ADMIN}, guarded=True
    ),
    "give an approver a key": Call(
        lambda to, _, who: to.identities.add_key(who, "bob"), {ADMIN}, guarded=True
    ),
    "give an approver of a group a key": Call(
        lambda to, _, who: to.identities.add_key(who, "carol"), {ADMIN}, guarded=True
    ),
    "give an approver a code": Call(
        lambda to, _, who: to.enrolments.create(who, "bob"), {ADMIN}, guarded=True
    ),
    "give somebody with a grant a key": Call(
        lambda to, _, who: to.identities.add_key(who, "op"), {ADMIN}, guarded=True
    ),
    "give somebody else a key": Call(lambda to, _, who: to.identities.add_key(who, "zoe"), {ADMIN}),
    "revoke a key": Call(
        lambda to, scene, who: to.identities.revoke_key(who, "bob", scene["bob"].api_key_id),
        {ADMIN},
    ),
    "create a group": Call(lambda to, _, who: to.groups.create(who, "new"), {ADMIN}),
    "make somebody an approver by a group": Call(
        lambda to, _, who: to.groups.add(who, "guards", "zoe"), {ADMIN}, guarded=True
    ),
    "create a signer": Call(
        lambda to, _, who: to.signers.create(who, SignerDescription("new", P256, "New")), {ADMIN}
    ),
    "disable the signer": Call(lambda to, _, who: to.signers.disable(who, "release"), MANAGERS),
    "enable the signer": Call(
        lambda to, _, who: to.signers.enable(who, "stopped"), MANAGERS, guarded=True
    ),
    "renew the signer": Call(lambda to, _, who: to.signers.renew(who, "release"), {ADMIN}),
    "delete the signer": Call(
        lambda to, _, who: to.signers.delete(who, "stopped"), {ADMIN}, guarded=True
    ),
    "take the deletion back": Call(lambda to, _, who: to.signers.undelete(who, "going"), {ADMIN}),
    "detach the policy": Call(
        lambda to, _, who: to.signers.set_policy(who, "release", None), MANAGERS, guarded=True
    ),
    "attach another policy": Call(
        lambda to, _, who: to.signers.set_policy(who, "release", "lax"), {ADMIN}, guarded=True
    ),
    "create a policy": Call(
        lambda to, _, who: to.policies.create(who, "new", Terms(60, None)), {ADMIN}
    ),
    "loosen the policy": Call(
        lambda to, _, who: to.policies.edit(who, "two", TermsEdit(max_signings=9)),
        {ADMIN},
        guarded=True,
    ),
    "tighten the policy": Call(
        lambda to, _, who: to.policies.edit(who, "two", TermsEdit(max_signings=1)), {ADMIN}
    ),
    "add an operator": Call(
        lambda to, _, who: to.members.add(who, "release", "zoe", MemberRole.OPERATOR), MANAGERS
    ),
    "add an administrator": Call(
        lambda to, _, who: to.members.add(who, "release", "zoe", MemberRole.ADMINISTRATOR),
        MANAGERS,
        guarded=True,
    ),
    "add an auditor": Call(
        lambda to, _, who: to.members.add(who, "release", "zoe", MemberRole.AUDITOR),
        MANAGERS,
        guarded=True,
    ),
    "remove a member": Call(lambda to, _, who: to.members.remove(who, "release", "op"), MANAGERS),
    "pre-approve a grant": Call(
        lambda to, _, who: to.grants.create(who, "release", "op", "because"),
        {ADMINISTRATOR},
        guarded=True,
    ),
    "revoke a grant": Call(
        lambda to, scene, who: to.grants.revoke(who, scene.grant, "stop"), MANAGERS
    ),
    "ask for a grant": Call(lambda to, _, who: to.requests.create(who, "release", "x"), SIGNING),
    "approve a request": Call(
        lambda to, scene, who: to.requests.approve(who, scene.waiting), {APPROVER}
    ),
    "reject a request": Call(
        lambda to, scene, who: to.requests.reject(who, scene.waiting, "no"), {APPROVER}
    ),
    "cancel somebody's request": Call(
        lambda to, scene, who: to.requests.cancel(who, scene.waiting), {*MANAGERS, OPERATOR}
    ),
    "change a setting": Call(
        lambda to, _, who: to.settings.set(who, "approval-hold", "1h"), {ADMIN}
    ),
}


@pytest.fixture(scope="module", params=[True, False], ids=["protected", "unprotected"])
def ground(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Scene, bool]:
    world = World(tmp_path_factory.mktemp("ground") / "data")
    with world.services:
        return Scene(world, protected=request.param), request.param


@pytest.fixture
def fresh(ground: tuple[Scene, bool], tmp_path: Path) -> Iterator[Callable[[], Scene]]:
    """Another copy each time."""
    opened: list[Scene] = []
    numbers = count()

    def make() -> Scene:
        opened.append(ground[0].copy_to(tmp_path / str(next(numbers))))
        return opened[-1]

    yield make
    for scene in opened:
        scene.services.close()


@pytest.mark.parametrize("name", CALLS)
def test_who_may_and_who_has_to_agree(
    ground: tuple[Scene, bool], fresh: Callable[[], Scene], name: str
) -> None:
    call, (_, is_protected) = CALLS[name], ground
    scene = fresh()
    before = scene.world.last_row()
    for role in sorted(ROLES.keys() - call.may):
        with pytest.raises(Refused):
            call.make(scene.services, scene, scene[ROLES[role]])
        assert scene.world.last_row() == before, role
    for role in sorted(call.may):
        scene = fresh()
        if not (call.guarded and is_protected):
            call.make(scene.services, scene, scene[ROLES[role]])
            assert scene.world.last_row().entry.action != "proposal:create"
            continue
        with pytest.raises(Proposed) as proposed:
            call.make(scene.services, scene, scene[ROLES[role]])
        view = proposed.value.view
        assert scene.world.last_row().entry.action == "proposal:create"
        for agreeing in AGREE:
            view = scene.services.proposals.approve(scene[agreeing], view.proposal.id)
        assert view.state is RequestState.APPROVED
        assert scene.world.last_row().entry.proposal == view.proposal.id

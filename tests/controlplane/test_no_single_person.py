"""One hand, with every role and every key that it can get hold of, against a protected policy: it
never signs. The model is one sentence: without carol there is no signature but op's."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)
from structlog.testing import capture_logs

from controlplane.domain.model import (
    Caller,
    IdentityKind,
    MemberRole,
    ServerRole,
    Step,
)
from controlplane.domain.page import PageRequest
from controlplane.domain.policy import TermsEdit
from controlplane.domain.ranges import DELETION
from controlplane.errors import Refused
from controlplane.service.gate import Proposed
from controlplane.service.installation import Services
from tests.world import World, a_call

STEPS = (Step("lead", 1, ("ann", "bob")), Step("security", 1, ("@security",)))
HANDS = {
    "an admin": ("root", "root-bot"),
    "an administrator of the signer": ("adm", "adm-bot"),
    "an operator": ("eve", "eve-bot"),
    "an approver": ("ann", "ann-bot"),
    "all of them": tuple(
        f"{name}{bot}" for name in ("root", "adm", "eve", "ann") for bot in ("", "-bot")
    ),
}
"""Who acts: carol, dora and op never do. op has a grant. dora is disabled. carol and dora are in
the group `security`, adm in `rulers`, which is administrator of the signer."""


class Scene:
    def __init__(self, world: World) -> None:
        self.world = world
        self.callers: dict[str, Caller] = {}
        for name in ("ann", "bob", "carol", "dora", "adm", "eve", "op"):
            self.callers[name] = world.enrolled(name)
        self.callers["root"] = world.enrolled("root", role=ServerRole.ADMIN)
        for owner in ("root", "adm", "eve", "ann"):
            name = f"{owner}-bot"
            self.callers[name] = world.enrolled(name, IdentityKind.MACHINE, owner=owner)
        for group, users in (("security", ("carol", "dora")), ("rulers", ("adm",))):
            world.services.groups.create(world.admin, group)
            for user in users:
                world.services.groups.add(world.admin, group, user)
        world.policy("two", *STEPS, max_signings=100)
        world.policy("lax", Step("lead", 1, ("ann", "bob")))
        world.signer("release", op=MemberRole.OPERATOR)
        world.services.members.add(world.admin, "release", "@rulers", MemberRole.ADMINISTRATOR)
        for name in ("eve", "eve-bot", "adm-bot"):
            world.services.members.add(world.admin, "release", name, MemberRole.OPERATOR)
        world.services.members.add(world.admin, "release", "ann", MemberRole.ADMINISTRATOR)
        world.services.signers.set_policy(world.admin, "release", "two")
        world.services.policies.edit(world.admin, "two", TermsEdit(protected=True))
        request = world.services.requests.create(self.callers["op"], "release", "1.2").view
        for step, name in enumerate(("bob", "carol"), 1):
            world.services.requests.approve(self.callers[name], request.request.id, step=step)
        world.services.identities.disable(world.admin, "dora")


NAMES = st.sampled_from(["ann", "carol", "dora", "eve", "op", "root", "new"])
GROUPS = st.sampled_from(["security", "rulers", "new"])
MEMBERS = st.one_of(NAMES, GROUPS.map("@{}".format))
POLICIES = st.sampled_from(["two", "lax", "new"])
SIGNERS = st.sampled_from(["release", "release", "release", "new"])
ROLES = st.sampled_from(list(MemberRole))
KINDS = st.sampled_from(list(IdentityKind))
ONE_STEP = st.sampled_from(
    [
        (),
        (Step("lead", 1, ("ann",)),),
        (Step("x", 1, ("eve",)),),
        (Step("x", 1, ("@new",)),),
        (STEPS[0],),
        STEPS[::-1],
    ]
)
EDITS = st.one_of(
    ONE_STEP.map(lambda steps: TermsEdit(steps=steps)),
    st.just(TermsEdit(protected=False)),
    st.just(TermsEdit(protected=True)),
    st.just(TermsEdit(max_signings=None)),
)


class OneHand(RuleBasedStateMachine):
    """`purse`: whom it can call as. `secrets`: that it was told, of which some may work later."""

    def __init__(self, template: Scene, hand: tuple[str, ...], scratch: Path) -> None:
        super().__init__()
        self._folder = TemporaryDirectory(dir=scratch)
        self._silence = capture_logs()
        self._silence.__enter__()
        self.world = template.world.copy_to(Path(self._folder.name) / "data")
        self.purse = [template.callers[name] for name in hand]
        self.keys: list[str] = []
        self.codes: list[str] = []

    def teardown(self) -> None:
        self.world.services.close()
        self._silence.__exit__(None, None, None)
        self._folder.cleanup()

    @property
    def to(self) -> Services:
        return self.world.services

    def attempt(self, call: Callable[[Caller], object]) -> object:
        """By the first of the purse who may; None: nobody may, or it was proposed."""
        for who in list(self.purse):
            with suppress(Refused):
                try:
                    return call(who)
                except Proposed as proposed:
                    secrets = proposed.secrets
                    self.keys += [secrets["api_key"]] if "api_key" in secrets else []
                    self.codes += [secrets["enrolment_code"]] if "enrolment_code" in secrets else []
        return None

    @rule(signer=SIGNERS, policy=st.one_of(st.none(), POLICIES))
    def set_policy(self, signer: str, policy: str | None) -> None:
        self.attempt(lambda who: self.to.signers.set_policy(who, signer, policy))

    @rule(policy=POLICIES, edit=EDITS)
    def edit_policy(self, policy: str, edit: TermsEdit) -> None:
        self.attempt(lambda who: self.to.policies.edit(who, policy, edit))

    @rule(policy=POLICIES)
    def delete_policy(self, policy: str) -> None:
        self.attempt(lambda who: self.to.policies.delete(who, policy))

    @rule(group=GROUPS)
    def make_group(self, group: str) -> None:
        self.attempt(lambda who: self.to.groups.create(who, group))

    @rule(group=GROUPS)
    def delete_group(self, group: str) -> None:
        self.attempt(lambda who: self.to.groups.delete(who, group))

    @rule(group=GROUPS, name=NAMES, joins=st.booleans())
    def change_group(self, group: str, name: str, joins: bool) -> None:
        change = self.to.groups.add if joins else self.to.groups.remove
        self.attempt(lambda who: change(who, group, name))

    @rule(name=MEMBERS, role=ROLES)
    def add_member(self, name: str, role: MemberRole) -> None:
        self.attempt(lambda who: self.to.members.add(who, "release", name, role))

    @rule(name=MEMBERS)
    def remove_member(self, name: str) -> None:
        self.attempt(lambda who: self.to.members.remove(who, "release", name))

    @rule(name=NAMES)
    def pre_approve(self, name: str) -> None:
        self.attempt(lambda who: self.to.grants.create(who, "release", name, "because"))

    @rule(name=NAMES)
    def add_key(self, name: str) -> None:
        made = self.attempt(lambda who: self.to.identities.add_key(who, name).api_key)
        self.keys += [made] if isinstance(made, str) else []

    @rule(name=NAMES)
    def add_code(self, name: str) -> None:
        made = self.attempt(lambda who: self.to.enrolments.create(who, name).code)
        self.codes += [made] if isinstance(made, str) else []

    @rule(kind=KINDS, role=st.sampled_from([None, None, *ServerRole]), owner=NAMES)
    def create_identity(self, kind: IdentityKind, role: ServerRole | None, owner: str) -> None:
        owned_by = owner if kind is IdentityKind.MACHINE else None
        made = self.attempt(
            lambda who: self.to.identities.create(who, "new", kind, role, owned_by).api_key
        )
        self.keys += [made] if isinstance(made, str) else []

    @rule(name=NAMES, disabled=st.booleans())
    def switch_identity(self, name: str, disabled: bool) -> None:
        identities = self.to.identities
        switch = identities.disable if disabled else identities.enable
        self.attempt(lambda who: switch(who, name))

    @rule(disabled=st.booleans())
    def switch_signer(self, disabled: bool) -> None:
        switch = self.to.signers.disable if disabled else self.to.signers.enable
        self.attempt(lambda who: switch(who, "release"))

    @rule(back=st.booleans())
    def delete_signer(self, back: bool) -> None:
        signers = self.to.signers
        self.attempt(
            lambda who: (
                signers.undelete(who, "release")
                if back
                else signers.delete(who, "release", DELETION.least)
            ),
        )

    @rule()
    def ask(self) -> None:
        self.attempt(lambda who: self.to.requests.create(who, "release", "please"))

    @rule(data=st.data())
    def approve_request(self, data: st.DataObject) -> None:
        waiting = self.to.requests.list(self.world.admin, PageRequest(10)).items
        chosen = data.draw(st.sampled_from(waiting)).request.id
        step = data.draw(st.sampled_from([1, 2]))
        self.attempt(lambda who: self.to.requests.approve(who, chosen, step=step))

    @rule(data=st.data())
    def approve_proposal(self, data: st.DataObject) -> None:
        proposals = self.to.proposals
        waiting = proposals.list(self.world.admin, PageRequest(10)).items
        if waiting:
            chosen = data.draw(st.sampled_from(waiting)).proposal.id
            step = data.draw(st.sampled_from([1, 2]))
            self.attempt(lambda who: proposals.approve(who, chosen, step=step))

    @rule(setting=st.sampled_from(["four-eyes", "approval-hold", "require-policy"]))
    def set_setting(self, setting: str) -> None:
        value = {"four-eyes": "off", "approval-hold": "0s", "require-policy": "none"}[setting]
        self.attempt(lambda who: self.to.settings.set(who, setting, value))

    # What takes several of these in a row, at once: or chance would hardly ever find it.

    @rule()
    def loosen_and_detach(self) -> None:
        self.attempt(lambda who: self.to.policies.edit(who, "two", TermsEdit(protected=False)))
        self.attempt(lambda who: self.to.signers.set_policy(who, "release", None))

    @rule()
    def become_everybody(self) -> None:
        for name in ("ann", "carol", "op"):
            self.add_code(name)
            self.add_key(name)
        self.never_signs()

    @rule()
    def ask_and_approve(self) -> None:
        asked = self.attempt(lambda who: self.to.requests.create(who, "release", "please"))
        if asked is None:
            return
        (newest,) = self.to.requests.list(self.world.admin, PageRequest(1)).items
        for step in (1, 2):
            self.attempt(
                lambda who, step=step: self.to.requests.approve(  # type: ignore[misc]
                    who, newest.request.id, step=step
                )
            )

    @rule(days=st.sampled_from([1, 8]))
    def wait(self, days: int) -> None:
        self.world.clock.advance(days=days)

    @invariant()
    def never_signs(self) -> None:
        for code in self.codes:
            with suppress(Refused):
                self.keys.append(self.to.enrolments.use(code, None).new.api_key)
        for key in self.keys:
            with suppress(Refused):
                caller = self.to.identities.authenticate(key)
                if all(each.api_key_id != caller.api_key_id for each in self.purse):
                    self.purse.append(caller)
        for who in self.purse:
            with pytest.raises(Refused):
                self.to.signing.sign(who, a_call())


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    world = World(tmp_path_factory.mktemp("template") / "data")
    with world.services:
        return Scene(world)


@pytest.mark.parametrize("hand", HANDS)
def test_never_signs_what_a_protected_policy_forbids(
    template: Scene, tmp_path: Path, hand: str
) -> None:
    run_state_machine_as_test(
        lambda: OneHand(template, HANDS[hand], tmp_path),  # type: ignore[arg-type]
        settings=settings(
            stateful_step_count=8,
            max_examples=40 if len(HANDS[hand]) > 2 else 15,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_the_signer_works_for_whom_it_is_meant(template: Scene, tmp_path: Path) -> None:
    """Or nothing above would mean anything."""
    story = OneHand(template, (), tmp_path)
    try:
        story.to.signing.sign(template.callers["op"], a_call())
    finally:
        story.teardown()

"""What a protected policy guards, call by call, and what it leaves to one."""

from collections.abc import Callable, Iterator
from copy import copy
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from controlplane.certificates.authority import Issuer, issue_leaf, make_root
from controlplane.certificates.reading import to_pem
from controlplane.domain.identity_edit import IdentityEdit
from controlplane.domain.model import (
    Caller,
    GrantState,
    HashAlgorithm,
    IdentityKind,
    MemberRole,
    RequestState,
    ServerRole,
    Step,
)
from controlplane.domain.page import PageRequest
from controlplane.domain.policy import TermsEdit
from controlplane.domain.subject import Subject
from controlplane.domain.warnings import NobodyAgrees
from controlplane.errors import Code, Refused
from controlplane.service.gate import ProposalView, Proposed
from controlplane.service.installation import Services
from tests.world import World

LEAD = Step("lead", 1, ("ann", "bob"))
SECURITY = Step("security", 1, ("carol",))
SIGNERS = ("release", "stopped", "outside")


class Scene:
    """`release`, `stopped` (disabled) and `outside` (external, with a certificate) have the
    protected policy `two`, `free` has `plain`, of the same terms; `adm` is administrator and `ci`
    operator of all, and `ci` has a grant for `release`; `root` is a second admin, and `gone` an
    approver who is disabled; all of them enrolled."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.callers = {"admin": world.admin}
        names = ("ann", "bob", "carol", "gone", "adm", "eve")
        self.callers |= {name: world.enrolled(name) for name in names}
        self.callers["ci"] = world.enrolled("ci", IdentityKind.MACHINE)
        self.callers["root"] = world.enrolled("root", role=ServerRole.ADMIN)
        extra = Step("extra", 1, ("bob", "gone"))
        for name in ("two", "plain"):
            world.policy(name, LEAD, SECURITY, extra, hashes=(HashAlgorithm.SHA256,))
        joined = {"adm": MemberRole.ADMINISTRATOR, "ci": MemberRole.OPERATOR}
        for name in SIGNERS:
            world.signer(name, external=name == "outside", **joined)  # type: ignore[arg-type]
        world.signer("free", policy="plain", **joined)  # type: ignore[arg-type]
        signers = world.services.signers
        signers.install_certificate(world.admin, "outside", self.chain("ACME"))
        for name in SIGNERS:
            signers.set_policy(world.admin, name, "two")
        signers.disable(world.admin, "stopped")
        world.services.grants.create(self["adm"], "release", "ci", "the nightly build")
        world.services.identities.disable(world.admin, "gone")
        request = world.services.requests.create(self["ci"], "release", "1.2").view.request.id
        for step, name in enumerate(("ann", "carol", "bob"), 1):
            world.services.requests.approve(self[name], request, step=step)
        world.services.policies.edit(world.admin, "two", TermsEdit(protected=True))

    def __getitem__(self, name: str) -> Caller:
        return self.callers[name]

    @property
    def services(self) -> Services:
        return self.world.services

    def chain(self, common_name: str) -> str:
        """PEM for the key of `outside`."""
        key, at = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
        public_key = self.services.signers.get(self["admin"], "outside").signer.public_key
        issuer = Issuer(key, (make_root(key, at),))
        leaf = issue_leaf(issuer, public_key, Subject(common_name), 10, at)
        return "".join(to_pem(der) for der in (leaf.der, *leaf.chain))

    def agree(self, view: ProposalView) -> ProposalView:
        for step, name in enumerate(("ann", "carol", "bob"), 1):
            view = self.services.proposals.approve(self[name], view.proposal.id, step=step)
        return view


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """Made once; each test works on a copy of its own."""
    world = World(tmp_path_factory.mktemp("template") / "data")
    with world.services:
        return Scene(world)


@pytest.fixture
def scene(template: Scene, tmp_path: Path) -> Iterator[Scene]:
    scene = copy(template)
    scene.world = template.world.copy_to(tmp_path / "data")
    with scene.services:
        yield scene


Call = Callable[[Services, Scene, Caller], object]


def edit(policy: str, **different: object) -> Call:
    return lambda to, _, who: to.policies.edit(who, policy, TermsEdit(**different))  # type: ignore[arg-type]


def member(name: str, role: MemberRole, signer: str = "release") -> Call:
    return lambda to, _, who: to.members.add(who, signer, name, role)


EXTRA = Step("extra", 1, ("bob", "gone"))
MORE = (HashAlgorithm.SHA256, HashAlgorithm.SHA384)

GUARDED: dict[str, tuple[str, Call]] = {
    "detaching it": ("adm", lambda to, _, who: to.signers.set_policy(who, "release", None)),
    "detaching it, as an admin": (
        "admin",
        lambda to, _, who: to.signers.set_policy(who, "release", None),
    ),
    "replacing it": ("admin", lambda to, _, who: to.signers.set_policy(who, "release", "plain")),
    "no longer protecting it": ("admin", edit("two", protected=False)),
    "a step less": ("admin", edit("two", steps=(LEAD, SECURITY))),
    "a step more": (
        "admin",
        edit("two", steps=(LEAD, SECURITY, EXTRA, Step("last", 1, ("eve",)))),
    ),
    "other steps": ("admin", edit("two", steps=(Step("any", 1, ("eve",)),))),
    "another order of steps": ("admin", edit("two", steps=(SECURITY, LEAD, EXTRA))),
    "an approver less": ("admin", edit("two", steps=(Step("lead", 1, ("ann",)), SECURITY, EXTRA))),
    "an approver more": (
        "admin",
        edit("two", steps=(Step("lead", 1, ("ann", "bob", "eve")), SECURITY, EXTRA)),
    ),
    "another order of approvers": (
        "admin",
        edit("two", steps=(Step("lead", 1, ("bob", "ann")), SECURITY, EXTRA)),
    ),
    "more approvals": (
        "admin",
        edit("two", steps=(Step("lead", 2, ("ann", "bob")), SECURITY, EXTRA)),
    ),
    "another name of a step": (
        "admin",
        edit("two", steps=(Step("chief", 1, ("ann", "bob")), SECURITY, EXTRA)),
    ),
    "a longer window": ("admin", edit("two", max_window_seconds=7200)),
    "a window without end": ("admin", edit("two", max_window_seconds=None)),
    "more signings": ("admin", edit("two", max_signings=6)),
    "any number of signings": ("admin", edit("two", max_signings=None)),
    "a hash more": ("admin", edit("two", hashes=MORE)),
    "any hash": ("admin", edit("two", hashes=())),
    "tighter here and looser there": (
        "admin",
        edit("two", max_signings=1, max_window_seconds=7200),
    ),
    "deleting the signer": ("admin", lambda to, _, who: to.signers.delete(who, "stopped")),
    "deleting the signer at once": (
        "admin",
        lambda to, _, who: to.signers.delete(who, "stopped", 0),
    ),
    "enabling the signer": ("adm", lambda to, _, who: to.signers.enable(who, "stopped")),
    "a certificate of another subject": (
        "admin",
        lambda to, scene, who: to.signers.install_certificate(who, "outside", scene.chain("Evil")),
    ),
    "an administrator": ("adm", member("eve", MemberRole.ADMINISTRATOR)),
    "an administrator, by an admin": ("admin", member("eve", MemberRole.ADMINISTRATOR)),
    "an auditor": ("adm", member("eve", MemberRole.AUDITOR)),
    "an operator who becomes administrator": ("adm", member("ci", MemberRole.ADMINISTRATOR)),
    "a pre-approved grant": (
        "adm",
        lambda to, _, who: to.grants.create(who, "release", "ci", "because"),
    ),
    "a key of an approver": ("admin", lambda to, _, who: to.identities.add_key(who, "ann")),
    "a code of an approver": ("admin", lambda to, _, who: to.enrolments.create(who, "ann")),
    "a key of who has a grant": ("admin", lambda to, _, who: to.identities.add_key(who, "ci")),
    "a code of who has a grant": ("admin", lambda to, _, who: to.enrolments.create(who, "ci")),
    "enabling an approver": ("admin", lambda to, _, who: to.identities.enable(who, "gone")),
}

FREE: dict[str, tuple[str, Call]] = {
    "fewer signings": ("admin", edit("two", max_signings=4)),
    "a shorter window": ("admin", edit("two", max_window_seconds=600)),
    "a request that waits less long": ("admin", edit("two", request_ttl_seconds=60)),
    "protecting what is protected": ("admin", edit("two", protected=True)),
    "the policy that it has": (
        "adm",
        lambda to, _, who: to.signers.set_policy(who, "release", "two"),
    ),
    "disabling the signer": ("adm", lambda to, _, who: to.signers.disable(who, "release")),
    "enabling what is enabled": ("adm", lambda to, _, who: to.signers.enable(who, "release")),
    "a new key pair": ("admin", lambda to, _, who: to.signers.renew(who, "release")),
    "a certificate of the same subject": (
        "admin",
        lambda to, scene, who: to.signers.install_certificate(who, "outside", scene.chain("ACME")),
    ),
    "an operator": ("adm", member("eve", MemberRole.OPERATOR)),
    "an administrator who stays one": ("admin", member("adm", MemberRole.ADMINISTRATOR)),
    "one member less": ("adm", lambda to, _, who: to.members.remove(who, "release", "ci")),
    "a key of nobody in particular": (
        "admin",
        lambda to, _, who: to.identities.add_key(who, "eve"),
    ),
    "a key of one's own": ("root", lambda to, _, who: to.identities.add_key(who, "root")),
    "disabling an approver": ("admin", lambda to, _, who: to.identities.disable(who, "ann")),
    "any request": ("ci", lambda to, _, who: to.requests.create(who, "release", "1.3")),
}

UNPROTECTED: dict[str, tuple[str, Call]] = {
    "detaching it": ("adm", lambda to, _, who: to.signers.set_policy(who, "free", None)),
    "a step less": ("admin", edit("plain", steps=(LEAD,))),
    "more signings": ("admin", edit("plain", max_signings=9)),
    "protecting it": ("admin", edit("plain", protected=True)),
    "an administrator": ("adm", member("eve", MemberRole.ADMINISTRATOR, "free")),
    "a pre-approved grant": ("adm", lambda to, _, who: to.grants.create(who, "free", "ci", "x")),
}


@pytest.mark.parametrize("name", GUARDED)
def test_is_a_proposal_that_its_steps_carry_out(scene: Scene, name: str) -> None:
    by, call = GUARDED[name]
    before = len(scene.world.rows())
    with pytest.raises(Proposed) as proposed:
        call(scene.services, scene, scene[by])
    view = proposed.value.view
    assert [row.entry.action for row in scene.world.rows()[:-before]] == ["proposal:create"]
    assert view.proposal.steps == (LEAD, SECURITY, EXTRA)
    view = scene.agree(view)
    assert view.state is RequestState.APPROVED
    made = [row.entry for row in scene.world.rows()[:-before] if row.entry.proposal]
    assert made
    assert {entry.proposal for entry in made} == {view.proposal.id}
    assert {entry.action for entry in made} & {view.proposal.action, "member:change"}


@pytest.mark.parametrize("name", FREE)
def test_needs_nobody(scene: Scene, name: str) -> None:
    by, call = FREE[name]
    call(scene.services, scene, scene[by])


@pytest.mark.parametrize("name", UNPROTECTED)
def test_needs_nobody_where_the_policy_is_not_protected(scene: Scene, name: str) -> None:
    by, call = UNPROTECTED[name]
    call(scene.services, scene, scene[by])


def test_who_is_asked_for_several_policies_is_asked_once(scene: Scene) -> None:
    services, extra = scene.services, Step("other", 1, ("eve",))
    scene.world.policy("third", SECURITY, extra, Step("chief", 1, ("bob", "ann")))
    services.policies.edit(scene["admin"], "third", TermsEdit(protected=True))
    scene.world.signer("third", policy="third")
    with pytest.raises(Proposed) as proposed:
        services.identities.add_key(scene["admin"], "carol")
    asked = [step.approvers for step in proposed.value.view.proposal.steps]
    assert asked == [("carol",), ("eve",), ("bob", "ann"), ("bob", "gone")]


def test_a_policy_that_no_signer_has_guards_nothing(scene: Scene) -> None:
    scene.world.policy("spare", LEAD)
    scene.services.policies.edit(scene["admin"], "spare", TermsEdit(protected=True))
    scene.services.policies.edit(scene["admin"], "spare", TermsEdit(max_signings=None))
    scene.services.policies.delete(scene["admin"], "spare")


@pytest.mark.parametrize(
    ("disable", "enable"),
    [
        (
            lambda to, _, who: to.signers.disable(who, "stopped"),
            lambda to, _, who: to.signers.enable(who, "stopped"),
        ),
        (
            lambda to, _, who: to.identities.disable(who, "gone"),
            lambda to, _, who: to.identities.enable(who, "gone"),
        ),
    ],
)
def test_what_was_disabled_since_is_not_enabled_by_a_proposal_of_before(
    scene: Scene, disable: Call, enable: Call
) -> None:
    """Who agreed did not know why it would be disabled again."""
    views = []
    for by in ("admin", "root"):
        with pytest.raises(Proposed) as proposed:
            enable(scene.services, scene, scene[by])
        views.append(proposed.value.view)
    scene.agree(views[0])
    disable(scene.services, scene, scene["admin"])
    with pytest.raises(Refused) as refused:
        scene.agree(views[1])
    assert refused.value.code is Code.PROPOSAL_OVERTAKEN


def test_whether_enough_have_enrolled_is_told_with_the_signer(scene: Scene) -> None:
    """For those who have not, nobody can agree to a code later."""
    scene.world.identity("keyless")
    scene.world.policy("new", Step("one", 1, ("keyless",)))
    scene.services.policies.edit(scene["admin"], "new", TermsEdit(protected=True))
    view = scene.world.signer("new", policy="new")
    (warning,) = view.warnings
    assert isinstance(warning, NobodyAgrees)
    assert "0 people of keyless could give one" in warning.why[0]
    assert scene.services.signers.get(scene["admin"], "release").warnings == ()


class TestNewSteps:
    """Of a protected policy: what others let through before is not what it protects."""

    def test_end_requests_that_wait_and_grants_of_other_steps(self, scene: Scene) -> None:
        requests, grants = scene.services.requests, scene.services.grants
        waiting = requests.create(scene["ci"], "release", "soon").view.request.id
        with pytest.raises(Proposed) as proposed:
            scene.services.policies.edit(scene["admin"], "two", TermsEdit(steps=(SECURITY,)))
        scene.agree(proposed.value.view)
        assert requests.get(scene["ci"], waiting).state is RequestState.CANCELLED
        held = grants.list(scene["ci"], PageRequest(), signer="release").items
        assert {view.state for view in held} == {GrantState.REVOKED}


class TestBecomingProtected:
    """From then on nothing counts that nobody but its issuer agreed to."""

    def test_ends_requests_that_wait_and_grants_without_one(self, scene: Scene) -> None:
        requests, grants = scene.services.requests, scene.services.grants
        waiting = requests.create(scene["ci"], "free", "soon").view.request.id
        given = grants.create(scene["adm"], "free", "ci", "because").grant.id
        scene.services.policies.edit(scene["admin"], "plain", TermsEdit(protected=True))
        assert requests.get(scene["ci"], waiting).state is RequestState.CANCELLED
        assert grants.get(scene["ci"], given).state is GrantState.REVOKED

    @pytest.mark.parametrize("steps", [(), (Step("one", 1, ("eve",)),)])
    def test_ends_grants_that_other_steps_gave(self, scene: Scene, steps: tuple[Step, ...]) -> None:
        """Or one that an admin got before, without limits, would last beside the steps."""
        policies, requests = scene.services.policies, scene.services.requests
        before = policies.get(scene["admin"], "plain").policy.terms.steps
        policies.edit(scene["admin"], "plain", TermsEdit(steps=steps, max_window_seconds=None))
        view = requests.create(scene["ci"], "free", "soon").view
        if steps:
            view = requests.approve(scene["eve"], view.request.id)
        policies.edit(scene["admin"], "plain", TermsEdit(steps=before, protected=True))
        grant = scene.services.grants.get(scene["ci"], str(view.request.grant_id))
        assert grant.state is GrantState.REVOKED

    def test_leaves_grants_that_were_approved(self, scene: Scene) -> None:
        held = scene.services.grants.list(scene["ci"], PageRequest(), signer="release").items
        assert [view.state for view in held] == [GrantState.ACTIVE, GrantState.REVOKED]


class TestSecrets:
    def test_of_a_proposed_key_works_once_it_is_carried_out(self, scene: Scene) -> None:
        with pytest.raises(Proposed) as proposed:
            scene.services.identities.add_key(scene["admin"], "ann")
        secret = proposed.value.secrets["api_key"]
        authenticate = scene.services.identities.authenticate
        with pytest.raises(Refused) as refused:
            authenticate(secret)
        assert refused.value.code is Code.API_KEY_UNKNOWN
        scene.agree(proposed.value.view)
        assert authenticate(secret).identity.name == "ann"
        assert authenticate(secret).key.issued_by == "admin"

    def test_of_a_proposed_code_works_once_it_is_carried_out(self, scene: Scene) -> None:
        with pytest.raises(Proposed) as proposed:
            scene.services.enrolments.create(scene["admin"], "ann")
        code = proposed.value.secrets["enrolment_code"]
        with pytest.raises(Refused) as refused:
            scene.services.enrolments.use(code, None)
        assert refused.value.code is Code.ENROLMENT_UNKNOWN
        scene.agree(proposed.value.view)
        assert scene.services.enrolments.use(code, None).new.key.enrolled

    def test_stand_nowhere_in_the_store(self, scene: Scene) -> None:
        with pytest.raises(Proposed) as proposed:
            scene.services.identities.add_key(scene["admin"], "ann")
        secret = proposed.value.secrets["api_key"].encode()
        scene.agree(proposed.value.view)
        for path in scene.world.location.data_dir.rglob("*"):
            assert not path.is_file() or secret not in path.read_bytes()

    def test_a_code_of_before_there_was_anybody_to_ask_gets_an_approver_no_second_key(
        self, scene: Scene
    ) -> None:
        """Or whoever kept one for later would be an approver by themselves."""
        code = scene.services.enrolments.create(scene["admin"], "eve").code
        scene.world.policy("new", Step("one", 1, ("eve",)))
        scene.world.signer("new")
        scene.services.policies.edit(scene["admin"], "new", TermsEdit(protected=True))
        scene.services.signers.set_policy(scene["admin"], "new", "new")
        with pytest.raises(Refused) as refused:
            scene.services.enrolments.use(code, None)
        assert refused.value.code is Code.ENROLMENT_UNKNOWN

    def test_nor_once_their_enrolled_key_is_revoked(self, scene: Scene) -> None:
        """Which an admin does alone."""
        identities = scene.services.identities
        code = scene.services.enrolments.create(scene["admin"], "eve").code
        scene.world.policy("new", Step("one", 1, ("eve",)))
        scene.services.policies.edit(scene["admin"], "new", TermsEdit(protected=True))
        scene.world.signer("new", policy="new")
        identities.revoke_key(scene["admin"], "eve", scene["eve"].api_key_id)
        with pytest.raises(Refused) as refused:
            scene.services.enrolments.use(code, None)
        assert refused.value.code is Code.ENROLMENT_UNKNOWN

    @pytest.mark.parametrize(
        "call",
        [
            lambda to, _, who: to.identities.add_key(who, "both"),
            lambda to, _, who: to.enrolments.create(who, "both"),
        ],
    )
    def test_of_ones_own_come_of_no_key_that_another_made(self, scene: Scene, call: Call) -> None:
        """Or an admin who kept the first key of an approver, who is one too, would enrol."""
        kept = scene.world.identity("both", role=ServerRole.ADMIN)
        call(scene.services, scene, kept)  # there is no other yet
        code = scene.services.enrolments.create(scene["admin"], "both").code
        new = scene.services.enrolments.use(code, None).new.api_key
        with pytest.raises(Refused) as refused:
            call(scene.services, scene, kept)
        assert refused.value.code is Code.CREDENTIAL_NOT_ENROLLED
        call(scene.services, scene, scene.services.identities.authenticate(new))


class TestFourEyes:
    def test_make_a_code_void_that_one_admin_made_before(self, scene: Scene) -> None:
        first = scene.world.enrolled("first", role=ServerRole.ADMIN)
        code = scene.services.enrolments.create(first, "root").code
        scene.services.settings.set(first, "four-eyes", "on")
        with pytest.raises(Refused) as refused:
            scene.services.enrolments.use(code, None)
        assert refused.value.code is Code.ENROLMENT_UNKNOWN

    @pytest.fixture
    def watched(self, scene: Scene) -> Scene:
        """With a second admin whose key is enrolled, as the first one's is."""
        scene.callers = scene.callers | {
            "first": scene.world.enrolled("first", role=ServerRole.ADMIN)
        }
        scene.services.settings.set(scene["first"], "four-eyes", "on")
        return scene

    @pytest.mark.parametrize(
        "call",
        [
            lambda to, _, who: to.settings.set(who, "four-eyes", "off"),
            lambda to, _, who: to.settings.set(who, "approval-hold", "0s"),
            lambda to, _, who: to.identities.add_key(who, "root"),
            lambda to, _, who: to.enrolments.create(who, "root"),
            lambda to, _, who: to.identities.create(
                who, "new", IdentityKind.USER, ServerRole.ADMIN
            ),
            lambda to, _, who: to.enrolments.create_identity(
                who, "new", IdentityKind.USER, ServerRole.AUDITOR
            ),
            lambda to, _, who: to.identities.edit(who, "eve", IdentityEdit(role=ServerRole.ADMIN)),
            lambda to, _, who: to.identities.edit(who, "root", IdentityEdit(role=None)),
        ],
    )
    def test_asks_a_second_admin(self, watched: Scene, call: Call) -> None:
        with pytest.raises(Proposed) as proposed:
            call(watched.services, watched, watched["first"])
        view = proposed.value.view
        (step,) = view.proposal.steps
        assert step == Step("second admin", 1, ("admin", "root"))
        approve = watched.services.proposals.approve
        assert approve(watched["root"], view.proposal.id).state is RequestState.APPROVED

    def test_asks_a_second_admin_for_the_deletion_of_a_signer(self, watched: Scene) -> None:
        watched.services.signers.disable(watched["first"], "free")
        with pytest.raises(Proposed):
            watched.services.signers.delete(watched["first"], "free")

    def test_needs_two_who_enrolled(self, scene: Scene) -> None:
        with pytest.raises(Refused) as refused:
            scene.services.settings.set(scene["root"], "four-eyes", "on")
        assert refused.value.code is Code.POLICY_CANNOT_BE_MET
        assert "there is one" in refused.value.title

    def test_turns_itself_on_with_the_first_setting_that_binds_admins(self, scene: Scene) -> None:
        first = scene.world.enrolled("first", role=ServerRole.ADMIN)
        settings = scene.services.settings
        settings.set(first, "require-policy", "any")
        values = {v.setting.name: v.value for v in settings.list(first, PageRequest()).items}
        assert (values["require-policy"], values["four-eyes"]) == ("any", "on")
        with pytest.raises(Proposed):
            settings.set(first, "require-policy", "none")


class TestRequiredPolicies:
    @pytest.fixture
    def strict(self, scene: Scene) -> Scene:
        scene.services.policies.edit(scene["admin"], "plain", TermsEdit(protected=True))
        first = scene.world.enrolled("first", role=ServerRole.ADMIN)
        scene.services.settings.set(first, "require-policy", "protected")
        return scene

    @pytest.mark.parametrize("policy", [None, "lax"])
    def test_no_new_signer_without_one(self, strict: Scene, policy: str | None) -> None:
        strict.world.policy("lax", LEAD)
        with pytest.raises(Refused) as refused:
            strict.world.signer("new", policy=policy)
        assert refused.value.code is Code.POLICY_REQUIRED
        strict.world.signer("new", policy="two")

    @pytest.mark.parametrize("policy", [None, "lax"])
    def test_none_loses_it(self, strict: Scene, policy: str | None) -> None:
        strict.world.policy("lax", LEAD)
        with pytest.raises(Refused) as refused:
            strict.services.signers.set_policy(strict["admin"], "release", policy)
        assert refused.value.code is Code.POLICY_REQUIRED

    def test_nor_by_an_edit(self, strict: Scene) -> None:
        with pytest.raises(Refused) as refused:
            strict.services.policies.edit(strict["admin"], "two", TermsEdit(protected=False))
        assert refused.value.code is Code.POLICY_REQUIRED

    def test_is_not_set_while_a_signer_is_without_one(self, scene: Scene) -> None:
        first = scene.world.enrolled("first", role=ServerRole.ADMIN)
        with pytest.raises(Refused) as refused:
            scene.services.settings.set(first, "require-policy", "protected")
        assert refused.value.code is Code.POLICY_REQUIRED
        assert "a protected policy: free." in refused.value.title

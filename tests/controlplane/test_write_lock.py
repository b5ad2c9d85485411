"""While one writes, everybody who signs waits: what is done under the write lock is little, however
much there is in the store."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from peewee import Database

from controlplane.api.refusals import status_of
from controlplane.audit.writer import settle
from controlplane.domain.identifier import new_id
from controlplane.domain.keys import KeyReference, Purpose
from controlplane.domain.model import (
    Approval,
    Caller,
    Decision,
    HashAlgorithm,
    Identity,
    IdentityKind,
    KeyAlgorithm,
    MemberRole,
    Policy,
    Request,
    ServerRole,
    Signer,
    Step,
    Terms,
    Verdict,
)
from controlplane.domain.policy import TermsEdit
from controlplane.domain.signer import SignerDescription
from controlplane.errors import Refused
from controlplane.keys.encrypted import EncryptedKeys
from controlplane.service.authority import Authority
from controlplane.service.candidates import Crowd, candidate
from controlplane.service.grants import new_grant
from controlplane.service.installation import Services, trust
from controlplane.service.location import Location
from controlplane.store import grants, identities, members, policies, requests, signers
from controlplane.store.outages import Use
from controlplane.store.sqlite import SqliteStore
from controlplane.store.state import Root
from tests.controlplane.test_audit_of_changes import CHANGES, FINAL, LEAD, Scene
from tests.controlplane.test_service_signers import OtherCa
from tests.world import SetClock, World, by_hand

FEW, MANY, VERY_MANY = 10, 100, 1000
MOST_STATEMENTS = 44  # of one change; the rows of the log, which it may leave many of, apart
STEP = 10  # of SQLite's virtual machine
AUDITOR, OPERATOR = MemberRole.AUDITOR, MemberRole.OPERATOR


class Watched(SqliteStore):
    """Notes what is executed, while it holds the write lock and without. `before_write` runs just
    before it is taken."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.held = False
        self.writes = 0
        self.before_write: Callable[[], object] = lambda: None
        self.statements: list[str] = []  # with the lock
        self.questions: list[str] = []  # without
        self.steps = 0  # of SQLite's virtual machine, with the lock

    @contextmanager
    def _transaction(self, use: Use, wait: float) -> Iterator[Root | None]:
        if use == "read":
            with super()._transaction(use, wait) as root, self._noted(self.questions):
                yield root
            return
        self.writes += 1
        self.before_write()
        with super()._transaction(use, wait) as root, self._noted(self.statements):
            self.held = True
            try:
                yield root
            finally:
                self.held = False

    def forget(self) -> None:
        self.statements.clear()
        self.questions.clear()

    @contextmanager
    def _noted(self, notes: list[str]) -> Iterator[None]:
        def note(statement: str) -> None:
            is_a_row_of_the_log = statement.startswith("INSERT INTO operations")
            is_told_again = notes[-1:] == [statement]  # for each trigger that it fires
            if not is_a_row_of_the_log and not is_told_again:
                notes.append(statement)

        connection = self.database.connection()  # type: ignore[no-untyped-call]

        def step() -> None:
            self.steps += STEP * self.held

        connection.set_trace_callback(note)
        connection.set_progress_handler(step, STEP)
        try:
            yield
        finally:
            connection.set_trace_callback(None)
            connection.set_progress_handler(None, STEP)


@contextmanager
def watched(world: World) -> Iterator[tuple[Services, Watched]]:
    """Services of their own over the world's store."""
    store = Watched(world.location.store_path)
    master_key = trust(world.location, store)
    with Services(store, master_key, world.clock, None, settle) as services:
        yield services, store


def copied(world: World, folder: Path) -> World:
    """The same installation in a folder of its own, to be changed; its services are not open."""
    world = copy(world)
    data = world.location.data_dir
    world.location, world.clock = Location(folder / "data"), SetClock()
    shutil.copytree(data, world.location.data_dir)
    return world


def insert_signers(database: Database, number: int, like: Signer, policy: Policy) -> list[Signer]:
    first = signers.next_number(database)
    made = []
    for index in range(number):
        name = f"signer-{first + index:04}"
        signer = replace(like, id=new_id(), number=first + index, name=name, policy=policy)
        key = KeyReference(new_id(), signer.id, Purpose.SIGNER, like.public_key, b"")
        signers.insert(database, signer, key)
        made.append(signer)
    return made


class Growth:
    """More of everything that the changes of a scene could meet, by SQL: faster than by asking."""

    def __init__(self, scene: Scene, database: Database, number: int) -> None:
        self._scene = scene
        self._database = database
        self._at = scene.world.clock()
        found = {
            name: signers.find(database, name, self._at) for name in ("release", "quick", "bare")
        }
        self._signers = [each.signer for each in found.values() if each is not None]
        people = [self._person(index) for index in range(number)]
        for person in people:
            self._work(person)
        self._approvers([person.name for person in people])
        release, quick, _ = self._signers
        for signer in (release, quick):
            assert signer.policy is not None
            insert_signers(database, number, signer, signer.policy)

    def _person(self, index: int) -> Identity:
        user, machine = IdentityKind.USER, IdentityKind.MACHINE
        name, at = f"more-{index}", self._at
        person = Identity(new_id(), name, user, ServerRole.ADMIN, False, None, at)
        identities.insert(self._database, person)
        bot = Identity(new_id(), f"bot-{index}", machine, None, False, name, at)
        identities.insert(self._database, bot)
        policies.insert(self._database, Policy(new_id(), f"policy-{index}", Terms(60, 1), at))
        return person

    def _work(self, person: Identity) -> None:
        """Member of, with a request that waits and a grant that holds, on each signer."""
        policy = Policy("gone", "gone", Terms(3600, 5, (LEAD, FINAL)), self._at)
        for signer in self._signers:
            members.put(self._database, signer, person, OPERATOR, self._at)
            request = Request(
                id=new_id(),
                signer=signer.name,
                requester=person.name,
                policy_id=policy.id,
                policy=policy.name,
                terms=policy.terms,
                justification="more",
                window_seconds=60,
                signings=1,
                created_at=self._at,
                expires_at=None,
            )
            requests.REQUESTS.insert(self._database, request)
            decision = Decision(0, "ann", Verdict.APPROVED, None, self._at)
            requests.REQUESTS.insert_decision(self._database, request.id, decision)
            grant = new_grant(
                signer=signer.name,
                grantee=person.name,
                policy_id=policy.id,
                policy=policy.name,
                hashes=(),
                justification="more",
                window_seconds=None,
                signings=1,
                at=self._at,
                approvals=(Approval("ann", "0" * 64, 1),),
            )
            grants.insert(self._database, grant)

    def _approvers(self, names: list[str]) -> None:
        """Who may approve under the policies of the scene."""
        for name in ("steps", "spare"):
            policy = policies.find(self._database, name)
            assert policy is not None
            steps = tuple(
                replace(step, approvers=(*step.approvers, *names)[:64])
                for step in policy.terms.steps
            )
            terms = replace(policy.terms, steps=steps)
            policies.update(self._database, replace(policy, terms=terms))


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    world = World(tmp_path_factory.mktemp("plain") / "data")
    with world.services:
        return Scene(world)


@pytest.fixture(scope="module")
def grown(plain: Scene, tmp_path_factory: pytest.TempPathFactory) -> dict[int, Scene]:
    """By how much more there is."""
    scenes = {}
    for number in (FEW, MANY):
        scene = scenes[number] = copy(plain)
        scene.world = copied(plain.world, tmp_path_factory.mktemp(f"grown-{number}"))
        with by_hand(scene.world.location) as database:
            Growth(scene, database, number)
    return scenes


@contextmanager
def opened(scene: Scene, folder: Path) -> Iterator[tuple[Scene, Watched]]:
    """A copy of it."""
    scene = copy(scene)
    scene.world = copied(scene.world, folder)
    with watched(scene.world) as (services, store):
        scene.world.services = services
        yield scene, store


def make(name: str, scene: Scene) -> None:
    change = CHANGES[name]
    change.call(scene.services, scene, scene[change.by])


# These write or delete so many rows: what ends with the signer, and the approvers of a policy; or
# look at what hangs on somebody: the policies that name them, on each signer, and, so that nothing
# hides, all that anybody asked for and agreed to.
LARGER = {
    "a machine that changes hands",
    "disabling an identity",
    "deleting a signer",
    "deleting a signer with requests and grants",
    "taking a deletion back",
    "an edit of the window",
    "an edit of everything",
    "deleting a policy",
    "a request",
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_executes_no_more_where_there_is_more(
    grown: dict[int, Scene], tmp_path: Path, name: str
) -> None:
    """No more statements, and none that walks more rows."""
    executed, steps = {}, {}
    for number, grown_scene in grown.items():
        with opened(grown_scene, tmp_path / str(number)) as (scene, store):
            make(name, scene)
            executed[number], steps[number] = store.statements, store.steps
    assert len(executed[MANY]) == len(executed[FEW]), "\n".join(executed[MANY])
    assert 0 < len(executed[MANY]) <= MOST_STATEMENTS
    if name not in LARGER:
        assert steps[MANY] <= steps[FEW] + 5 * STEP


IN_SIGHT: dict[str, Callable[[Scene], object]] = {
    "an approval": lambda scene: scene.services.requests.approve(scene["carol"], scene.half),
    "a rejection": lambda scene: scene.services.requests.reject(scene["carol"], scene.half, "no"),
    "a cancellation": lambda scene: scene.services.requests.cancel(scene["adam"], scene.half),
    "a revocation": lambda scene: scene.services.grants.revoke(scene["adam"], scene.grant, "x"),
}


@pytest.mark.parametrize("what", IN_SIGHT)
def test_what_a_caller_may_see_is_found_out_before_the_lock(
    plain: Scene, tmp_path: Path, what: str
) -> None:
    """By a query that walks all signers that show themselves to the caller."""
    steps = {}
    for number in (FEW, MANY):
        with opened(plain, tmp_path / str(number)) as (scene, store):
            with by_hand(scene.world.location) as database:
                show(scene, database, number)
            store.steps = 0
            IN_SIGHT[what](scene)
            steps[number] = store.steps
    assert 0 < steps[MANY] <= steps[FEW] + 5 * STEP


def show(scene: Scene, database: Database, number: int) -> None:
    """So many more signers, to the approvers of their policy and to `adam`, a member."""
    release = signers.find(database, "release", scene.world.clock())
    adam = identities.find(database, "adam")
    assert release is not None
    assert release.signer.policy is not None
    assert adam is not None
    for signer in insert_signers(database, number, release.signer, release.signer.policy):
        members.put(database, signer, adam, MemberRole.ADMINISTRATOR, scene.world.clock())


SLOW = [
    (EncryptedKeys, "generate"),
    (EncryptedKeys, "open"),
    (EncryptedKeys, "sign"),
    (Authority, "issue"),
    (rsa, "generate_private_key"),
    (ec, "generate_private_key"),
    (x509, "load_pem_x509_certificates"),
    (x509, "load_der_x509_certificate"),
]


def guarded(store: Watched, slow: Callable[..., object]) -> Callable[..., object]:
    def call(*given: object, **named: object) -> object:
        assert not store.held, f"{slow.__name__} under the write lock"
        return slow(*given, **named)

    return call


@pytest.mark.parametrize("name", CHANGES)
def test_no_key_is_made_or_used_and_no_certificate_read_or_made_under_the_lock(
    plain: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    with opened(plain, tmp_path) as (scene, store):
        for owner, slow in SLOW:
            monkeypatch.setattr(owner, slow, guarded(store, getattr(owner, slow)))
        make(name, scene)
        assert store.writes


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> World:
    """`release` has the policy `p`, which ann decides on; there are bob, and the machines `bot` of
    carol, and `robot` of dave; `zed` is disabled."""
    world = World(tmp_path_factory.mktemp("template") / "data")
    with world.services:
        for name in ("ann", "bob", "carol", "dave"):
            world.identity(name)
        for name, owner in (("bot", "carol"), ("robot", "dave")):
            world.identity(name, IdentityKind.MACHINE, owner=owner)
        world.identity("eve", role=ServerRole.ADMIN)
        world.identity("zed")
        world.services.identities.disable(world.admin, "zed")
        world.policy("p", Step("lead", 1, ("ann",)))
        world.signer(policy="p")
        world.signer("bare")
        world.signer("outside", external=True)
    return world


@pytest.fixture
def world(template: World, tmp_path: Path) -> Iterator[World]:
    """Its own services are for whoever comes between."""
    world = copied(template, tmp_path)
    with watched(world) as (services, _):
        world.services = services
        yield world


@pytest.fixture
def here(world: World) -> Iterator[tuple[Services, Watched]]:
    """Whose writes are watched."""
    with watched(world) as found:
        yield found


TWO_STEPS = (
    Step("both", 2, ("ann", "bob")),
    Step("three", 3, ("ann", "bob", "bot", "robot")),
)


def to(*steps: Step) -> TermsEdit:
    return TermsEdit(steps=steps)


def refusal(call: Callable[[], object]) -> Refused:
    with pytest.raises(Refused) as refused:
        call()
    return refused.value


def put_on(world: World, number: int) -> list[Signer]:
    """The policy `p`, on so many more signers."""
    with by_hand(world.location) as database:
        like = signers.find(database, "release", world.clock())
        policy = policies.find(database, "p")
        assert like is not None
        assert policy is not None
        return insert_signers(database, number, like.signer, policy)


class TestPolicyOnManySigners:
    def test_an_edit_executes_the_same_on_any_number_of_them(
        self, world: World, here: tuple[Services, Watched]
    ) -> None:
        services, store = here
        executed = {}
        for number in (FEW, VERY_MANY):
            made = put_on(world, number)
            for signer, name in zip(made, ("ann", "carol"), strict=False):
                world.services.members.add(world.admin, signer.name, name, OPERATOR)
            for steps in (TWO_STEPS, (Step("lead", 1, ("ann",)),)):
                store.forget()
                edited = services.policies.edit(world.admin, "p", to(*steps))
                assert edited.policy.terms.steps == steps
                executed[number, len(steps)] = (len(store.statements), len(store.questions))
        assert executed[FEW, 2] == executed[VERY_MANY, 2]
        assert executed[FEW, 1] == executed[VERY_MANY, 1]
        assert max(max(each) for each in executed.values()) <= MOST_STATEMENTS

    def test_nor_does_it_depend_on_the_number_of_approvers(
        self, world: World, here: tuple[Services, Watched]
    ) -> None:
        services, store = here
        people = [f"person-{index}" for index in range(32)]
        for name in people:
            world.identity(name)
            world.identity(f"bot-of-{name}", IdentityKind.MACHINE, owner=name)
        executed = []
        for some in (people[:2], people):
            approvers = (*some, *(f"bot-of-{name}" for name in some))
            steps = (Step("one", 1, approvers), Step("all", len(some), approvers))
            for change in (
                lambda steps=steps: services.policies.edit(world.admin, "p", to(*steps)),
                lambda steps=steps, some=some: services.policies.create(
                    world.admin, f"of-{len(some)}", Terms(60, 1, steps)
                ),
                lambda some=some: services.signers.set_policy(
                    world.admin, "bare", f"of-{len(some)}"
                ),
            ):
                store.forget()
                change()
                executed.append((len(store.statements), len(store.questions)))
            world.services.signers.set_policy(world.admin, "bare", None)
        assert executed[:3] == executed[3:]

    @pytest.mark.parametrize(
        ("auditor", "step", "people"),
        [
            ("bob", "The step 'both' needs 2 approvals, and 1 person of ann, bob", "both"),
            (
                "carol",
                "The step 'three' needs 3 approvals, and 2 people of ann, bob, bot",
                "three",
            ),
            ("bot", "The step 'three' needs 3 approvals, and 2 people of ann, bob, bot", "three"),
        ],
        ids=["an approver", "the owner of one", "a machine"],
    )
    def test_the_refusal_names_the_first_on_which_it_cannot_be_met(
        self,
        world: World,
        here: tuple[Services, Watched],
        auditor: str,
        step: str,
        people: str,
    ) -> None:
        services, store = here
        made = put_on(world, VERY_MANY)
        for signer in (made[700], made[500]):
            world.services.members.add(world.admin, signer.name, auditor, AUDITOR)
        world.services.members.add(world.admin, made[3].name, "eve", AUDITOR)
        steps = (
            Step("both", 2, ("ann", "bob")),
            Step("three", 3, ("ann", "bob", "bot")),
        )
        refused = refusal(lambda: services.policies.edit(world.admin, "p", to(*steps)))
        assert (status_of(refused.code), refused.code) == (409, "policy_cannot_be_met")
        assert refused.title.startswith(f"On the signer {made[500].name!r}: ")
        assert step in refused.title
        assert people in refused.title
        assert not store.writes, "it is known before the lock is taken"

    def test_a_policy_in_use_is_kept_and_names_some_of_them(
        self, world: World, here: tuple[Services, Watched]
    ) -> None:
        services, store = here
        put_on(world, VERY_MANY)
        refused = refusal(lambda: services.policies.delete(world.admin, "p"))
        assert refused.code == "policy_in_use"
        assert refused.title.endswith(" and others: detach it first.")
        assert len(refused.title) < 300
        assert len(store.statements) <= MOST_STATEMENTS

    def test_who_can_approve_is_the_same_for_many_signers_as_for_one(self, world: World) -> None:
        """Every role of a machine and its owner, on the signer and server-wide."""
        wide = [None, ServerRole.AUDITOR]
        on_it = [None, OPERATOR, AUDITOR]
        roles: dict[str, MemberRole | None] = {}
        for index, (mine, my_role, owners, owner_role) in enumerate(
            product(wide, on_it, wide, on_it)
        ):
            world.identity(f"o{index}", role=owners)
            world.identity(f"m{index}", IdentityKind.MACHINE, mine, owner=f"o{index}")
            roles |= {f"o{index}": owner_role, f"m{index}": my_role}
        world.services.identities.disable(world.admin, "o0", "keep")
        names = [*roles]
        with by_hand(world.location) as database:
            found = signers.find(database, "release", world.clock())
            assert found is not None
            for name, identity in identities.find_all(database, names).items():
                role = roles[name]
                if role is not None:  # as a store may have it from before one excluded another
                    members.put(database, found.signer, identity, role, world.clock())
            (watching,) = signers.auditors_with_policy(
                database, found.signer.policy.id if found.signer.policy else "", world.clock()
            ).values()
            assert watching == members.auditors_of(database, found.signer.id)
            together = Crowd(database, names).on(watching)
            for name, identity in identities.find_all(database, names).items():
                alone = candidate(database, identity, "release")
                assert together[name].can_approve == alone.can_approve, name
        assert len({each.can_approve for each in together.values()}) == 2


BOTH = Step("both", 2, ("ann", "bob"))
WITH_BOT = Step("with bot", 2, ("ann", "bot"))


def edit(to_: Services, world: World) -> object:
    return to_.policies.edit(world.admin, "p", to(BOTH, WITH_BOT))


def put(signer: str, policy: str) -> Callable[[Services, World], object]:
    return lambda to_, world: to_.signers.set_policy(world.admin, signer, policy)


def create(to_: Services, world: World) -> object:
    new = SignerDescription("new", KeyAlgorithm.P256, "ACME")
    return to_.signers.create(world.admin, new, policy="two")


def disable(name: str) -> Callable[[Services, World], object]:
    return lambda to_, world: to_.identities.disable(world.admin, name, "keep")


def add(name: str) -> Callable[[Services, World], object]:
    return lambda to_, world: to_.members.add(world.admin, "release", name, AUDITOR)


def require_three(to_: Services, world: World) -> None:
    to_.policies.edit(world.admin, "two", to(Step("three", 3, ("ann", "bob", "carol"))))
    to_.identities.disable(world.admin, "carol", "keep")


def delete_two(to_: Services, world: World) -> None:
    to_.policies.delete(world.admin, "two")


def take_off_and_delete(to_: Services, world: World) -> None:
    to_.signers.set_policy(world.admin, "release", None)
    to_.policies.delete(world.admin, "p")


def exchange_two(to_: Services, world: World) -> None:
    """By another of the same name that cannot be met."""
    to_.policies.delete(world.admin, "two")
    to_.policies.create(world.admin, "two", Terms(60, 1, (Step("x", 1, ("zed",)),)))


UNMET = "policy_cannot_be_met"
BETWEEN: dict[str, tuple[Callable[[Services, World], object], object, str]] = {
    "edit; an approver is disabled": (edit, disable("bob"), UNMET),
    "edit; an approver becomes an auditor": (edit, add("bob"), UNMET),
    "edit; the owner of one becomes an auditor": (edit, add("carol"), UNMET),
    "edit; a machine becomes an auditor": (edit, add("bot"), UNMET),
    "edit; who edits is disabled": (
        lambda to_, world: to_.policies.edit(by_eve(world), "p", to(BOTH)),
        disable("eve"),
        "identity_disabled",
    ),
    "edit; it is taken off and deleted": (
        edit,
        take_off_and_delete,
        "policy_not_found",
    ),
    "edit; a signer where it cannot be met gets it": (
        edit,
        lambda to_, world: (
            to_.members.add(world.admin, "bare", "bob", AUDITOR),
            to_.signers.set_policy(world.admin, "bare", "p"),
        ),
        UNMET,
    ),
    "edit of one that no signer has; it is deleted": (
        lambda to_, world: to_.policies.edit(world.admin, "two", to(BOTH)),
        delete_two,
        "policy_not_found",
    ),
    "attach; an approver is disabled": (put("bare", "two"), disable("ann"), UNMET),
    "attach; an approver becomes an auditor": (put("release", "two"), add("bob"), UNMET),
    "attach; it is edited": (put("bare", "two"), require_three, UNMET),
    "attach; it is deleted": (put("bare", "two"), delete_two, "policy_not_found"),
    "attach; it is another one now": (put("bare", "two"), exchange_two, UNMET),
    "attach; the signer is deleted": (
        put("bare", "two"),
        lambda to_, world: (
            to_.signers.disable(world.admin, "bare"),
            to_.signers.delete(world.admin, "bare", 0),
        ),
        "signer_not_found",
    ),
    "create; an approver is disabled": (create, disable("ann"), UNMET),
    "create; the policy is deleted": (create, delete_two, "policy_not_found"),
    "create; the name is taken": (create, create, "signer_exists"),
}


def by_eve(world: World) -> Caller:
    key = world.services.identities.add_key(world.admin, "eve").api_key
    return world.services.identities.authenticate(key)


def come_between(store: Watched, interfere: Callable[[], object]) -> None:
    """Once, before the lock is taken."""

    def now() -> None:
        store.before_write = lambda: None
        interfere()

    store.before_write = now


class TestWhatComesBetween:
    """Between what was found and the lock."""

    @pytest.mark.parametrize("what", BETWEEN)
    def test_is_noticed(self, world: World, here: tuple[Services, Watched], what: str) -> None:
        services, store = here
        world.policy("two", BOTH)
        change, interfere, code = BETWEEN[what]
        after: list[object] = []

        def interfering() -> None:
            interfere(world.services, world)  # type: ignore[operator]
            after.append(world.last_row())

        come_between(store, interfering)
        assert refusal(lambda: change(services, world)).code == code
        assert [world.last_row()] == after

    def test_an_edit_starts_from_what_there_is_now(
        self, world: World, here: tuple[Services, Watched]
    ) -> None:
        services, store = here
        come_between(
            store,
            lambda: world.services.policies.edit(
                world.admin, "p", TermsEdit(hashes=(HashAlgorithm.SHA512,))
            ),
        )
        edited = services.policies.edit(world.admin, "p", to(BOTH)).policy.terms
        assert edited == Terms(3600, 5, (BOTH,), None, (HashAlgorithm.SHA512,))

    def test_an_edit_is_one_of_the_policy_that_has_the_name_now(
        self, world: World, here: tuple[Services, Watched]
    ) -> None:
        services, store = here
        world.policy("two", BOTH)
        come_between(store, lambda: exchange_two(world.services, world))
        edited = services.policies.edit(world.admin, "two", TermsEdit(max_signings=2))
        assert edited.policy.terms == Terms(60, 2, (Step("x", 1, ("zed",)),))
        assert [change.change.value for change in edited.changes] == ["loosened", "created"]

    def test_a_certificate_for_a_key_that_was_replaced_is_refused(
        self, world: World, here: tuple[Services, Watched]
    ) -> None:
        services, store = here
        ca, others = OtherCa(), world.services.signers
        early = ca.answer(services.signers.csr(world.admin, "outside"))

        def renew() -> None:
            others.renew(world.admin, "outside")
            chain = ca.answer(others.csr(world.admin, "outside"))
            others.install_certificate(world.admin, "outside", chain)

        come_between(store, renew)
        refused = refusal(
            lambda: services.signers.install_certificate(world.admin, "outside", early)
        )
        assert (status_of(refused.code), refused.field) == (400, "chain")

    def test_again_and_again_ends_all_the_same(
        self, world: World, here: tuple[Services, Watched]
    ) -> None:
        services, store = here
        store.before_write = lambda: world.services.identities.add_key(world.admin, "ann")
        assert edit(services, world)
        assert store.writes < 10

    def test_at_the_last_moment_as_well(self, world: World, here: tuple[Services, Watched]) -> None:
        services, store = here
        identities = world.services.identities
        store.before_write = lambda: identities.add_key(world.admin, "ann")
        edit(services, world)
        last = store.writes

        def now() -> None:
            identities.add_key(world.admin, "ann")
            if store.writes == 2 * last:
                identities.disable(world.admin, "bob")

        store.before_write = now
        assert refusal(lambda: services.policies.edit(world.admin, "p", to(BOTH))).code == UNMET

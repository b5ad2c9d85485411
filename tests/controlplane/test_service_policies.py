"""Policies through their lives: who makes and sees them, on which signers they can be put."""

import shutil
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from controlplane.api.refusals import status_of
from controlplane.domain.model import (
    Caller,
    HashAlgorithm,
    IdentityKind,
    MemberRole,
    PolicyChange,
    PolicyChangeKind,
    ServerRole,
    Step,
    Terms,
)
from controlplane.domain.page import PageRequest
from controlplane.domain.policy import TermsEdit
from controlplane.errors import Refused
from controlplane.service.installation import open_services
from controlplane.service.location import Location
from controlplane.service.policies import Policies
from controlplane.service.signers import Signers
from tests.world import SetClock, World, a_call, edit_to

SHA256, SHA384 = HashAlgorithm.SHA256, HashAlgorithm.SHA384
LEAD = Step("lead", 1, ("ann", "bob"))
BOTH = Step("both", 2, ("ann", "bob"))
PLAIN = Terms(3600, 5)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Made once; each test works on a copy of its own."""
    world = World(tmp_path_factory.mktemp("template") / "data")
    with world.services:
        for name in ("ann", "bob"):
            world.identity(name)
    return world


@pytest.fixture
def world(template: World, tmp_path: Path) -> Iterator[World]:
    """With `ann` and `bob`, who can be approvers."""
    world = copy(template)
    world.location, world.clock = Location(tmp_path / "data"), SetClock()
    shutil.copytree(template.location.data_dir, world.location.data_dir)
    world.services = open_services(world.location, world.clock)
    with world.services:
        yield world


@pytest.fixture
def policies(world: World) -> Policies:
    return world.services.policies


@pytest.fixture
def signers(world: World) -> Signers:
    return world.services.signers


def refusal(call: Callable[[], object]) -> tuple[int, str]:
    with pytest.raises(Refused) as refused:
        call()
    return status_of(refused.value.code), refused.value.code


def kinds(changes: tuple[PolicyChange, ...]) -> list[str]:
    return [change.change.value for change in changes]


def caller_of(world: World, name: str) -> Caller:
    """With a new API key of somebody that there is already."""
    key = world.services.identities.add_key(world.admin, name).api_key
    return world.services.identities.authenticate(key)


class TestCreation:
    @pytest.mark.parametrize(
        "terms",
        [
            Terms(60, None),
            Terms(None, 1),
            Terms(3600, 5, (LEAD, BOTH), 600, (SHA384, SHA256)),
        ],
    )
    def test_what_was_asked_for_is_what_there_is(
        self, world: World, policies: Policies, terms: Terms
    ) -> None:
        created = policies.create(world.admin, "p", terms)
        assert created.policy.terms == terms
        assert policies.get(world.admin, "p") == created
        assert created.signers == ()

    def test_shows_who_created_it_and_when(self, world: World, policies: Policies) -> None:
        before = world.clock()
        created = policies.create(world.admin, "p", PLAIN)
        (change,) = created.changes
        assert (change.change, change.by, change.policy, change.signer, change.what) == (
            PolicyChangeKind.CREATED,
            "admin",
            "p",
            None,
            (),
        )
        assert before <= change.at <= world.clock()

    def test_a_name_is_given_once(self, world: World, policies: Policies) -> None:
        policies.create(world.admin, "p", PLAIN)
        again = lambda: policies.create(world.admin, "p", Terms(60, None))  # noqa: E731
        assert refusal(again) == (409, "policy_exists")
        assert policies.get(world.admin, "p").policy.terms == PLAIN

    @pytest.mark.parametrize("name", ["", "a b", "a/b", "é", "a\n", "x" * 65, "none"])
    def test_names_are_checked(self, world: World, policies: Policies, name: str) -> None:
        with pytest.raises(Refused) as refused:
            policies.create(world.admin, name, PLAIN)
        assert (status_of(refused.value.code), refused.value.field) == (400, "name")

    @pytest.mark.parametrize("name", ["p", "None", "x" * 64, "Two.eyes_2+@-"])
    def test_names_may_be_as_those_of_identities(
        self, world: World, policies: Policies, name: str
    ) -> None:
        assert policies.create(world.admin, name, PLAIN).policy.name == name

    def test_without_a_bound_it_is_refused(self, world: World, policies: Policies) -> None:
        create = lambda: policies.create(world.admin, "p", Terms(None, None, (LEAD,)))  # noqa: E731
        assert refusal(create) == (400, "policy_unbounded")

    def test_an_approver_must_be_an_identity(self, world: World, policies: Policies) -> None:
        with pytest.raises(Refused) as refused:
            policies.create(world.admin, "p", Terms(60, None, (LEAD, Step("x", 1, ("ghost",)))))
        assert (status_of(refused.value.code), refused.value.field) == (400, "steps[1].approvers")
        assert refusal(lambda: policies.get(world.admin, "p")) == (404, "policy_not_found")

    def test_one_that_cannot_be_met_waits_unattached(
        self, world: World, policies: Policies
    ) -> None:
        world.services.identities.disable(world.admin, "bob")
        assert policies.create(world.admin, "p", Terms(60, None, (BOTH,))).policy.name == "p"


class TestWhoMay:
    @pytest.mark.parametrize("who", ["nobody in particular", "server auditor", "administrator"])
    def test_only_server_admins_create_edit_and_delete(
        self, world: World, policies: Policies, who: str
    ) -> None:
        role = ServerRole.AUDITOR if who == "server auditor" else None
        zoe = world.identity("zoe", role=role)
        world.policy("p")
        world.policy("free")
        world.signer(policy="p")
        if who == "administrator":
            world.services.members.add(world.admin, "release", "zoe", MemberRole.ADMINISTRATOR)
        before = world.last_row()
        for change in (
            lambda: policies.create(zoe, "new", PLAIN),
            lambda: policies.edit(zoe, "p", edit_to(Terms(60, None))),
            lambda: policies.edit(zoe, "ghost", edit_to(Terms(60, None))),
            lambda: policies.delete(zoe, "free"),
            lambda: policies.delete(zoe, "ghost"),
        ):
            assert refusal(change) == (403, "admin_required")
        assert world.last_row() == before

    def test_an_admin_who_was_just_disabled_or_lost_the_key_changes_nothing(
        self, world: World, policies: Policies
    ) -> None:
        disabled = world.identity("disabled", role=ServerRole.ADMIN)
        revoked = world.identity("revoked", role=ServerRole.ADMIN)
        world.policy("p")
        world.services.identities.disable(world.admin, "disabled")
        world.services.identities.revoke_key(world.admin, "revoked", revoked.api_key_id)
        for caller, code in ((disabled, "identity_disabled"), (revoked, "api_key_revoked")):
            for change in (
                partial(policies.create, caller, "new", PLAIN),
                partial(policies.edit, caller, "p", edit_to(Terms(60, None))),
                partial(policies.delete, caller, "p"),
            ):
                assert refusal(change) == (401, code)

    @pytest.mark.parametrize(
        ("who", "expected"),
        [
            ("admin", None),
            ("administrator", None),
            ("operator", (403, "administrator_required")),
            ("auditor", (403, "administrator_required")),
            ("server auditor", (403, "administrator_required")),
            ("approver", (403, "administrator_required")),
            ("stranger", (404, "signer_not_found")),
        ],
    )
    def test_set_the_policy_of_a_signer(
        self, world: World, signers: Signers, who: str, expected: tuple[int, str] | None
    ) -> None:
        server_role = {"admin": ServerRole.ADMIN, "server auditor": ServerRole.AUDITOR}.get(who)
        zoe = world.identity("zoe", role=server_role)
        world.policy("p", Step("x", 1, ("ann", "zoe") if who == "approver" else ("ann",)))
        world.policy("q")
        world.signer(policy="p")
        world.signer("test", policy="q", zoe=MemberRole.AUDITOR)
        if who in set(MemberRole):
            world.services.members.add(world.admin, "release", "zoe", MemberRole(who))
        for wanted in ("q", None, "ghost"):
            attach = partial(signers.set_policy, zoe, "release", wanted)
            if expected is not None:
                assert refusal(attach) == expected
            elif wanted == "ghost":
                assert refusal(attach) == (404, "policy_not_found")
            else:
                found = attach().signer.policy
                assert (found.name if found else None) == wanted

    def test_an_administrator_attaches_only_what_they_may_read(
        self, world: World, signers: Signers, policies: Policies
    ) -> None:
        zoe = world.identity("zoe")
        world.policy("p", LEAD)
        world.policy("lax")
        world.signer(policy="p", zoe=MemberRole.ADMINISTRATOR)

        def attach(name: str) -> str:
            with pytest.raises(Refused) as refused:
                signers.set_policy(zoe, "release", name)
            assert refused.value.code == "policy_not_found"
            return refused.value.title.replace(name, "NAME")

        assert attach("lax") == attach("ghost"), "hidden and absent are not told apart"
        view = signers.get(zoe, "release")
        assert view.signer.policy is not None
        assert view.signer.policy.name == "p"
        policies.edit(world.admin, "lax", edit_to(Terms(3600, 5, (Step("x", 1, ("zoe",)),))))
        signers.set_policy(zoe, "release", "lax")


class TestEdit:
    def test_replaces_the_terms_and_keeps_the_rest(self, world: World, policies: Policies) -> None:
        before = world.policy("p", LEAD, hashes=(SHA256,))
        after = policies.edit(world.admin, "p", edit_to(Terms(None, 7, (BOTH,), 60))).policy
        assert after == replace(before, terms=Terms(None, 7, (BOTH,), 60))
        assert policies.get(world.admin, "p").policy == after

    def test_starts_from_what_there_is(self, world: World, policies: Policies) -> None:
        world.policy("p", LEAD)
        after = policies.edit(world.admin, "p", TermsEdit(max_signings=6))
        assert after.policy.terms == Terms(3600, 6, (LEAD,))

    @pytest.mark.parametrize(
        ("terms", "kind", "what"),
        [
            (Terms(7200, 5, (LEAD,)), "loosened", ("max window: 1h → 2h",)),
            (Terms(3600, 5, ()), "loosened", ("step 'lead' removed",)),
            (Terms(3600, 4, (LEAD,)), "tightened", ("max signings: 5 → 4",)),
            (
                Terms(3600, 9, (LEAD,), 60),
                "loosened",
                ("max signings: 5 → 9", "request ttl: none → 1m"),
            ),
            (Terms(3600, 5, (Step("lead", 1, ("bob", "ann")),)), "changed", ()),
        ],
    )
    def test_shows_what_it_did_by_whom_and_when(
        self, world: World, policies: Policies, terms: Terms, kind: str, what: tuple[str, ...]
    ) -> None:
        world.policy("p", LEAD)
        eve = world.identity("eve", role=ServerRole.ADMIN)
        before = world.clock()
        change = policies.edit(eve, "p", edit_to(terms)).changes[0]
        assert (change.change.value, change.what, change.by) == (kind, what, "eve")
        assert (change.policy, change.signer) == ("p", None)
        assert before <= change.at <= world.clock()

    def test_that_changes_nothing_leaves_no_trace(self, world: World, policies: Policies) -> None:
        world.policy("p", LEAD)
        before = world.last_row()
        assert kinds(policies.edit(world.admin, "p", TermsEdit()).changes) == ["created"]
        assert world.last_row() == before

    def test_is_checked_as_a_new_one(self, world: World, policies: Policies) -> None:
        world.policy("p", LEAD)
        unbounded = lambda: policies.edit(world.admin, "p", edit_to(Terms(None, None)))  # noqa: E731
        assert refusal(unbounded) == (400, "policy_unbounded")
        for terms, field in (
            (Terms(59, None), "max_window_seconds"),
            (Terms(60, None, (Step("x", 2, ("ann",)),)), "steps[0].required"),
            (Terms(60, None, (Step("x", 1, ("ghost",)),)), "steps[0].approvers"),
        ):
            with pytest.raises(Refused) as refused:
                policies.edit(world.admin, "p", edit_to(terms))
            assert (status_of(refused.value.code), refused.value.field) == (400, field)
        assert policies.get(world.admin, "p").policy.terms == Terms(3600, 5, (LEAD,))

    def test_of_one_that_is_not_there_is_refused(self, world: World, policies: Policies) -> None:
        edit = lambda: policies.edit(world.admin, "p", edit_to(PLAIN))  # noqa: E731
        assert refusal(edit) == (404, "policy_not_found")

    def test_to_what_cannot_be_met_is_refused_while_a_signer_has_it(
        self, world: World, policies: Policies, signers: Signers
    ) -> None:
        """Where the step could be met on one signer but not on the other, as well."""
        world.policy("p", LEAD)
        world.signer("a", policy="p")
        world.signer("b", bob=MemberRole.AUDITOR)
        signers.set_policy(world.admin, "b", "p")
        before = world.last_row()
        with pytest.raises(Refused) as refused:
            policies.edit(world.admin, "p", edit_to(Terms(3600, 5, (BOTH,))))
        assert (status_of(refused.value.code), refused.value.code) == (409, "policy_cannot_be_met")
        assert refused.value.title.startswith("On the signer 'b': The step 'both' needs 2 ")
        assert policies.get(world.admin, "p").policy.terms.steps == (LEAD,)
        assert world.last_row() == before
        signers.set_policy(world.admin, "b", None)
        assert policies.edit(
            world.admin, "p", edit_to(Terms(3600, 5, (BOTH,)))
        ).policy.terms.steps == (BOTH,)

    def test_to_what_cannot_be_met_is_taken_while_no_signer_has_it(
        self, world: World, policies: Policies, signers: Signers
    ) -> None:
        world.policy("p", LEAD)
        world.signer("gone", bob=MemberRole.AUDITOR)
        signers.set_policy(world.admin, "gone", "p")
        world.delete_signer("gone")
        world.services.identities.disable(world.admin, "bob")
        assert policies.edit(world.admin, "p", edit_to(Terms(60, None, (BOTH,)))).policy.terms.steps

    def test_moves_the_sight_of_the_signer_to_the_new_approvers(
        self, world: World, policies: Policies, signers: Signers
    ) -> None:
        ann, bob = (caller_of(world, name) for name in ("ann", "bob"))
        world.policy("p", Step("x", 1, ("ann",)))
        world.signer(policy="p")
        assert signers.get(ann, "release").role is None
        assert refusal(lambda: signers.get(bob, "release")) == (404, "signer_not_found")
        policies.edit(world.admin, "p", edit_to(Terms(60, None, (Step("x", 1, ("bob",)),))))
        assert signers.get(bob, "release").role is None
        assert refusal(lambda: signers.get(ann, "release")) == (404, "signer_not_found")

    def test_moves_the_lists_of_signers_and_policies_as_well(
        self, world: World, policies: Policies, signers: Signers
    ) -> None:
        ann, bob = (caller_of(world, name) for name in ("ann", "bob"))
        world.policy("p", Step("x", 1, ("ann",)))
        world.signer(policy="p")
        page = PageRequest()

        def who_lists() -> list[tuple[int, int]]:
            return [
                (len(signers.list(who, page).items), len(policies.list(who, page).items))
                for who in (ann, bob)
            ]

        assert who_lists() == [(1, 1), (0, 0)]
        policies.edit(world.admin, "p", edit_to(Terms(60, None, (Step("x", 1, ("bob",)),))))
        assert who_lists() == [(0, 0), (1, 1)]


class TestDeletion:
    def test_one_in_use_stays(self, world: World, policies: Policies, signers: Signers) -> None:
        world.policy("p")
        world.signer("a", policy="p")
        world.signer("b", policy="p")
        with pytest.raises(Refused) as refused:
            policies.delete(world.admin, "p")
        assert (status_of(refused.value.code), refused.value.code) == (409, "policy_in_use")
        assert "attached to a, b:" in refused.value.title
        signers.set_policy(world.admin, "a", None)
        assert refusal(lambda: policies.delete(world.admin, "p")) == (409, "policy_in_use")
        signers.set_policy(world.admin, "b", None)
        policies.delete(world.admin, "p")
        assert refusal(lambda: policies.get(world.admin, "p")) == (404, "policy_not_found")
        assert policies.list(world.admin, PageRequest()).items == ()

    def test_a_deleted_signer_does_not_hold_it(
        self, world: World, policies: Policies, signers: Signers
    ) -> None:
        world.policy("p", LEAD)
        world.signer(policy="p")
        world.delete_signer("release")
        assert policies.get(world.admin, "p").signers == ()
        policies.delete(world.admin, "p")

    def test_of_one_that_is_not_there_is_refused(self, world: World, policies: Policies) -> None:
        assert refusal(lambda: policies.delete(world.admin, "p")) == (404, "policy_not_found")

    def test_its_name_is_free_for_another_one(self, world: World, policies: Policies) -> None:
        first = world.policy("p", LEAD)
        policies.delete(world.admin, "p")
        second = world.policy("p")
        assert second.id != first.id
        assert kinds(policies.get(world.admin, "p").changes) == ["created"]

    def test_nobody_is_its_approver_any_more(self, world: World, policies: Policies) -> None:
        ann = caller_of(world, "ann")
        world.policy("p", LEAD)
        policies.delete(world.admin, "p")
        world.policy("p")
        assert refusal(lambda: policies.get(ann, "p")) == (404, "policy_not_found")
        assert policies.list(ann, PageRequest()).items == ()


class TestAttachment:
    def test_from_then_on_a_member_needs_a_grant_and_without_it_none(
        self, world: World, signers: Signers
    ) -> None:
        ci = world.identity("ci")
        world.policy("p", LEAD)
        world.signer(ci=MemberRole.OPERATOR)
        sign = partial(world.services.signing.sign, ci, a_call())
        assert sign().signature
        signers.set_policy(world.admin, "release", "p")
        assert refusal(sign) == (403, "no_active_grant")
        signers.set_policy(world.admin, "release", None)
        assert sign().signature

    def test_can_come_with_the_signer(self, world: World, policies: Policies) -> None:
        policy = world.policy("p", LEAD)
        view = world.signer(policy="p")
        assert view.signer.policy == policy
        assert kinds(view.policy_changes) == ["attached", "created"]
        assert policies.get(world.admin, "p").signers == ("release",)

    @pytest.mark.parametrize(
        ("policy", "expected"),
        [("ghost", (404, "policy_not_found")), ("both", (409, "policy_cannot_be_met"))],
    )
    def test_that_fails_leaves_no_signer(
        self, world: World, signers: Signers, policy: str, expected: tuple[int, str]
    ) -> None:
        world.policy("both", BOTH)
        world.services.identities.disable(world.admin, "bob")
        before = world.last_row()
        create = lambda: world.signer(policy=policy)  # noqa: E731
        assert refusal(create) == expected
        assert refusal(lambda: signers.get(world.admin, "release")) == (404, "signer_not_found")
        assert world.last_row() == before
        assert world.signer().signer.number == 1

    def test_many_signers_share_one(self, world: World, policies: Policies) -> None:
        world.policy("p")
        for name in ("c", "a", "b"):
            world.signer(name, policy="p")
        assert policies.get(world.admin, "p").signers == ("a", "b", "c")

    def test_of_the_same_again_changes_nothing(self, world: World, signers: Signers) -> None:
        world.policy("p")
        world.signer()
        for policy in (None, "p"):
            signers.set_policy(world.admin, "release", policy)
            before = world.last_row()
            again = signers.set_policy(world.admin, "release", policy)
            assert kinds(again.policy_changes).count("attached") == (policy is not None)
            assert world.last_row() == before

    def test_putting_on_and_taking_off_shows_in_signer_and_policy(
        self, world: World, policies: Policies, signers: Signers
    ) -> None:
        zoe = world.identity("zoe")
        world.policy("p", Step("lead", 1, ("zoe", "admin")))
        world.signer(zoe=MemberRole.ADMINISTRATOR)
        before = world.clock()
        signers.set_policy(zoe, "release", "p")
        view = signers.set_policy(world.admin, "release", None)
        detached, attached = view.policy_changes
        assert (detached.change.value, detached.by) == ("detached", "admin")
        assert (attached.change.value, attached.by) == ("attached", "zoe")
        assert {(each.policy, each.signer) for each in view.policy_changes} == {("p", "release")}
        assert before <= attached.at < detached.at <= world.clock()
        shown = policies.get(world.admin, "p").changes
        assert shown[:2] == (detached, attached)
        assert kinds(shown) == ["detached", "attached", "created"]

    def test_exchanging_one_for_another_shows_both(self, world: World, signers: Signers) -> None:
        world.policy("p")
        world.policy("q")
        world.signer(policy="p")
        view = signers.set_policy(world.admin, "release", "q")
        assert view.signer.policy is not None
        assert view.signer.policy.name == "q"
        found = {(each.change.value, each.policy) for each in view.policy_changes if each.signer}
        assert found == {("attached", "p"), ("detached", "p"), ("attached", "q")}

    def test_a_signer_shows_how_its_policy_was_loosened(
        self, world: World, policies: Policies, signers: Signers
    ) -> None:
        eve = world.identity("eve", role=ServerRole.ADMIN)
        zoe = world.identity("zoe")
        world.policy("p", LEAD)
        world.policy("other", LEAD)
        world.signer(policy="p", zoe=MemberRole.AUDITOR)
        policies.edit(world.admin, "p", edit_to(Terms(60, 5, (LEAD,))))
        policies.edit(eve, "p", edit_to(Terms(60, 5)))
        policies.edit(eve, "other", edit_to(Terms(60, 5)))
        changes = signers.get(zoe, "release").policy_changes
        assert [(each.change.value, each.by, each.what) for each in changes] == [
            ("loosened", "eve", ("step 'lead' removed",)),
            ("tightened", "admin", ("max window: 1h → 1m",)),
            ("attached", "admin", ()),
            ("created", "admin", ()),
        ]

    def test_a_signer_shows_nothing_of_what_others_that_share_its_policy_did(
        self, world: World, signers: Signers
    ) -> None:
        world.policy("p")
        world.signer("a", policy="p")
        world.signer("b", policy="p")
        signers.set_policy(world.admin, "b", None)
        changes = signers.get(world.admin, "a").policy_changes
        assert {each.signer for each in changes} == {"a", None}
        assert kinds(changes) == ["attached", "created"]

    def test_lists_of_signers_go_without_the_changes(self, world: World, signers: Signers) -> None:
        policy = world.policy("p")
        world.signer(policy="p")
        (view,) = signers.list(world.admin, PageRequest()).items
        assert (view.signer.policy, view.policy_changes) == (policy, ())


class TestWhatCannotBeMet:
    """A step that asks both `ann` and a second one of whom too little is left."""

    SECONDS = (
        "disabled",
        "server auditor",
        "auditor of the signer",
        "machine of ann",
        "disabled machine",
    )

    def second(self, world: World, what: str) -> str:
        if what == "machine of ann":
            return world.identity("bot", IdentityKind.MACHINE, owner="ann").identity.name
        if what == "disabled machine":
            world.identity("bot", IdentityKind.MACHINE, owner="bob")
            return world.services.identities.disable(world.admin, "bot").identity.name
        if what == "server auditor":
            return world.identity("eve", role=ServerRole.AUDITOR).identity.name
        if what == "auditor of the signer":
            world.services.members.add(world.admin, "release", "bob", MemberRole.AUDITOR)
        else:
            world.services.identities.disable(world.admin, "bob")
        return "bob"

    @pytest.mark.parametrize("what", SECONDS)
    def test_is_refused_and_the_signer_keeps_what_it_has(
        self, world: World, policies: Policies, signers: Signers, what: str
    ) -> None:
        world.policy("kept")
        world.signer(policy="kept")
        second = self.second(world, what)
        world.policy("p", Step("lead", 1, ("ann",)), Step("two", 2, ("ann", second)))
        before = world.last_row()
        with pytest.raises(Refused) as refused:
            signers.set_policy(world.admin, "release", "p")
        assert (status_of(refused.value.code), refused.value.code) == (409, "policy_cannot_be_met")
        assert refused.value.title.startswith(
            "On the signer 'release': The step 'two' needs 2 approvals, and 1 person of "
            f"ann, {second} could give one"
        )
        found = signers.get(world.admin, "release").signer.policy
        assert found is not None
        assert found.name == "kept"
        assert world.last_row() == before

    @pytest.mark.parametrize("what", SECONDS)
    def test_one_more_person_is_enough(self, world: World, signers: Signers, what: str) -> None:
        world.signer()
        second = self.second(world, what)
        world.identity("carol")
        world.policy("p", Step("two", 2, ("ann", second, "carol")))
        assert signers.set_policy(world.admin, "release", "p").signer.policy is not None

    def test_an_auditor_of_another_signer_counts(self, world: World, signers: Signers) -> None:
        world.signer("other", bob=MemberRole.AUDITOR)
        world.policy("p", BOTH)
        assert world.signer(policy="p").signer.policy is not None

    def test_members_who_sign_and_admins_count(self, world: World, signers: Signers) -> None:
        world.policy("p", Step("x", 3, ("admin", "ann", "bob")))
        world.signer(ann=MemberRole.OPERATOR, bob=MemberRole.ADMINISTRATOR)
        assert signers.set_policy(world.admin, "release", "p").signer.policy is not None


class TestVisibility:
    @pytest.mark.parametrize(
        ("who", "seen"),
        [
            ("admin", ["attached", "elsewhere", "free"]),
            ("server auditor", ["attached", "elsewhere", "free"]),
            ("administrator", ["attached"]),
            ("operator", ["attached"]),
            ("auditor", ["attached"]),
            ("approver of free", ["free"]),
            ("approver of attached", ["attached"]),
            ("stranger", []),
        ],
    )
    def test_of_policies(self, world: World, policies: Policies, who: str, seen: list[str]) -> None:
        server_role = {"admin": ServerRole.ADMIN, "server auditor": ServerRole.AUDITOR}.get(who)
        zoe = world.identity("zoe", role=server_role)
        for name in ("attached", "elsewhere", "free"):
            named = ("ann", "zoe") if who == f"approver of {name}" else ("ann",)
            world.policy(name, Step("x", 1, named))
        world.signer(policy="attached")
        world.signer("hidden", policy="elsewhere")
        if who in set(MemberRole):
            world.services.members.add(world.admin, "release", "zoe", MemberRole(who))
        assert [each.name for each in policies.list(zoe, PageRequest()).items] == seen
        for name in ("attached", "elsewhere", "free", "ghost"):
            if name in seen:
                assert policies.get(zoe, name).policy.name == name
            else:
                assert refusal(partial(policies.get, zoe, name)) == (404, "policy_not_found")

    def test_of_the_signers_that_have_it(self, world: World, policies: Policies) -> None:
        zoe = world.identity("zoe")
        ann = caller_of(world, "ann")
        world.policy("p", LEAD)
        for name in ("a", "b", "c"):
            world.signer(name, policy="p")
        world.services.members.add(world.admin, "b", "zoe", MemberRole.AUDITOR)
        assert policies.get(zoe, "p").signers == ("b",)
        assert policies.get(ann, "p").signers == ("a", "b", "c")

    def test_lists_are_paged_by_name(self, world: World, policies: Policies) -> None:
        for name in ("z", "x", "y"):
            world.policy(name)
        first = policies.list(world.admin, PageRequest(2))
        second = policies.list(world.admin, PageRequest(2, first.next))
        names = [[policy.name for policy in page.items] for page in (first, second)]
        assert names == [["x", "y"], ["z"]]
        assert second.next is None

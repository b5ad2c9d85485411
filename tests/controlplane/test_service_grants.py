"""Permission to sign, for a while and a number of times: given, used up exactly, taken away."""

import shutil
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from copy import copy
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from controlplane.api.refusals import status_of
from controlplane.domain.model import (
    Caller,
    Grant,
    GrantState,
    HashAlgorithm,
    IdentityKind,
    MemberRole,
    Outcome,
    ServerRole,
    Signed,
    Step,
    Terms,
)
from controlplane.domain.page import PageRequest
from controlplane.errors import Refused
from controlplane.service.grants import Grants, GrantView
from controlplane.service.installation import Services, open_services
from controlplane.service.location import Location
from controlplane.store.tables import KeyRow
from tests.world import SetClock, World, a_call, by_hand, edit_to

SHA256, SHA384 = HashAlgorithm.SHA256, HashAlgorithm.SHA384
LEAD = Step("lead", 1, ("ann", "bob"))


class Cast:
    """The signer `release` under the policy `lead`: an hour, five signings, any hash. `ci` and
    `omar` are its operators, `adam` its administrator, `audrey` its auditor; `ann` and `bob`
    approve; `sam` has nothing to do with it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.callers = {"admin": world.admin}
        for name in ("ci", "omar", "adam", "audrey", "ann", "bob", "sam"):
            self.callers[name] = world.identity(name)
        world.policy("lead", LEAD)
        world.signer(
            policy="lead",
            ci=MemberRole.OPERATOR,
            omar=MemberRole.OPERATOR,
            adam=MemberRole.ADMINISTRATOR,
            audrey=MemberRole.AUDITOR,
        )

    def __getitem__(self, name: str) -> Caller:
        return self.callers[name]

    @property
    def grants(self) -> Grants:
        return self.world.services.grants

    def join(self, name: str, role: MemberRole = MemberRole.OPERATOR) -> None:
        self.world.services.members.add(self.world.admin, "release", name, role)

    def attach(self, policy: str | None) -> None:
        self.world.services.signers.set_policy(self.world.admin, "release", policy)

    def edit(self, terms: Terms) -> None:
        self.world.services.policies.edit(self.world.admin, "lead", edit_to(terms))

    def give(
        self,
        to: str = "ci",
        *,
        by: str = "adam",
        why: str = "hotfix",
        window: int | None = None,
        signings: int | None = None,
    ) -> str:
        """The id of a grant that is pre-approved."""
        return self.grants.create(self[by], "release", to, why, window, signings).grant.id

    def ask(self, by: str = "ci", **bounds: int) -> str:
        """The id of a grant that was asked for and approved by `ann`."""
        requests = self.world.services.requests
        asked = requests.create(self[by], "release", "1.2", **bounds).view.request.id
        grant_id = requests.approve(self["ann"], asked).request.grant_id
        assert grant_id is not None
        return grant_id

    def show(self, grant: str) -> GrantView:
        return self.grants.get(self.world.admin, grant)

    def state(self, grant: str) -> str:
        return self.show(grant).state.value

    def used(self, *grants: str) -> list[int]:
        return [self.show(grant).grant.used for grant in grants]

    def revoke(self, grant: str, *, by: str = "adam") -> Grant:
        return self.grants.revoke(self[by], grant, "stop").grant

    def sign(self, by: str = "ci", signer: str = "release", **different: object) -> Signed:
        return self.world.services.signing.sign(self[by], a_call(signer, **different))

    def signs_by(self, by: str = "ci") -> str | None:
        """The id of the grant that a call uses up now."""
        self.sign(by)
        return self.world.last_row().entry.grant_id


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Cast:
    """Made once; each test works on a copy of its own."""
    world = World(tmp_path_factory.mktemp("template") / "data")
    with world.services:
        return Cast(world)


@pytest.fixture
def cast(template: Cast, tmp_path: Path) -> Iterator[Cast]:
    cast = copy(template)
    cast.world = world = copy(template.world)
    cast.callers = dict(template.callers)
    world.location, world.clock = Location(tmp_path / "data"), SetClock()
    shutil.copytree(template.world.location.data_dir, world.location.data_dir)
    world.services = open_services(world.location, world.clock)
    with world.services:
        yield cast


@pytest.fixture
def world(cast: Cast) -> World:
    return cast.world


def refusal(call: Callable[[], object]) -> tuple[int, str]:
    with pytest.raises(Refused) as refused:
        call()
    return status_of(refused.value.code), refused.value.code


NO_GRANT = (403, "no_active_grant")


class TestPreApproval:
    def test_is_there_at_once_and_without_a_request(self, world: World, cast: Cast) -> None:
        before = world.clock()
        view = cast.grants.create(cast["adam"], "release", "ci", " hotfix ", 60, 2)
        grant = view.grant
        assert view.state is GrantState.ACTIVE
        assert (grant.signer, grant.grantee, grant.policy) == ("release", "ci", "lead")
        assert (grant.justification, grant.issued_by, grant.request_id) == ("hotfix", "adam", None)
        assert (grant.max_signings, grant.used, grant.hashes, grant.revocation) == (2, 0, (), None)
        assert before <= grant.not_before <= world.clock()
        assert grant.not_after == grant.not_before + timedelta(seconds=60)
        assert cast.show(grant.id) == view
        assert cast.signs_by("ci") == grant.id

    @pytest.mark.parametrize("role", [MemberRole.OPERATOR, MemberRole.ADMINISTRATOR])
    def test_is_for_any_other_member_who_signs(
        self, world: World, cast: Cast, role: MemberRole
    ) -> None:
        cast.callers["zoe"] = world.identity("zoe")
        cast.join("zoe", role)
        grant = cast.give("zoe")
        assert cast.signs_by("zoe") == grant

    def test_has_the_ceilings_where_nothing_is_said(self, cast: Cast) -> None:
        grant = cast.show(cast.give()).grant
        assert grant.not_after == grant.not_before + timedelta(hours=1)
        assert grant.max_signings == 5

    @pytest.mark.parametrize(
        ("bounds", "window", "signings"),
        [(Terms(None, 5), None, 5), (Terms(3600, None), timedelta(hours=1), None)],
    )
    def test_has_no_bound_where_the_policy_has_none(
        self, cast: Cast, bounds: Terms, window: timedelta | None, signings: int | None
    ) -> None:
        cast.edit(bounds)
        grant = cast.show(cast.give()).grant
        assert grant.not_after == (None if window is None else grant.not_before + window)
        assert grant.max_signings == signings

    @pytest.mark.parametrize(
        ("window", "signings", "code", "field", "ceiling"),
        [
            (3601, None, "window_above_ceiling", "window_seconds", "1h"),
            (None, 6, "signings_above_ceiling", "signings", "5"),
            (0, None, "invalid_request", "window_seconds", ""),
            (None, 0, "invalid_request", "signings", ""),
        ],
    )
    def test_beyond_a_ceiling_is_refused_naming_it(
        self,
        world: World,
        cast: Cast,
        window: int | None,
        signings: int | None,
        code: str,
        field: str,
        ceiling: str,
    ) -> None:
        before = world.last_row()
        with pytest.raises(Refused) as refused:
            cast.give(window=window, signings=signings)
        found = (status_of(refused.value.code), refused.value.code, refused.value.field)
        assert found == (400, code, field)
        assert ceiling in refused.value.title
        assert world.last_row() == before

    def test_says_why_in_1_to_2048_characters(self, cast: Cast) -> None:
        assert cast.show(cast.give(why="x" * 2048)).grant.justification == "x" * 2048
        for why in ("", " \n", "x" * 2049):
            with pytest.raises(Refused) as refused:
                cast.give(why=why)
            assert (status_of(refused.value.code), refused.value.field) == (400, "justification")

    @pytest.mark.parametrize(
        ("who", "expected"),
        [
            ("omar", (403, "administrator_required")),
            ("audrey", (403, "administrator_required")),
            ("ann", (403, "administrator_required")),
            ("admin", (403, "administrator_required")),
            ("server auditor", (403, "administrator_required")),
            ("sam", (404, "signer_not_found")),
        ],
    )
    def test_is_for_an_administrator_of_the_signer_to_give(
        self, world: World, cast: Cast, who: str, expected: tuple[int, str]
    ) -> None:
        if who == "server auditor":
            cast.callers[who] = world.identity("zoe", role=ServerRole.AUDITOR)
        before = world.last_row()
        assert refusal(lambda: cast.give(by=who)) == expected
        assert world.last_row() == before
        assert cast.grants.list(world.admin, PageRequest()).items == ()

    def test_a_server_admin_gives_as_its_administrator(self, cast: Cast) -> None:
        cast.join("admin", MemberRole.ADMINISTRATOR)
        assert cast.show(cast.give(by="admin")).grant.issued_by == "admin"

    @pytest.mark.parametrize(
        ("by", "to"), [("adam", "adam"), ("adam", "bot"), ("bot", "adam"), ("bot", "bot2")]
    )
    def test_is_never_for_oneself_nor_for_a_machine_of_the_same_owner(
        self, world: World, cast: Cast, by: str, to: str
    ) -> None:
        for name in ("bot", "bot2"):
            cast.callers[name] = world.identity(name, IdentityKind.MACHINE, owner="adam")
            cast.join(name, MemberRole.ADMINISTRATOR)
        before = world.last_row()
        assert refusal(lambda: cast.give(to, by=by)) == (403, "own_grant")
        assert world.last_row() == before

    @pytest.mark.parametrize(
        ("to", "expected"),
        [
            ("sam", (404, "member_not_found")),
            ("ann", (404, "member_not_found")),
            ("ghost", (404, "member_not_found")),
            ("audrey", (409, "grantee_cannot_sign")),
            ("disabled", (409, "grantee_cannot_sign")),
        ],
    )
    def test_is_refused_for_who_could_not_use_it(
        self, world: World, cast: Cast, to: str, expected: tuple[int, str]
    ) -> None:
        if to == "disabled":
            to = "omar"
            world.services.identities.disable(world.admin, to)
        assert refusal(lambda: cast.give(to)) == expected

    def test_needs_a_policy_and_a_signer(self, world: World, cast: Cast) -> None:
        create = partial(cast.grants.create, cast["adam"], "ghost", "ci", "x")
        assert refusal(create) == (404, "signer_not_found")
        cast.attach(None)
        assert refusal(cast.give) == (409, "no_policy")

    def test_by_who_was_just_disabled_is_refused(self, world: World, cast: Cast) -> None:
        world.services.identities.disable(world.admin, "adam")
        assert refusal(cast.give) == (401, "identity_disabled")

    def test_needs_no_approval_of_the_steps(self, world: World, cast: Cast) -> None:
        cast.give()
        assert world.services.requests.list(world.admin, PageRequest()).items == ()
        assert cast.sign().signature


class TestUse:
    def test_each_signature_uses_up_one_and_names_the_grant(self, world: World, cast: Cast) -> None:
        grant = cast.ask(signings=2)
        for used in (1, 2):
            assert cast.signs_by() == grant
            assert cast.used(grant) == [used]
        assert cast.state(grant) == "exhausted"
        assert refusal(cast.sign) == NO_GRANT
        entry = world.last_row().entry
        assert (entry.outcome, entry.reason, entry.grant_id) == (
            Outcome.DENIED,
            "no_active_grant",
            None,
        )
        assert cast.used(grant) == [2]

    def test_a_window_ends_it(self, world: World, cast: Cast) -> None:
        grant = cast.ask(window_seconds=60)
        assert cast.signs_by() == grant
        world.clock.advance(seconds=60)
        assert refusal(cast.sign) == NO_GRANT
        assert cast.state(grant) == "expired"
        assert cast.used(grant) == [1]

    def test_a_window_lasts_to_the_microsecond(self, cast: Cast) -> None:
        grant = cast.show(cast.ask()).grant
        assert grant.not_after is not None
        last = grant.not_after - timedelta(microseconds=1)
        assert grant.state(last) is GrantState.ACTIVE
        assert grant.state(grant.not_after) is GrantState.EXPIRED

    def test_without_a_window_it_lasts(self, world: World, cast: Cast) -> None:
        cast.edit(Terms(None, 1, (LEAD,)))
        grant = cast.ask()
        world.clock.advance(days=300)
        assert cast.signs_by() == grant

    def test_without_a_number_it_is_never_used_up(self, cast: Cast) -> None:
        cast.edit(Terms(3600, None, (LEAD,)))
        grant = cast.ask()
        assert {cast.signs_by() for _ in range(7)} == {grant}
        assert (cast.used(grant), cast.state(grant)) == ([7], "active")

    def test_denied_calls_use_up_nothing(self, world: World, cast: Cast) -> None:
        grant = cast.ask()
        world.services.signers.disable(world.admin, "release")
        assert refusal(cast.sign) == (403, "signer_disabled")
        world.services.signers.enable(world.admin, "release")
        changed = partial(cast.sign, certificate_serial="ffff")
        assert refusal(changed) == (409, "certificate_changed")
        misfit = partial(cast.sign, digest=b"short")
        assert refusal(misfit) == (400, "invalid_request")
        assert cast.used(grant) == [0]

    def test_it_is_the_grantee_s_alone_and_the_signer_s_alone(
        self, world: World, cast: Cast
    ) -> None:
        world.signer("second", policy="lead", ci=MemberRole.OPERATOR)
        grant = cast.ask()
        assert refusal(lambda: cast.sign("omar")) == NO_GRANT
        assert refusal(lambda: cast.sign("adam")) == NO_GRANT
        assert refusal(lambda: cast.sign(signer="second")) == NO_GRANT
        assert cast.used(grant) == [0]

    def test_it_lifts_nothing_but_the_want_of_a_grant(self, world: World, cast: Cast) -> None:
        grant = cast.ask()
        world.services.members.remove(world.admin, "release", "ci")
        assert refusal(cast.sign) == (404, "signer_not_found")
        cast.join("ci", MemberRole.AUDITOR)
        assert refusal(cast.sign) == (403, "role_cannot_sign")
        cast.join("ci")
        assert cast.signs_by() == grant

    def test_after_a_renewal_of_the_signer_it_counts_on(self, world: World, cast: Cast) -> None:
        grant = cast.ask()
        world.services.signers.renew(world.admin, "release")
        assert cast.signs_by() == grant


class TestWhichOfSeveral:
    def test_the_one_that_ends_first_is_used_first(self, cast: Cast) -> None:
        long = cast.give(window=600, signings=1)
        short = cast.give(window=60, signings=2)
        middle = cast.ask(window_seconds=300, signings=1)
        assert [cast.signs_by() for _ in range(4)] == [short, short, middle, long]
        assert refusal(cast.sign) == NO_GRANT

    def test_one_without_end_is_used_last(self, cast: Cast) -> None:
        cast.edit(Terms(None, 5, (LEAD,)))
        endless = cast.give(signings=1)
        ending = cast.give(window=3600, signings=1)
        assert [cast.signs_by() for _ in range(2)] == [ending, endless]

    def test_one_that_is_no_use_never_hides_one_that_is(self, world: World, cast: Cast) -> None:
        """Those that end first are used up, revoked, expired and of another policy."""
        exhausted = cast.give(window=61, signings=1)
        assert cast.signs_by() == exhausted
        revoked = cast.give(window=62)
        cast.revoke(revoked)
        expired = cast.give(window=1)
        world.policy("other", LEAD)
        cast.attach("other")
        foreign = cast.give(window=63)
        cast.attach("lead")
        usable = cast.give(window=600)
        world.clock.advance(seconds=1)
        states = [cast.state(each) for each in (exhausted, revoked, expired, foreign, usable)]
        assert states == ["exhausted", "revoked", "expired", "active", "active"]
        assert {cast.signs_by() for _ in range(5)} == {usable}
        assert refusal(cast.sign) == NO_GRANT
        assert cast.used(foreign) == [0]

    def test_each_hash_finds_the_one_that_allows_it(self, cast: Cast) -> None:
        cast.edit(Terms(3600, 5, (LEAD,), None, (SHA384,)))
        for384 = cast.give(window=60, signings=1)
        cast.edit(Terms(3600, 5, (LEAD,), None, (SHA256,)))
        for256 = cast.give(window=600, signings=1)
        assert cast.signs_by() == for256
        assert refusal(cast.sign) == (403, "algorithm_not_allowed")
        cast.sign(hash=SHA384, digest=b"x" * 48)
        assert cast.used(for256, for384) == [1, 1]


class TestHashes:
    @pytest.fixture(autouse=True)
    def _sha256_only(self, cast: Cast) -> None:
        cast.edit(Terms(3600, 5, (LEAD,), None, (SHA256,)))

    @pytest.mark.parametrize(
        "different",
        [
            {"hash": SHA384, "digest": b"x" * 48},
            {"hash": HashAlgorithm.NONE, "digest": b"x" * 32},
        ],
    )
    def test_another_hash_is_refused_and_uses_up_nothing(
        self, world: World, cast: Cast, different: dict[str, object]
    ) -> None:
        """`none` as well, with a grant and without."""
        attempt = partial(cast.sign, "ci", "release", **different)
        assert refusal(attempt) == (403, "algorithm_not_allowed")
        grant = cast.ask()
        assert refusal(attempt) == (403, "algorithm_not_allowed")
        assert world.last_row().entry.reason == "algorithm_not_allowed"
        assert cast.used(grant) == [0]
        assert cast.signs_by() == grant

    def test_an_edit_takes_none_from_a_grant_and_gives_it_none(self, cast: Cast) -> None:
        first = cast.ask()
        cast.edit(Terms(3600, 5, (LEAD,), None, (SHA384,)))
        assert cast.signs_by() == first
        other = partial(cast.sign, hash=SHA384, digest=b"x" * 48)
        assert refusal(other) == (403, "algorithm_not_allowed")
        second = cast.ask()
        other()
        assert cast.used(first, second) == [1, 1]


class TestWhilePolicyIsAttached:
    def test_it_counts_then_only_and_again_when_it_comes_back(
        self, world: World, cast: Cast
    ) -> None:
        grant = cast.ask()
        assert cast.signs_by() == grant
        world.policy("other", LEAD)
        cast.attach("other")
        assert refusal(cast.sign) == NO_GRANT
        cast.attach(None)
        assert cast.signs_by() is None
        cast.attach("lead")
        assert cast.signs_by() == grant
        assert (cast.used(grant), cast.state(grant)) == ([2], "active")

    def test_its_window_goes_on_meanwhile(self, world: World, cast: Cast) -> None:
        cast.ask()
        cast.attach(None)
        world.clock.advance(hours=1)
        cast.attach("lead")
        assert refusal(cast.sign) == NO_GRANT

    def test_another_policy_of_the_same_name_is_another_policy(
        self, world: World, cast: Cast
    ) -> None:
        grant = cast.ask()
        cast.attach(None)
        world.services.policies.delete(world.admin, "lead")
        world.policy("lead", LEAD)
        cast.attach("lead")
        assert refusal(cast.sign) == NO_GRANT
        assert cast.used(grant) == [0]

    def test_an_edit_takes_nothing_from_it_and_adds_nothing(self, world: World, cast: Cast) -> None:
        grant = cast.ask()
        before = cast.show(grant)
        cast.edit(Terms(60, 1, (LEAD,)))
        assert cast.show(grant) == before
        cast.edit(Terms(7200, 100))
        assert cast.show(grant) == before
        world.clock.advance(hours=1)
        assert refusal(cast.sign) == NO_GRANT


class TestRevocation:
    @pytest.mark.parametrize("who", ["adam", "admin"])
    def test_by_an_administrator_or_a_server_admin_ends_it(
        self, world: World, cast: Cast, who: str
    ) -> None:
        grant = cast.ask()
        cast.sign()
        before = world.clock()
        view = cast.grants.revoke(cast[who], grant, " leaked ")
        assert view.state is GrantState.REVOKED
        revocation = view.grant.revocation
        assert revocation is not None
        assert (revocation.by, revocation.reason) == (who, "leaked")
        assert before <= revocation.at <= world.clock()
        assert cast.show(grant) == view
        assert refusal(cast.sign) == NO_GRANT
        assert cast.used(grant) == [1]

    @pytest.mark.parametrize(
        ("who", "expected"),
        [
            ("ci", (403, "administrator_required")),
            ("omar", (403, "administrator_required")),
            ("audrey", (403, "administrator_required")),
            ("ann", (403, "administrator_required")),
            ("server auditor", (403, "administrator_required")),
            ("sam", (404, "grant_not_found")),
        ],
    )
    def test_by_nobody_else(
        self, world: World, cast: Cast, who: str, expected: tuple[int, str]
    ) -> None:
        if who == "server auditor":
            cast.callers[who] = world.identity("zoe", role=ServerRole.AUDITOR)
        grant = cast.ask()
        before = world.last_row()
        assert refusal(lambda: cast.revoke(grant, by=who)) == expected
        assert (cast.state(grant), world.last_row()) == ("active", before)

    def test_of_one_that_has_ended_is_refused(self, world: World, cast: Cast) -> None:
        exhausted = cast.give(window=60, signings=1)
        cast.sign()
        revoked, expired = cast.give(), cast.give(window=1)
        cast.revoke(revoked)
        world.clock.advance(seconds=1)
        before = world.last_row()
        for grant, state in (
            (exhausted, "exhausted"),
            (revoked, "revoked"),
            (expired, "expired"),
        ):
            with pytest.raises(Refused) as refused:
                cast.revoke(grant)
            assert (status_of(refused.value.code), refused.value.code) == (409, "grant_not_active")
            assert refused.value.title == f"The grant is {state}: it has ended."
        assert world.last_row() == before

    def test_of_one_that_is_not_there_is_refused(self, cast: Cast) -> None:
        assert refusal(lambda: cast.revoke("x")) == (404, "grant_not_found")

    def test_says_why(self, cast: Cast) -> None:
        grant = cast.ask()
        for reason in ("", " \n", "x" * 2049):
            with pytest.raises(Refused) as refused:
                cast.grants.revoke(cast["adam"], grant, reason)
            assert (status_of(refused.value.code), refused.value.field) == (400, "reason")
        assert cast.state(grant) == "active"

    def test_is_possible_while_its_policy_is_not_attached(self, cast: Cast) -> None:
        grant = cast.ask()
        cast.attach(None)
        assert cast.revoke(grant).revocation is not None

    def test_leaves_other_grants_alone(self, cast: Cast) -> None:
        first, second = cast.ask(), cast.ask()
        cast.revoke(first)
        assert cast.signs_by() == second


class TestAnotherProcess:
    """Changes what this one had looked up: seen by the next call to sign."""

    @pytest.fixture
    def elsewhere(self, world: World, cast: Cast) -> Iterator[Services]:
        with open_services(world.location, world.clock) as other:
            yield other

    def test_a_grant_issued_by_a_request(self, cast: Cast, elsewhere: Services) -> None:
        assert refusal(cast.sign) == NO_GRANT
        asked = elsewhere.requests.create(cast["ci"], "release", "x").view.request.id
        grant = elsewhere.requests.approve(cast["bob"], asked).request.grant_id
        assert cast.signs_by() == grant

    def test_a_grant_that_was_pre_approved(self, cast: Cast, elsewhere: Services) -> None:
        assert refusal(cast.sign) == NO_GRANT
        given = elsewhere.grants.create(cast["adam"], "release", "ci", "x").grant.id
        assert cast.signs_by() == given

    def test_a_grant_that_needed_no_step(self, cast: Cast, elsewhere: Services) -> None:
        cast.edit(Terms(3600, 5))
        assert refusal(cast.sign) == NO_GRANT
        asked = elsewhere.requests.create(cast["ci"], "release", "x").view.request
        assert cast.signs_by() == asked.grant_id

    def test_a_revocation(self, cast: Cast, elsewhere: Services) -> None:
        grant = cast.ask()
        assert cast.signs_by() == grant
        elsewhere.grants.revoke(cast["adam"], grant, "stop")
        assert refusal(cast.sign) == NO_GRANT

    def test_a_policy_put_on(self, world: World, cast: Cast, elsewhere: Services) -> None:
        cast.attach(None)
        assert cast.signs_by() is None
        elsewhere.signers.set_policy(world.admin, "release", "lead")
        assert refusal(cast.sign) == NO_GRANT

    def test_a_policy_taken_off(self, world: World, cast: Cast, elsewhere: Services) -> None:
        assert refusal(cast.sign) == NO_GRANT
        elsewhere.signers.set_policy(world.admin, "release", None)
        assert cast.signs_by() is None

    def test_a_policy_exchanged_and_put_back(
        self, world: World, cast: Cast, elsewhere: Services
    ) -> None:
        grant = cast.ask()
        world.policy("other", LEAD)
        assert cast.signs_by() == grant
        elsewhere.signers.set_policy(world.admin, "release", "other")
        assert refusal(cast.sign) == NO_GRANT
        elsewhere.signers.set_policy(world.admin, "release", "lead")
        assert cast.signs_by() == grant

    def test_an_edit(self, world: World, cast: Cast, elsewhere: Services) -> None:
        """Of the hashes: it is another refusal for who has no grant."""
        assert refusal(cast.sign) == NO_GRANT
        terms = Terms(3600, 5, (LEAD,), None, (SHA384,))
        elsewhere.policies.edit(world.admin, "lead", edit_to(terms))
        assert refusal(cast.sign) == (403, "algorithm_not_allowed")

    def test_what_it_used_up(self, cast: Cast, elsewhere: Services) -> None:
        short, long = cast.give(window=60, signings=3), cast.give(window=600, signings=1)
        assert cast.signs_by() == short
        for _ in range(2):
            elsewhere.signing.sign(cast["ci"], a_call())
        assert cast.signs_by() == long
        assert refusal(cast.sign) == NO_GRANT
        assert cast.used(short, long) == [3, 1]

    def test_a_revocation_between_decision_and_commit(
        self, world: World, cast: Cast, elsewhere: Services, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The signature made meanwhile is thrown away, and nothing is used up."""
        grant = cast.ask()
        keys = world.services.signing._keys
        real = keys.sign
        made: list[bytes] = []

        def revoke_after_signing(*given: object) -> bytes:
            made.append(real(*given))  # type: ignore[arg-type]
            elsewhere.grants.revoke(cast["adam"], grant, "stop")
            return made[-1]

        monkeypatch.setattr(keys, "sign", revoke_after_signing)
        assert refusal(cast.sign) == NO_GRANT
        assert len(made) == 1
        assert cast.used(grant) == [0]
        assert made[0] not in [row.entry.signature for row in world.rows()]


class TestRetry:
    def test_a_repeated_call_uses_up_one_signing_and_gets_the_same_signature(
        self, world: World, cast: Cast
    ) -> None:
        grant = cast.ask()
        first = cast.sign(idempotency_key="k1")
        before = world.last_row()
        for _ in range(7):
            assert cast.sign(idempotency_key="k1") == first
        assert (cast.used(grant), world.last_row()) == ([1], before)

    @pytest.mark.parametrize("what", ["used up", "revoked", "expired", "detached"])
    def test_what_was_released_is_released_again_whatever_became_of_the_grant(
        self, world: World, cast: Cast, what: str
    ) -> None:
        grant = cast.ask(signings=1 if what == "used up" else 5, window_seconds=60)
        first = cast.sign(idempotency_key="k1")
        if what == "revoked":
            cast.revoke(grant)
        elif what == "expired":
            world.clock.advance(seconds=60)
        elif what == "detached":
            world.policy("other", LEAD)
            cast.attach("other")
        assert refusal(cast.sign) == NO_GRANT
        before = world.last_row()
        assert cast.sign(idempotency_key="k1") == first
        with open_services(world.location, world.clock) as elsewhere:
            call = a_call(idempotency_key="k1")
            assert elsewhere.signing.sign(cast["ci"], call) == first
        assert (cast.used(grant), world.last_row()) == ([1], before)

    def test_a_call_that_was_denied_is_decided_again(self, cast: Cast) -> None:
        assert refusal(partial(cast.sign, idempotency_key="k1")) == NO_GRANT
        grant = cast.ask()
        assert cast.sign(idempotency_key="k1").signature
        assert cast.used(grant) == [1]


class TestFailure:
    def test_a_key_that_does_not_open_uses_up_nothing(self, world: World, cast: Cast) -> None:
        grant = cast.ask(signings=1)
        with closing(sqlite3.connect(world.location.store_path)) as connection:
            ((handle,),) = connection.execute("SELECT handle FROM signer_keys").fetchall()
        self.put(world, b"\x01broken")
        for _ in range(3):
            failing = partial(cast.sign, idempotency_key="k1")
            assert refusal(failing) == (500, "signing_failed")
            entry = world.last_row().entry
            assert (entry.outcome, entry.grant_id) == (Outcome.FAILED, None)
        assert (cast.used(grant), cast.state(grant)) == ([0], "active")
        self.put(world, handle)
        assert cast.sign(idempotency_key="k1").signature
        assert cast.state(grant) == "exhausted"

    @staticmethod
    def put(world: World, handle: bytes) -> None:
        with by_hand(world.location) as database:
            KeyRow.update(handle=handle).execute(database)


class TestManyAtOnce:
    """Threads of two server processes."""

    def outcomes(
        self, cast: Cast, calls: int, other: Services, key: str | None = None
    ) -> Counter[str]:
        both = [cast.world.services.signing, other.signing]
        barrier = threading.Barrier(calls)

        def sign(index: int) -> str:
            barrier.wait()
            try:
                both[index % 2].sign(cast["ci"], a_call(idempotency_key=key))
            except Refused as refused:
                return refused.code
            return "signed"

        with ThreadPoolExecutor(calls) as pool:
            return Counter(pool.map(sign, range(calls)))

    def test_a_grant_for_so_many_releases_so_many(self, world: World, cast: Cast) -> None:
        with open_services(world.location, world.clock) as other:
            for _ in range(3):
                grant = cast.give(signings=5)
                came = self.outcomes(cast, 16, other)
                assert came == {"signed": 5, "no_active_grant": 11}
                assert (cast.used(grant), cast.state(grant)) == ([5], "exhausted")
        rows = world.rows(outcome=Outcome.SUCCEEDED)
        assert set(Counter(row.entry.grant_id for row in rows).values()) == {5}

    def test_several_grants_release_the_sum(self, world: World, cast: Cast) -> None:
        with open_services(world.location, world.clock) as other:
            for _ in range(3):
                grants = [cast.give(window=60 + n, signings=n) for n in (1, 4, 2)]
                came = self.outcomes(cast, 16, other)
                assert came == {"signed": 7, "no_active_grant": 9}
                assert cast.used(*grants) == [1, 4, 2]

    def test_equal_calls_use_up_one(self, world: World, cast: Cast) -> None:
        grant = cast.give(signings=1)
        with open_services(world.location, world.clock) as other:
            assert self.outcomes(cast, 12, other, "k1") == {"signed": 12}
        assert cast.used(grant) == [1]
        assert len(world.rows(outcome=Outcome.SUCCEEDED)) == 1

    def test_after_a_revocation_has_returned_nothing_is_released(
        self, world: World, cast: Cast
    ) -> None:
        """What was released before it is what the grant has used."""
        cast.edit(Terms(3600, None, (LEAD,)))
        grant = cast.give()
        with open_services(world.location, world.clock) as other, ThreadPoolExecutor(1) as pool:
            revoking = pool.submit(other.grants.revoke, cast["adam"], grant, "stop")
            came = self.outcomes(cast, 8, other)
            revoking.result()
            assert refusal(cast.sign) == NO_GRANT
        assert cast.used(grant) == [came["signed"]]


class TestLists:
    @pytest.fixture
    def by_state(self, world: World, cast: Cast) -> dict[str, str]:
        """The id of a grant in each state that it comes to by itself or somebody, oldest first: all
        of `ci` but the last of `omar`."""
        ids = {"exhausted": cast.give(window=60, signings=1)}
        cast.sign()
        ids["expired"] = cast.give(window=61)
        ids["revoked"] = cast.give(window=61)
        cast.revoke(ids["revoked"])
        world.clock.advance(seconds=61)
        ids["active"] = cast.give("omar")
        return ids

    def list(self, cast: Cast, who: str = "admin", **where: object) -> list[str]:
        found = cast.grants.list(cast[who], PageRequest(), **where)  # type: ignore[arg-type]
        return [view.grant.id for view in found.items]

    def test_are_newest_first(self, cast: Cast, by_state: dict[str, str]) -> None:
        assert self.list(cast) == list(reversed(by_state.values()))

    def test_can_be_of_one_state(self, cast: Cast, by_state: dict[str, str]) -> None:
        """A grant that was used up or revoked stays that when its window has ended as well."""
        assert set(by_state) == set(GrantState) - {GrantState.SUSPENDED}
        for state, grant in by_state.items():
            assert self.list(cast, state=GrantState(state)) == [grant]
            assert cast.state(grant) == state

    def test_can_be_of_one_grantee_and_of_one_signer(
        self, world: World, cast: Cast, by_state: dict[str, str]
    ) -> None:
        world.signer("second", policy="lead", ci=MemberRole.OPERATOR, adam=MemberRole.ADMINISTRATOR)
        second = cast.grants.create(cast["adam"], "second", "ci", "x").grant.id
        assert self.list(cast, signer="second") == [second]
        assert self.list(cast, grantee="omar") == [by_state["active"]]
        assert self.list(cast, grantee="ci", state=GrantState.ACTIVE) == [second]
        assert self.list(cast, grantee="ci", signer="ghost") == []

    def test_are_paged(self, cast: Cast, by_state: dict[str, str]) -> None:
        first = cast.grants.list(cast["admin"], PageRequest(3))
        second = cast.grants.list(cast["admin"], PageRequest(3, first.next))
        assert [len(page.items) for page in (first, second)] == [3, 1]
        found = [view.grant.id for page in (first, second) for view in page.items]
        assert (found, second.next) == (self.list(cast), None)

    def test_show_one_s_own_and_those_of_signers_that_one_may_read(
        self, world: World, cast: Cast
    ) -> None:
        mine, omar_s = cast.give(), cast.give("omar")
        for who in ("admin", "ci", "omar", "adam", "audrey", "ann"):
            assert self.list(cast, who) == [omar_s, mine]
            assert cast.grants.get(cast[who], mine).grant.id == mine
        assert self.list(cast, "sam") == []
        assert refusal(lambda: cast.grants.get(cast["sam"], mine)) == (404, "grant_not_found")
        world.services.members.remove(world.admin, "release", "ci")
        assert self.list(cast, "ci") == [mine]
        assert refusal(lambda: cast.grants.get(cast["ci"], omar_s)) == (404, "grant_not_found")


class TestADeletedSigner:
    def test_takes_its_active_grants_with_it(self, world: World, cast: Cast) -> None:
        exhausted = cast.give(window=60, signings=1)
        cast.sign()
        active, of_omar = cast.ask(), cast.ask("omar")
        cast.sign()
        before = cast.show(exhausted)
        world.delete_signer("release")
        for grant in (active, of_omar):
            view = cast.show(grant)
            assert view.state is GrantState.REVOKED
            revocation = view.grant.revocation
            assert revocation is not None
            assert (revocation.by, revocation.reason) == ("admin", "The signer is being deleted.")
        assert cast.used(active, of_omar) == [1, 0]
        assert cast.show(exhausted) == before
        assert refusal(cast.sign) == (404, "signer_not_found")

    def test_leaves_one_s_own_grants_readable(self, world: World, cast: Cast) -> None:
        grant = cast.ask()
        world.delete_signer("release")
        assert cast.grants.get(cast["ci"], grant).state is GrantState.REVOKED
        assert refusal(lambda: cast.grants.get(cast["adam"], grant)) == (404, "grant_not_found")


CHANGED = (
    "id = 'x' || id",
    "signer = 'second'",
    "grantee = 'omar'",
    "policy_id = 'x'",
    "policy = 'x'",
    "hashes = 'sha512'",
    "justification = 'x'",
    "request_id = NULL",
    "issued_by = 'ann'",
    "not_before = '2020-01-01T00:00:00.000000Z'",
    "not_after = '2099-01-01T00:00:00.000000Z'",
    "not_after = NULL",
    "max_signings = max_signings + 1",
    "max_signings = NULL",
    "used = used - 1",
    "used = max_signings + 1",
    "approvals = NULL",
)
STATEMENTS = [
    "DELETE FROM grants",
    "DELETE FROM grants WHERE used = 0",
    "REPLACE INTO grants SELECT * FROM grants",
    "INSERT OR REPLACE INTO grants SELECT * FROM grants WHERE used = 0",
    (
        "INSERT OR REPLACE INTO grants (id, signer, grantee, policy_id, policy, hashes,"
        " justification, request_id, not_before, used) SELECT 'new', signer, grantee, policy_id,"
        " policy, hashes, justification, request_id, not_before, 0 FROM grants WHERE used = 1"
    ),
    "UPDATE OR REPLACE grants SET id = (SELECT MAX(id) FROM grants) WHERE used = 1",
    "UPDATE OR REPLACE grants SET request_id = (SELECT MAX(request_id) FROM grants) WHERE used = 1",
    *[f"UPDATE grants SET {change} WHERE used = 1" for change in CHANGED],
    "UPDATE grants SET used = used + 1 WHERE revoked_at IS NOT NULL",
    "UPDATE grants SET revoked_at = NULL WHERE revoked_at IS NOT NULL",
    "UPDATE grants SET revoked_at = 'x' WHERE revoked_at IS NOT NULL",
    "UPDATE grants SET revoked_by = 'ann' WHERE revoked_at IS NOT NULL",
    "UPDATE grants SET revoke_reason = 'x' WHERE revoked_at IS NOT NULL",
]


class TestForEver:
    """The store itself refuses all but using up within the limit and revoking once."""

    @pytest.fixture
    def connection(self, world: World, cast: Cast) -> Iterator[sqlite3.Connection]:
        """To a store with a grant that was used, one that was not, and one that was revoked."""
        world.signer("second")
        cast.ask(window_seconds=60)
        cast.sign()
        cast.give(window=600)
        cast.revoke(cast.ask())
        with closing(sqlite3.connect(world.location.store_path)) as connection:
            yield connection

    @pytest.mark.parametrize("recursive_triggers", ["on", "off"])
    def test_a_grant_is_never_changed_removed_or_replaced(
        self, connection: sqlite3.Connection, recursive_triggers: str
    ) -> None:
        connection.execute(f"PRAGMA recursive_triggers = {recursive_triggers}")
        everything = "SELECT * FROM grants"
        before = connection.execute(everything).fetchall()
        assert len(before) == 3
        for statement in STATEMENTS:
            with pytest.raises(sqlite3.IntegrityError):
                connection.execute(statement)
            connection.rollback()
            assert connection.execute(everything).fetchall() == before, statement

    def test_it_is_used_up_to_its_limit(self, connection: sqlite3.Connection) -> None:
        use = "UPDATE grants SET used = used + 1 WHERE used < 5 AND issued_by IS NOT NULL"
        assert [connection.execute(use).rowcount for _ in range(6)] == [1] * 5 + [0]
        with pytest.raises(sqlite3.IntegrityError, match="CHECK"):
            connection.execute("UPDATE grants SET used = used + 1 WHERE issued_by IS NOT NULL")

    def test_it_is_revoked_once(self, connection: sqlite3.Connection) -> None:
        revoke = (
            "UPDATE grants SET revoked_at = 'x', revoked_by = 'adam', revoke_reason = 'x'"
            " WHERE used = 1"
        )
        assert connection.execute(revoke).rowcount == 1
        with pytest.raises(sqlite3.IntegrityError, match="only used up or revoked"):
            connection.execute(revoke)

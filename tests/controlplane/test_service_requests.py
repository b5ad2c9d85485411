"""Asking for a grant and deciding on it: who, in which order, how it ends, and that it stays so."""

import shutil
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from copy import copy
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from controlplane.api.refusals import status_of
from controlplane.api.words import say_missing
from controlplane.domain.approval import LackingStep
from controlplane.domain.model import (
    Caller,
    GrantState,
    HashAlgorithm,
    IdentityKind,
    MemberRole,
    Request,
    RequestState,
    ServerRole,
    Step,
    Terms,
    Verdict,
)
from controlplane.domain.operation import OperationFilter
from controlplane.domain.page import PageRequest
from controlplane.errors import Refused
from controlplane.service.installation import Services, open_services
from controlplane.service.location import Location
from controlplane.service.requests import MOST_PENDING, Requests, RequestView
from tests.world import SetClock, World, edit_to

LEAD = Step("lead", 1, ("ann", "bob"))
SECURITY = Step("security", 2, ("carol", "dave", "erin"))


class Cast:
    """The signer `release` under the policy `two-steps`; `ci` and `omar` are its operators, `adam`
    its administrator, `audrey` its auditor; `sam` has nothing to do with it."""

    MEMBERS = ("ci", "omar", "adam", "audrey")
    APPROVERS = ("ann", "bob", "carol", "dave", "erin")

    def __init__(self, world: World) -> None:
        self.world = world
        self.callers = {"admin": world.admin}
        for name in (*self.MEMBERS, *self.APPROVERS, "sam"):
            self.callers[name] = world.identity(name)
        world.policy("two-steps", LEAD, SECURITY)
        world.signer(
            policy="two-steps",
            ci=MemberRole.OPERATOR,
            omar=MemberRole.OPERATOR,
            adam=MemberRole.ADMINISTRATOR,
            audrey=MemberRole.AUDITOR,
        )

    def __getitem__(self, name: str) -> Caller:
        return self.callers[name]

    @property
    def requests(self) -> Requests:
        return self.world.services.requests

    def machine(self, name: str, owner: str) -> Caller:
        caller = self.world.identity(name, IdentityKind.MACHINE, owner=owner)
        self.callers[name] = caller
        return caller

    def join(self, name: str, role: MemberRole = MemberRole.OPERATOR) -> None:
        self.world.services.members.add(self.world.admin, "release", name, role)

    def attach(self, policy: str | None) -> None:
        self.world.services.signers.set_policy(self.world.admin, "release", policy)

    def under(self, *steps: Step, **bounds: int | None) -> None:
        """Another policy for the signer."""
        self.world.policy("other", *steps, **bounds)  # type: ignore[arg-type]
        self.attach("other")

    def edit(self, policy: str, terms: Terms) -> None:
        self.world.services.policies.edit(self.world.admin, policy, edit_to(terms))

    def ask(
        self,
        justification: str = "1.2",
        *,
        by: str = "ci",
        window: int | None = None,
        signings: int | None = None,
    ) -> str:
        """The id of a request."""
        made = self.requests.create(self[by], "release", justification, window, signings)
        return made.view.request.id

    def approve(self, request: str, *names: str) -> RequestView:
        """By each of them, in order."""
        for name in names:
            view = self.requests.approve(self[name], request)
        return view

    def show(self, request: str) -> RequestView:
        return self.requests.get(self.world.admin, request)

    def state(self, request: str) -> str:
        return self.show(request).state.value


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


def said(missing: tuple[LackingStep, ...]) -> tuple[str, ...]:
    return tuple(map(say_missing, missing))


class TestAsking:
    @pytest.mark.parametrize("who", ["ci", "adam"])
    def test_a_member_who_signs_asks_and_waits_for_the_first_step(
        self, world: World, cast: Cast, who: str
    ) -> None:
        before = world.clock()
        created = cast.requests.create(cast[who], "release", "1.2", 60, 2)
        request = created.view.request
        assert created.created
        assert created.view.state is RequestState.PENDING
        assert (request.signer, request.requester, request.policy) == ("release", who, "two-steps")
        assert (request.justification, request.window_seconds, request.signings) == ("1.2", 60, 2)
        assert before <= request.created_at <= world.clock()
        assert (request.open_step, request.decisions, request.expires_at) == (0, (), None)
        assert (request.ended, request.ended_at, request.ended_by, request.grant_id) == (None,) * 4
        assert request.terms == Terms(3600, 5, (LEAD, SECURITY))
        assert cast.show(request.id) == created.view
        assert world.services.grants.list(world.admin, PageRequest()).items == ()

    def test_says_what_is_missing_step_by_step(self, cast: Cast) -> None:
        request = cast.ask()
        first = "The request waits for step 1 of 2, 'lead': 1 approval of ann, bob."
        second = "step 2 of 2, 'security': 2 approvals of carol, dave, erin."
        assert said(cast.show(request).missing) == (first, f"Then {second}")
        assert said(cast.approve(request, "bob").missing) == (f"The request waits for {second}",)
        assert said(cast.approve(request, "dave").missing) == (
            "The request waits for step 2 of 2, 'security': 1 more approval of carol, erin.",
        )
        assert said(cast.approve(request, "carol").missing) == ()

    def test_names_eight_at_most_and_never_who_asks(self, world: World, cast: Cast) -> None:
        crowd = [world.identity(f"p{number}").identity.name for number in range(10)]
        cast.under(Step("crowd", 2, ("ci", *crowd)), Step("alone", 1, ("ci",)))
        assert said(cast.show(cast.ask()).missing) == (
            (
                "The request waits for step 1 of 2, 'crowd': 2 approvals of "
                "p0, p1, p2, p3, p4, p5, p6, p7 and 2 others."
            ),
            "Then step 2 of 2, 'alone': 1 approval of nobody who could give one.",
        )

    def test_what_is_left_out_is_the_ceiling(self, cast: Cast) -> None:
        request = cast.show(cast.ask()).request
        assert (request.window_seconds, request.signings) == (3600, 5)

    @pytest.mark.parametrize(
        ("bounds", "asked"),
        [
            ({"max_window_seconds": None, "max_signings": 5}, (None, 5)),
            ({"max_window_seconds": 3600, "max_signings": None}, (3600, None)),
        ],
    )
    def test_where_there_is_no_ceiling_the_other_one_holds(
        self, cast: Cast, bounds: dict[str, int | None], asked: tuple[int | None, int | None]
    ) -> None:
        cast.under(LEAD, **bounds)
        request = cast.show(cast.ask()).request
        assert (request.window_seconds, request.signings) == asked

    @pytest.mark.parametrize(
        ("window", "signings", "code", "field", "ceiling"),
        [
            (3601, None, "window_above_ceiling", "window_seconds", "1h"),
            (None, 6, "signings_above_ceiling", "signings", "5"),
            (0, None, "invalid_request", "window_seconds", ""),
            (None, 0, "invalid_request", "signings", ""),
        ],
    )
    def test_more_than_a_ceiling_is_refused_naming_it(
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
            cast.ask(window=window, signings=signings)
        found = (status_of(refused.value.code), refused.value.code, refused.value.field)
        assert found == (400, code, field)
        assert ceiling in refused.value.title
        assert world.last_row() == before

    def test_without_steps_the_grant_is_there_at_once(self, world: World, cast: Cast) -> None:
        cast.under()
        view = cast.requests.create(cast["ci"], "release", "1.2", 60, 2).view
        request = view.request
        assert (view.state, view.missing) == (RequestState.APPROVED, ())
        assert (request.ended_by, request.ended_at) == ("ci", request.created_at)
        assert request.grant_id is not None
        grant = world.services.grants.get(cast["ci"], request.grant_id).grant
        assert (grant.request_id, grant.grantee, grant.issued_by) == (request.id, "ci", None)
        assert grant.not_after == request.created_at + timedelta(seconds=60)
        assert grant.max_signings == 2
        assert cast.show(request.id) == view

    def test_without_steps_each_call_is_another_grant(self, world: World, cast: Cast) -> None:
        cast.under()
        first, second = cast.ask(), cast.ask()
        assert first != second
        assert len(world.services.grants.list(cast["ci"], PageRequest()).items) == 2

    def test_a_justification_has_1_to_2048_characters(self, cast: Cast) -> None:
        for text in ("x", "x" * 2048, f"  {'é' * 2048}\n"):
            assert cast.show(cast.ask(text)).request.justification == text.strip()
        for text in ("", "  \n", "x" * 2049):
            with pytest.raises(Refused) as refused:
                cast.ask(text)
            assert (status_of(refused.value.code), refused.value.field) == (400, "justification")

    def test_a_secret_in_a_justification_is_not_kept(self, world: World, cast: Cast) -> None:
        text = f"signing with {world.admin_key} --pin 1234"
        request = cast.show(cast.ask(text)).request
        assert request.justification == "signing with [redacted] --pin [redacted]"
        details = world.last_row().entry.details
        assert details is not None
        assert details["justification"] == request.justification

    @pytest.mark.parametrize(
        ("who", "expected"),
        [
            ("sam", (404, "signer_not_found")),
            ("ann", (403, "not_a_member")),
            ("admin", (403, "not_a_member")),
            ("audrey", (403, "role_cannot_sign")),
        ],
    )
    def test_who_does_not_sign_does_not_ask(
        self, world: World, cast: Cast, who: str, expected: tuple[int, str]
    ) -> None:
        before = world.last_row()
        assert refusal(lambda: cast.ask(by=who)) == expected
        assert world.last_row() == before
        assert cast.requests.list(world.admin, PageRequest()).items == ()

    def test_a_signer_that_is_not_there_is_not_found(self, cast: Cast) -> None:
        ask = lambda: cast.requests.create(cast["ci"], "ghost", "x")  # noqa: E731
        assert refusal(ask) == (404, "signer_not_found")

    def test_without_a_policy_there_is_nothing_to_ask_for(self, cast: Cast) -> None:
        cast.attach(None)
        assert refusal(cast.ask) == (409, "no_policy")

    def test_who_was_just_disabled_does_not_ask(self, world: World, cast: Cast) -> None:
        world.services.identities.disable(world.admin, "ci")
        assert refusal(cast.ask) == (401, "identity_disabled")

    def test_whose_key_was_just_revoked_does_not_ask(self, world: World, cast: Cast) -> None:
        world.services.identities.revoke_key(world.admin, "ci", cast["ci"].api_key_id)
        assert refusal(cast.ask) == (401, "api_key_revoked")

    def test_so_many_can_be_pending_and_no_more(self, cast: Cast) -> None:
        """Of one identity for one signer; an equal one is found all the same."""
        first = [cast.ask(str(number)) for number in range(MOST_PENDING)]
        assert refusal(lambda: cast.ask("one more")) == (409, "too_many_pending")
        assert cast.ask("7") == first[7]
        cast.ask("somebody else's", by="omar")
        cast.requests.cancel(cast["ci"], first[0])
        cast.ask("one more")


class TestEqualRequests:
    def test_the_pending_one_is_returned_instead_of_a_second(
        self, world: World, cast: Cast
    ) -> None:
        first = cast.ask("1.2", window=60, signings=1)
        cast.approve(first, "ann")
        before = world.last_row()
        again = cast.requests.create(cast["ci"], "release", " 1.2 ", 60, 1)
        assert not again.created
        assert again.view == cast.show(first)
        assert world.last_row() == before

    def test_a_ceiling_said_is_a_ceiling_left_out(self, cast: Cast) -> None:
        assert cast.ask(window=3600, signings=5) == cast.ask()

    def test_other_content_makes_another_one(self, world: World, cast: Cast) -> None:
        world.signer("second", policy="two-steps", ci=MemberRole.OPERATOR)
        ids = [
            cast.ask(),
            cast.ask("1.3"),
            cast.ask(window=60),
            cast.ask(signings=1),
            cast.ask(by="omar"),
            cast.requests.create(cast["ci"], "second", "1.2").view.request.id,
        ]
        assert len(set(ids)) == 6

    def test_other_terms_make_another_one(self, cast: Cast) -> None:
        """What waits under terms that were edited does not stand in for one under today's."""
        first = cast.ask(window=60, signings=1)
        cast.edit("two-steps", Terms(3600, 5, (LEAD,)))
        second = cast.ask(window=60, signings=1)
        assert second != first
        cast.edit("two-steps", Terms(3600, 5, (LEAD, SECURITY)))
        assert cast.ask(window=60, signings=1) == first
        cast.under(LEAD, SECURITY)
        assert cast.ask(window=60, signings=1) not in (first, second)

    @pytest.mark.parametrize("end", ["approved", "rejected", "cancelled", "expired"])
    def test_one_that_has_ended_is_no_answer(self, world: World, cast: Cast, end: str) -> None:
        cast.under(LEAD)
        cast.edit("other", Terms(3600, 5, (LEAD,), request_ttl_seconds=60))
        first = cast.ask()
        if end == "approved":
            cast.approve(first, "ann")
        elif end == "rejected":
            cast.requests.reject(cast["ann"], first, "no")
        elif end == "cancelled":
            cast.requests.cancel(cast["ci"], first)
        else:
            world.clock.advance(seconds=60)
        assert cast.state(first) == end
        assert cast.ask() != first


class TestSteps:
    def test_come_in_order(self, cast: Cast) -> None:
        request = cast.ask()
        for name in ("carol", "dave"):
            assert refusal(partial(cast.approve, request, name)) == (403, "not_an_approver")
        assert cast.approve(request, "ann").request.open_step == 1
        assert refusal(lambda: cast.approve(request, "bob")) == (403, "not_an_approver")
        assert cast.approve(request, "carol").request.open_step == 1
        view = cast.approve(request, "dave")
        assert (view.state, view.request.open_step) == (RequestState.APPROVED, None)

    def test_each_approval_is_on_record(self, world: World, cast: Cast) -> None:
        request = cast.ask()
        before = world.clock()
        cast.requests.approve(cast["ann"], request, " looks good ")
        cast.requests.approve(cast["erin"], request)
        cast.requests.approve(cast["carol"], request, "  ")
        found = cast.show(request).request.decisions
        assert [(each.step, each.approver, each.verdict, each.comment) for each in found] == [
            (0, "ann", Verdict.APPROVED, "looks good"),
            (1, "erin", Verdict.APPROVED, None),
            (1, "carol", Verdict.APPROVED, None),
        ]
        times = [before, *(each.at for each in found), world.clock()]
        assert times == sorted(times)

    def test_the_last_approval_issues_the_grant(self, world: World, cast: Cast) -> None:
        request = cast.ask("why", window=60, signings=2)
        cast.approve(request, "ann", "carol")
        world.clock.advance(hours=2)  # the window starts with the grant, not with the request
        ended = cast.approve(request, "erin").request
        assert (ended.ended, ended.ended_by) == (RequestState.APPROVED, "erin")
        assert ended.ended_at == ended.decisions[-1].at
        assert ended.grant_id is not None
        view = world.services.grants.get(world.admin, ended.grant_id)
        grant = view.grant
        assert view.state is GrantState.ACTIVE
        assert (grant.signer, grant.grantee, grant.request_id) == ("release", "ci", request)
        assert (grant.policy, grant.policy_id) == (ended.policy, ended.policy_id)
        assert (grant.justification, grant.issued_by) == ("why", None)
        assert grant.not_before == ended.ended_at
        assert grant.not_after == ended.ended_at + timedelta(seconds=60)
        assert (grant.max_signings, grant.used, grant.revocation) == (2, 0, None)

    def test_the_last_approval_and_the_grant_are_one_transaction(
        self, world: World, cast: Cast
    ) -> None:
        request = cast.ask()
        cast.approve(request, "ann", "carol")
        with closing(sqlite3.connect(world.location.store_path)) as connection:
            connection.execute(
                "CREATE TRIGGER full BEFORE INSERT ON grants"
                " BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"
            )
            before, rows = cast.show(request), world.rows()
            with pytest.raises(Exception, match="the disk is full"):
                cast.approve(request, "erin")
            assert (cast.show(request), world.rows()) == (before, rows)
            connection.execute("DROP TRIGGER full")
        assert cast.approve(request, "erin").state is RequestState.APPROVED

    def test_an_approved_one_takes_no_more_decisions(self, cast: Cast) -> None:
        request = cast.ask()
        cast.approve(request, "ann", "carol", "dave")
        approve = partial(cast.requests.approve, cast["erin"], request)
        reject = partial(cast.requests.reject, cast["erin"], request, "no")
        assert refusal(approve) == refusal(reject) == (409, "request_not_pending")

    @pytest.mark.parametrize("step", [-1, 0, 2, 3, 10**30])
    def test_a_step_seen_that_is_not_open_is_a_conflict(self, cast: Cast, step: int) -> None:
        request = cast.ask()
        for decide in (
            partial(cast.requests.approve, cast["ann"], request),
            partial(cast.requests.reject, cast["ann"], request, "no"),
        ):
            assert refusal(partial(decide, step=step)) == (409, "step_changed")
        assert cast.show(request).request.decisions == ()
        assert cast.requests.approve(cast["ann"], request, step=1).request.open_step == 1
        assert refusal(partial(cast.requests.approve, cast["carol"], request, step=1)) == (
            409,
            "step_changed",
        )

    def test_comments_have_2048_characters_at_most_and_no_secrets(
        self, world: World, cast: Cast
    ) -> None:
        request = cast.ask()
        with pytest.raises(Refused) as refused:
            cast.requests.approve(cast["ann"], request, "x" * 2049)
        assert (status_of(refused.value.code), refused.value.field) == (400, "comment")
        view = cast.requests.approve(cast["ann"], request, f"{world.admin_key} " + "x" * 1000)
        assert view.request.decisions[0].comment == "[redacted] " + "x" * 1000


class TestWhoApproves:
    @pytest.mark.parametrize("who", ["sam", "ghost"])
    def test_whom_no_step_names_does_not_even_find_it(self, cast: Cast, who: str) -> None:
        request = cast.ask() if who == "sam" else "0198-nothing"
        for decide in (
            partial(cast.requests.approve, cast["sam"], request),
            partial(cast.requests.reject, cast["sam"], request, "no"),
        ):
            assert refusal(decide) == (404, "request_not_found")

    @pytest.mark.parametrize("who", ["admin", "adam", "omar", "dave"])
    def test_who_reads_it_for_another_reason_does_not_decide(
        self, world: World, cast: Cast, who: str
    ) -> None:
        request = cast.ask()
        before = world.last_row()
        approve = partial(cast.requests.approve, cast[who], request)
        reject = partial(cast.requests.reject, cast[who], request, "no")
        assert refusal(approve) == refusal(reject) == (403, "not_an_approver")
        assert world.last_row() == before

    @pytest.mark.parametrize("who", ["omar", "adam", "admin", "carol"])
    def test_whom_the_step_names_decides_whatever_else_they_are(self, cast: Cast, who: str) -> None:
        cast.under(Step("one", 1, (who,)))
        assert cast.approve(cast.ask(), who).state is RequestState.APPROVED

    def test_an_approver_reads_signer_and_requests_without_being_a_member(
        self, world: World, cast: Cast
    ) -> None:
        request = cast.ask()
        assert world.services.signers.get(cast["erin"], "release").role is None
        assert cast.requests.get(cast["erin"], request).request.id == request
        assert len(cast.requests.list(cast["erin"], PageRequest()).items) == 1

    @pytest.mark.parametrize("role", [None, ServerRole.ADMIN])
    @pytest.mark.parametrize("member", [MemberRole.OPERATOR, MemberRole.ADMINISTRATOR])
    def test_nobody_approves_their_own_and_everybody_may_reject_it(
        self, world: World, cast: Cast, role: ServerRole | None, member: MemberRole
    ) -> None:
        zoe = world.identity("zoe", role=role)
        cast.under(Step("one", 1, ("zoe", "ann")))
        cast.join("zoe", member)
        request = cast.requests.create(zoe, "release", "mine").view.request.id
        assert refusal(lambda: cast.requests.approve(zoe, request)) == (403, "own_request")
        assert cast.requests.reject(zoe, request, "no").state is RequestState.REJECTED

    @pytest.mark.parametrize(
        ("asks", "decides"),
        [("bot", "ann"), ("ann", "bot"), ("bot", "bot2"), ("bot", "bot")],
    )
    def test_a_user_and_their_machines_are_one_person(
        self, cast: Cast, asks: str, decides: str
    ) -> None:
        cast.machine("bot", "ann")
        cast.machine("bot2", "ann")
        cast.under(Step("one", 1, ("ann", "bot", "bot2", "bob")))
        cast.join(asks, MemberRole.ADMINISTRATOR)
        request = cast.ask(by=asks)
        assert refusal(lambda: cast.approve(request, decides)) == (403, "own_request")
        assert cast.approve(request, "bob").state is RequestState.APPROVED

    @pytest.mark.parametrize(("asks", "rejects"), [("bot", "ann"), ("ann", "bot")])
    def test_nobodys_no_is_lost_because_of_whose_machine_asked(
        self, cast: Cast, asks: str, rejects: str
    ) -> None:
        cast.machine("bot", "ann")
        cast.under(Step("one", 1, ("ann", "bot", "bob")))
        cast.join(asks, MemberRole.ADMINISTRATOR)
        request = cast.ask(by=asks)
        rejected = cast.requests.reject(cast[rejects], request, "not by my machine")
        assert rejected.state is RequestState.REJECTED
        assert rejected.request.ended_by == rejects

    def test_a_machine_of_somebody_else_may(self, cast: Cast) -> None:
        cast.machine("bot", "bob")
        cast.under(Step("one", 1, ("bot",)))
        cast.join("ann")
        assert cast.approve(cast.ask(by="ann"), "bot").state is RequestState.APPROVED

    @pytest.mark.parametrize(
        ("first", "second"), [("ann", "ann"), ("ann", "bot"), ("bot", "ann"), ("bot", "bot2")]
    )
    def test_nobody_counts_twice_in_a_step(self, cast: Cast, first: str, second: str) -> None:
        cast.machine("bot", "ann")
        cast.machine("bot2", "ann")
        cast.under(Step("two", 2, ("ann", "bot", "bot2", "bob")))
        request = cast.ask()
        cast.approve(request, first)
        approve = partial(cast.requests.approve, cast[second], request)
        reject = partial(cast.requests.reject, cast[second], request, "no")
        for decide in (approve, partial(approve, step=1), reject, partial(reject, step=1)):
            assert refusal(decide) == (409, "already_decided")
        assert len(cast.show(request).request.decisions) == 1
        assert cast.approve(request, "bob").state is RequestState.APPROVED

    @pytest.mark.parametrize("second", ["ann", "bot"])
    def test_who_approved_an_earlier_step_names_the_next_one_to_decide_it_too(
        self, cast: Cast, second: str
    ) -> None:
        """So that saying yes twice by mistake is one yes."""
        cast.machine("bot", "ann")
        cast.under(LEAD, Step("also", 1, ("ann", "bot")))
        request = cast.ask()
        cast.approve(request, "ann")
        assert refusal(lambda: cast.approve(request, second)) == (409, "already_decided")
        view = cast.requests.approve(cast[second], request, step=2)
        assert view.state is RequestState.APPROVED

    @pytest.mark.parametrize("what", ["server auditor", "auditor of the signer"])
    def test_an_auditor_never_does(self, world: World, cast: Cast, what: str) -> None:
        """Named in a step beside others, which leaves enough who can."""
        if what == "server auditor":
            zoe = world.identity("zoe", role=ServerRole.AUDITOR)
        else:
            zoe = world.identity("zoe")
            cast.join("zoe", MemberRole.AUDITOR)
        cast.under(Step("one", 1, ("zoe", "ann")))
        request = cast.ask()
        before = world.last_row()
        approve = partial(cast.requests.approve, zoe, request)
        reject = partial(cast.requests.reject, zoe, request, "no")
        assert refusal(approve) == refusal(reject) == (403, "auditor_cannot_approve")
        assert world.last_row() == before

    def test_who_is_asked_is_made_no_auditor(self, cast: Cast) -> None:
        request = cast.ask()
        watch = lambda: cast.join("ann", MemberRole.AUDITOR)  # noqa: E731
        assert refusal(watch) == (409, "roles_exclude")
        assert cast.approve(request, "ann").request.open_step == 1

    def test_who_was_just_disabled_or_lost_the_key_does_not(self, world: World, cast: Cast) -> None:
        request = cast.ask()
        world.services.identities.disable(world.admin, "ann")
        world.services.identities.revoke_key(world.admin, "bob", cast["bob"].api_key_id)
        assert refusal(lambda: cast.approve(request, "ann")) == (401, "identity_disabled")
        assert refusal(lambda: cast.approve(request, "bob")) == (401, "api_key_revoked")
        reject = lambda: cast.requests.reject(cast["ann"], request, "no")  # noqa: E731
        assert refusal(reject) == (401, "identity_disabled")

    def test_what_completed_a_step_stands_when_its_giver_is_gone(
        self, world: World, cast: Cast
    ) -> None:
        request = cast.ask()
        cast.approve(request, "ann", "carol")
        for name in ("ann", "carol"):
            world.services.identities.disable(world.admin, name)
        assert cast.approve(request, "dave").missing[0].given == 1
        assert cast.approve(request, "erin").state is RequestState.APPROVED


class TestRejection:
    @pytest.mark.parametrize("approved", [[], ["ann"], ["ann", "carol"]])
    def test_ends_it_whatever_was_approved_before(
        self, world: World, cast: Cast, approved: list[str]
    ) -> None:
        request = cast.ask()
        for name in approved:
            cast.approve(request, name)
        who = "dave" if approved else "bob"
        view = cast.requests.reject(cast[who], request, " not on a Friday ")
        ended = view.request
        assert (view.state, view.missing) == (RequestState.REJECTED, ())
        assert (ended.ended_by, ended.comment, ended.grant_id) == (who, "not on a Friday", None)
        last = ended.decisions[-1]
        assert (last.step, last.approver, last.verdict) == (bool(approved), who, Verdict.REJECTED)
        assert (last.comment, last.at) == ("not on a Friday", ended.ended_at)
        assert len(ended.decisions) == len(approved) + 1
        assert cast.show(request) == view
        assert world.services.grants.list(world.admin, PageRequest()).items == ()

    def test_is_final(self, cast: Cast) -> None:
        request = cast.ask()
        cast.requests.reject(cast["ann"], request, "no")
        for decide in (
            partial(cast.requests.approve, cast["bob"], request),
            partial(cast.requests.reject, cast["bob"], request, "no"),
            partial(cast.requests.reject, cast["ann"], request, "no"),
            partial(cast.requests.cancel, cast["ci"], request),
        ):
            with pytest.raises(Refused) as refused:
                decide()
            assert (status_of(refused.value.code), refused.value.code) == (
                409,
                "request_not_pending",
            )
            assert refused.value.title == "The request is rejected by ann: it is finished."

    def test_says_why(self, cast: Cast) -> None:
        request = cast.ask()
        for comment in ("", "  \n", "x" * 2049):
            with pytest.raises(Refused) as refused:
                cast.requests.reject(cast["ann"], request, comment)
            assert (status_of(refused.value.code), refused.value.field) == (400, "comment")
        assert cast.requests.reject(cast["ann"], request, "x" * 2048).request.comment == "x" * 2048

    def test_is_possible_when_a_grant_would_be_of_no_use(self, world: World, cast: Cast) -> None:
        first, second = cast.ask("1"), cast.ask("2")
        cast.attach(None)
        assert cast.requests.reject(cast["ann"], first, "no").state is RequestState.REJECTED
        cast.attach("two-steps")
        world.services.members.remove(world.admin, "release", "ci")
        assert cast.requests.reject(cast["ann"], second, "no").state is RequestState.REJECTED


class TestCancelling:
    @pytest.mark.parametrize("who", ["ci", "adam", "admin"])
    def test_by_who_asked_an_administrator_or_a_server_admin(
        self, world: World, cast: Cast, who: str
    ) -> None:
        request = cast.ask()
        cast.approve(request, "ann")
        before = world.clock()
        view = cast.requests.cancel(cast[who], request)
        ended = view.request
        assert (view.state, view.missing) == (RequestState.CANCELLED, ())
        assert (ended.ended_by, ended.comment, ended.grant_id) == (who, None, None)
        assert ended.ended_at is not None
        assert before <= ended.ended_at <= world.clock()
        assert [each.approver for each in ended.decisions] == ["ann"]
        assert cast.show(request) == view

    @pytest.mark.parametrize(
        ("who", "expected"),
        [
            ("omar", (403, "requester_required")),
            ("audrey", (403, "requester_required")),
            ("ann", (403, "requester_required")),
            ("erin", (403, "requester_required")),
            ("server auditor", (403, "requester_required")),
            ("sam", (404, "request_not_found")),
        ],
    )
    def test_by_nobody_else(
        self, world: World, cast: Cast, who: str, expected: tuple[int, str]
    ) -> None:
        request = cast.ask()
        if who == "server auditor":
            caller = world.identity("zoe", role=ServerRole.AUDITOR)
        else:
            caller = cast[who]
        before = world.last_row()
        assert refusal(lambda: cast.requests.cancel(caller, request)) == expected
        assert (cast.state(request), world.last_row()) == ("pending", before)

    def test_by_who_asked_and_is_no_member_any_more(self, world: World, cast: Cast) -> None:
        request = cast.ask()
        world.services.members.remove(world.admin, "release", "ci")
        assert cast.requests.cancel(cast["ci"], request).state is RequestState.CANCELLED

    def test_of_one_that_has_ended_is_refused(self, world: World, cast: Cast) -> None:
        cast.under(LEAD)
        approved, rejected, cancelled = (cast.ask(str(number)) for number in range(3))
        cast.edit("other", Terms(3600, 5, (LEAD,), request_ttl_seconds=60))
        expired = cast.ask("4")
        cast.approve(approved, "ann")
        cast.requests.reject(cast["ann"], rejected, "no")
        cast.requests.cancel(cast["ci"], cancelled)
        world.clock.advance(seconds=60)
        before = world.last_row()
        for request in (approved, rejected, cancelled, expired):
            for who in ("ci", "admin"):
                cancel = partial(cast.requests.cancel, cast[who], request)
                assert refusal(cancel) == (409, "request_not_pending")
        assert world.last_row() == before

    def test_of_one_that_is_not_there_is_refused(self, cast: Cast) -> None:
        cancel = lambda: cast.requests.cancel(cast["admin"], "x")  # noqa: E731
        assert refusal(cancel) == (404, "request_not_found")


class TestExpiry:
    @pytest.fixture
    def request_(self, cast: Cast) -> Request:
        """That expires in ten minutes."""
        cast.under(LEAD)
        cast.edit("other", Terms(3600, 5, (LEAD,), request_ttl_seconds=600))
        return cast.show(cast.ask()).request

    def test_comes_with_the_time_and_without_anybody(
        self, world: World, cast: Cast, request_: Request
    ) -> None:
        assert request_.expires_at == request_.created_at + timedelta(minutes=10)
        before = world.rows()
        world.clock.advance(minutes=9)
        assert cast.state(request_.id) == "pending"
        world.clock.advance(minutes=1)
        view = cast.show(request_.id)
        assert (view.state, view.missing) == (RequestState.EXPIRED, ())
        assert view.request == request_
        assert world.rows() == before

    def test_is_to_the_microsecond(self, request_: Request) -> None:
        end = request_.expires_at
        assert end is not None
        assert request_.state(end - timedelta(microseconds=1)) is RequestState.PENDING
        assert request_.state(end) is RequestState.EXPIRED

    def test_nothing_can_be_done_with_it_any_more(
        self, world: World, cast: Cast, request_: Request
    ) -> None:
        world.clock.advance(minutes=10)
        for attempt in (
            partial(cast.requests.approve, cast["ann"], request_.id),
            partial(cast.requests.reject, cast["ann"], request_.id, "no"),
            partial(cast.requests.cancel, cast["ci"], request_.id),
        ):
            with pytest.raises(Refused) as refused:
                attempt()
            assert (status_of(refused.value.code), refused.value.code) == (
                409,
                "request_not_pending",
            )
            assert refused.value.title == "The request is expired: it is finished."

    def test_does_not_touch_the_grant(self, world: World, cast: Cast, request_: Request) -> None:
        grant_id = cast.approve(request_.id, "ann").request.grant_id
        assert grant_id is not None
        world.clock.advance(minutes=20)
        assert cast.state(request_.id) == "approved"
        assert world.services.grants.get(world.admin, grant_id).state is GrantState.ACTIVE

    def test_never_comes_where_the_policy_does_not_say_when(self, world: World, cast: Cast) -> None:
        request = cast.ask()
        world.clock.advance(days=300)
        assert cast.state(request) == "pending"
        assert cast.approve(request, "ann").request.open_step == 1


class TestEditsOfThePolicy:
    """Touch new requests only."""

    LOOSER = Terms(7200, 50, (Step("lead", 1, ("erin",)),), 60, (HashAlgorithm.SHA512,))

    def test_a_pending_one_shows_the_terms_it_was_made_under(self, cast: Cast) -> None:
        request = cast.ask()
        before = cast.show(request)
        cast.edit("two-steps", self.LOOSER)
        assert cast.show(request) == before
        assert cast.show(cast.ask()).request.terms == self.LOOSER

    def test_a_pending_one_is_decided_by_those_terms(self, world: World, cast: Cast) -> None:
        """By whom they name, in their steps; the grant has their hashes and what was asked."""
        request = cast.ask()
        cast.edit("two-steps", self.LOOSER)
        assert refusal(lambda: cast.approve(request, "erin")) == (403, "not_an_approver")
        world.clock.advance(minutes=2)  # longer than the new ttl
        cast.approve(request, "ann")
        view = cast.approve(request, "carol", "dave")
        assert view.state is RequestState.APPROVED
        assert view.request.grant_id is not None
        grant = world.services.grants.get(cast["ci"], view.request.grant_id).grant
        assert (grant.hashes, grant.max_signings) == ((), 5)
        assert grant.not_after == grant.not_before + timedelta(hours=1)

    def test_a_new_one_is_decided_by_the_new_ones(self, world: World, cast: Cast) -> None:
        cast.edit("two-steps", self.LOOSER)
        request = cast.ask()
        assert refusal(lambda: cast.approve(request, "ann")) == (404, "request_not_found")
        view = cast.approve(request, "erin")
        assert view.request.grant_id is not None
        grant = world.services.grants.get(cast["ci"], view.request.grant_id).grant
        assert (grant.hashes, grant.max_signings) == ((HashAlgorithm.SHA512,), 50)

    def test_an_issued_grant_stays_as_it_is(self, world: World, cast: Cast) -> None:
        request = cast.ask()
        grant_id = cast.approve(request, "ann", "carol", "dave").request.grant_id
        assert grant_id is not None
        before = world.services.grants.get(world.admin, grant_id)
        cast.edit("two-steps", Terms(60, 1, (LEAD,)))
        assert world.services.grants.get(world.admin, grant_id) == before


class TestWhenAGrantWouldNotCount:
    def test_no_approval_is_taken_while_its_policy_is_not_attached(
        self, world: World, cast: Cast
    ) -> None:
        request = cast.ask()
        before = world.last_row()
        cast.attach(None)
        assert refusal(lambda: cast.approve(request, "ann")) == (409, "policy_detached")
        cast.under(LEAD)
        assert refusal(lambda: cast.approve(request, "ann")) == (409, "policy_detached")
        cast.attach("two-steps")
        assert cast.show(request).request.decisions == ()
        assert cast.approve(request, "ann").request.open_step == 1
        assert world.last_row().sequence > before.sequence

    def test_nor_when_there_is_another_one_of_its_name(self, world: World, cast: Cast) -> None:
        request = cast.ask()
        cast.attach(None)
        world.services.policies.delete(world.admin, "two-steps")
        world.policy("two-steps", LEAD, SECURITY)
        cast.attach("two-steps")
        assert refusal(lambda: cast.approve(request, "ann")) == (409, "policy_detached")

    @pytest.mark.parametrize("what", ["removed", "auditor"])
    def test_nor_for_who_may_no_longer_sign(self, world: World, cast: Cast, what: str) -> None:
        request = cast.ask()
        if what == "removed":
            world.services.members.remove(world.admin, "release", "ci")
        else:
            cast.join("ci", MemberRole.AUDITOR)
        before = world.last_row()
        assert refusal(lambda: cast.approve(request, "ann")) == (409, "requester_cannot_sign")
        assert (world.last_row(), cast.state(request)) == (before, "pending")
        cast.join("ci")
        assert cast.approve(request, "ann").request.open_step == 1


class TestLists:
    @pytest.fixture
    def by_state(self, world: World, cast: Cast) -> dict[str, str]:
        """The id of a request in each state, oldest first: all of `ci` but the last of `omar`."""
        cast.under(LEAD)
        ids = {"approved": cast.ask("1"), "rejected": cast.ask("2"), "cancelled": cast.ask("3")}
        cast.approve(ids["approved"], "ann")
        cast.requests.reject(cast["ann"], ids["rejected"], "no")
        cast.requests.cancel(cast["ci"], ids["cancelled"])
        cast.edit("other", Terms(3600, 5, (LEAD,), request_ttl_seconds=60))
        ids["expired"] = cast.ask("4")
        world.clock.advance(seconds=60)
        ids["pending"] = cast.ask("5", by="omar")
        return ids

    def list(self, cast: Cast, **where: object) -> list[str]:
        found = cast.requests.list(cast["admin"], PageRequest(), **where)  # type: ignore[arg-type]
        return [view.request.id for view in found.items]

    def test_are_newest_first(self, cast: Cast, by_state: dict[str, str]) -> None:
        assert self.list(cast) == list(reversed(by_state.values()))

    def test_can_be_of_one_state(self, cast: Cast, by_state: dict[str, str]) -> None:
        assert set(by_state) == set(RequestState)
        for state, request in by_state.items():
            assert self.list(cast, state=RequestState(state)) == [request]
            assert cast.state(request) == state

    def test_can_be_of_one_requester_and_of_one_signer(
        self, world: World, cast: Cast, by_state: dict[str, str]
    ) -> None:
        world.signer("second", policy="two-steps", ci=MemberRole.OPERATOR)
        second = cast.requests.create(cast["ci"], "second", "x").view.request.id
        assert self.list(cast, signer="second") == [second]
        assert self.list(cast, requester="omar") == [by_state["pending"]]
        assert self.list(cast, requester="ci", state=RequestState.PENDING) == [second]
        assert self.list(cast, requester="ci", signer="ghost") == []

    def test_are_paged(self, cast: Cast, by_state: dict[str, str]) -> None:
        found, cursor = [], None
        for size in (2, 2, 1):
            page = cast.requests.list(cast["admin"], PageRequest(2, cursor))
            assert len(page.items) == size
            found += [view.request.id for view in page.items]
            cursor = page.next
        assert cursor is None
        assert found == self.list(cast)


EVERYTHING = {"signer", "policy", "new request", "old request", "grant", "rows"}
READS = {
    "admin": EVERYTHING,
    "server auditor": EVERYTHING,
    "administrator": EVERYTHING,
    "operator": EVERYTHING,
    "auditor": EVERYTHING,
    "requester": EVERYTHING,
    "approver": EVERYTHING,
    "former requester": {"new request", "old request", "grant"},
    "approver of the older terms": {"old request"},
    "stranger": set[str](),
}


def rows_of(
    services: Services, caller: Caller, where: OperationFilter, page: PageRequest
) -> set[str]:
    return {each.entry.id for each in services.audit.list(caller, where, page).items}


class TestVisibility:
    """Who reads what of a signer whose policy was edited while a request waited."""

    @pytest.mark.parametrize("who", READS)
    def test_of_signer_policy_requests_grants_and_rows(
        self, world: World, cast: Cast, who: str
    ) -> None:
        services = world.services
        server_role = {"admin": ServerRole.ADMIN, "server auditor": ServerRole.AUDITOR}.get(who)
        zoe = world.identity("zoe", role=server_role)
        asks = cast["ci"]
        if who in ("requester", "former requester"):
            cast.join("zoe")
            asks = zoe
        elif who in set(MemberRole):
            cast.join("zoe", MemberRole(who))
        both, ann_only = Step("x", 1, ("ann", "zoe")), Step("x", 1, ("ann",))
        cast.under(both if who.startswith("approver") else ann_only)
        old = services.requests.create(asks, "release", "old").view.request.id
        cast.edit("other", Terms(60, 5, (both if who == "approver" else ann_only,)))
        new = services.requests.create(asks, "release", "new").view.request.id
        granted = services.requests.create(asks, "release", "granted").view.request.id
        grant = cast.approve(granted, "ann").request.grant_id or ""
        if who == "former requester":
            services.members.remove(world.admin, "release", "zoe")
        (row,) = [row for row in world.rows() if row.entry.object == grant]

        page, of_signer = PageRequest(1000), OperationFilter(signer="release")
        is_unknown = who in ("stranger", "approver of the older terms")
        if is_unknown:  # of a signer that they may not see they are not told that it is there
            with pytest.raises(Refused) as refused:
                services.audit.list(zoe, of_signer, page)
            assert refused.value.code == "signer_not_found"
        listed = {
            "signer": {each.signer.name for each in services.signers.list(zoe, page).items},
            "policy": {each.name for each in services.policies.list(zoe, page).items},
            "request": {each.request.id for each in services.requests.list(zoe, page).items},
            "grant": {each.grant.id for each in services.grants.list(zoe, page).items},
            "rows": set() if is_unknown else rows_of(services, zoe, of_signer, page),
        }
        table: list[tuple[str, bool, Callable[[], object]]] = [
            ("signer", "release" in listed["signer"], lambda: services.signers.get(zoe, "release")),
            ("policy", "other" in listed["policy"], lambda: services.policies.get(zoe, "other")),
            ("old request", old in listed["request"], lambda: services.requests.get(zoe, old)),
            ("new request", new in listed["request"], lambda: services.requests.get(zoe, new)),
            ("grant", grant in listed["grant"], lambda: services.grants.get(zoe, grant)),
            (
                "rows",
                row.entry.id in listed["rows"],
                lambda: services.audit.get(zoe, row.entry.id),
            ),
        ]
        assert {what for what, is_listed, _ in table if is_listed} == READS[who]
        for what, is_listed, read in table:
            if is_listed:
                read()
            else:
                assert refusal(read)[0] == 404, what

    def test_an_approver_s_own_decision_stays_readable_to_them(
        self, world: World, cast: Cast
    ) -> None:
        request = cast.ask()
        cast.approve(request, "ann")
        cast.edit("two-steps", Terms(3600, 5, (SECURITY,)))
        page, of_signer = PageRequest(), OperationFilter(signer="release")
        (row,) = world.services.audit.list(cast["ann"], of_signer, page).items
        assert (row.entry.action, row.entry.object) == ("request:approve", request)
        assert cast.requests.get(cast["ann"], request).request.decisions[0].approver == "ann"


class TestADeletedSigner:
    def test_takes_its_pending_requests_with_it(self, world: World, cast: Cast) -> None:
        waiting, half, done = cast.ask("1"), cast.ask("2", by="omar"), cast.ask("3")
        cast.approve(half, "ann")
        cast.requests.reject(cast["ann"], done, "no")
        before = cast.show(done)
        world.delete_signer("release")
        for request in (waiting, half):
            ended = cast.show(request).request
            assert (ended.ended, ended.ended_by) == (RequestState.CANCELLED, "admin")
        assert cast.show(done) == before
        assert refusal(lambda: cast.approve(half, "carol")) == (409, "request_not_pending")

    def test_leaves_what_was_decided_for_those_who_had_to_do_with_it(
        self, world: World, cast: Cast
    ) -> None:
        request = cast.ask()
        cast.approve(request, "ann", "carol", "dave")
        world.delete_signer("release")
        world.services.policies.delete(world.admin, "two-steps")
        for who in ("ci", "ann", "erin", "admin"):
            shown = cast.requests.get(cast[who], request).request
            assert [each.approver for each in shown.decisions] == ["ann", "carol", "dave"]
        for who in ("omar", "adam", "audrey", "sam"):
            assert refusal(partial(cast.requests.get, cast[who], request)) == (
                404,
                "request_not_found",
            )


CHANGED = (
    "id = 'x' || id",
    "signer = 'second'",
    "requester = 'omar'",
    "policy_id = 'x'",
    "policy = 'x'",
    "terms = '{}'",
    "justification = 'x'",
    "window_seconds = 1",
    "window_seconds = NULL",
    "signings = signings + 1",
    "created_at = '2020-01-01T00:00:00.000000Z'",
    "expires_at = '2030-01-01T00:00:00.000000Z'",
)
STATEMENTS = {
    "decisions": [
        "UPDATE decisions SET verdict = 'rejected'",
        "UPDATE decisions SET approver = 'bob'",
        "UPDATE decisions SET comment = NULL",
        "UPDATE decisions SET at = '2020-01-01T00:00:00.000000Z'",
        "UPDATE decisions SET withdrawn_at = at WHERE verdict = 'rejected'",
        "UPDATE decisions SET withdrawn_at = at, comment = 'x'",
        "UPDATE decisions SET suspended_at = at WHERE verdict = 'rejected'",
        "UPDATE decisions SET suspended_at = at, credential = NULL",
        "UPDATE decisions SET suspended_at = at, withdrawn_at = at",
        "UPDATE OR REPLACE decisions SET step = 1",
        "DELETE FROM decisions",
        "DELETE FROM decisions WHERE approver = 'ann'",
        "INSERT OR REPLACE INTO decisions SELECT * FROM decisions",
        "REPLACE INTO decisions SELECT * FROM decisions WHERE approver = 'ann'",
        (
            "INSERT OR REPLACE INTO decisions (request_id, step, approver, verdict, at)"
            " SELECT request_id, step, approver, 'rejected', at FROM decisions"
        ),
        (
            "INSERT INTO decisions (request_id, step, approver, verdict, at)"
            " SELECT request_id, step, approver, 'rejected', at FROM decisions WHERE true"
            " ON CONFLICT DO UPDATE SET verdict = 'rejected'"
        ),
    ],
    "requests": [
        "DELETE FROM requests",
        "DELETE FROM requests WHERE ended IS NULL",
        "REPLACE INTO requests SELECT * FROM requests",
        "INSERT OR REPLACE INTO requests SELECT * FROM requests WHERE ended IS NULL",
        (
            "UPDATE OR REPLACE requests SET id = (SELECT id FROM requests WHERE ended IS NOT NULL)"
            " WHERE ended IS NULL"
        ),
        *[f"UPDATE requests SET {change} WHERE ended IS NULL" for change in CHANGED],
        "UPDATE requests SET ended = NULL WHERE ended IS NOT NULL",
        "UPDATE requests SET ended = 'cancelled' WHERE ended IS NOT NULL",
        "UPDATE requests SET ended_by = 'bob' WHERE ended IS NOT NULL",
        "UPDATE requests SET ended_at = 'x' WHERE ended IS NOT NULL",
        "UPDATE requests SET comment = 'x' WHERE ended IS NOT NULL",
        "UPDATE requests SET grant_id = 'x' WHERE ended IS NOT NULL",
    ],
}


class TestForEver:
    """The store itself refuses to forget or to rewrite, whoever writes to it."""

    @pytest.fixture
    def connection(self, world: World, cast: Cast) -> Iterator[sqlite3.Connection]:
        """To a store with a request that is rejected and one that waits for its second step."""
        world.signer("second")
        waiting, rejected = cast.ask("1"), cast.ask("2")
        cast.approve(waiting, "ann")
        cast.requests.reject(cast["ann"], rejected, "no")
        with closing(sqlite3.connect(world.location.store_path)) as connection:
            yield connection

    @pytest.mark.parametrize("recursive_triggers", ["on", "off"])
    @pytest.mark.parametrize("table", STATEMENTS)
    def test_nothing_is_changed_removed_or_replaced(
        self, connection: sqlite3.Connection, table: str, recursive_triggers: str
    ) -> None:
        connection.execute(f"PRAGMA recursive_triggers = {recursive_triggers}")
        everything = f"SELECT * FROM {table}"
        before = connection.execute(everything).fetchall()
        assert len(before) == 2
        for statement in STATEMENTS[table]:
            with pytest.raises(sqlite3.IntegrityError):
                connection.execute(statement)
            connection.rollback()
            assert connection.execute(everything).fetchall() == before, statement

    def test_a_request_is_ended_once(self, connection: sqlite3.Connection) -> None:
        """So the statements above fail for what they are, not because nothing can be written."""
        end = (
            "UPDATE requests SET ended = 'cancelled', ended_at = 'x', ended_by = 'ci'"
            " WHERE justification = '1'"
        )
        assert connection.execute(end).rowcount == 1
        with pytest.raises(sqlite3.IntegrityError, match="ended, and once"):
            connection.execute(end)


def at_once(calls: Sequence[Callable[[], object]]) -> Counter[str]:
    """All of them together, a thread and a connection for each; by what came of it."""
    barrier = threading.Barrier(len(calls))

    def run(call: Callable[[], object]) -> str:
        barrier.wait()
        try:
            call()
        except Refused as refused:
            return refused.code
        return "done"

    with ThreadPoolExecutor(len(calls)) as pool:
        return Counter(pool.map(run, calls))


class TestAtTheSameInstant:
    """By threads of two server processes, again and again."""

    TIMES = 6

    @pytest.fixture
    def both(self, world: World, cast: Cast) -> Iterator[list[Requests]]:
        with open_services(world.location, world.clock) as other:
            yield [world.services.requests, other.requests]

    def approvals(
        self, both: list[Requests], callers: Sequence[Caller], request: str, step: int | None
    ) -> list[Callable[[], object]]:
        return [
            partial(both[index % 2].approve, caller, request, step=step)
            for index, caller in enumerate(callers)
        ]

    def grants(self, world: World) -> int:
        return len(world.services.grants.list(world.admin, PageRequest(1000)).items)

    def test_as_many_approvals_count_as_the_step_requires(
        self, world: World, cast: Cast, both: list[Requests]
    ) -> None:
        crowd = [world.identity(f"p{number}") for number in range(8)]
        cast.under(Step("crowd", 5, tuple(each.identity.name for each in crowd)))
        for number in range(self.TIMES):
            request = cast.ask(str(number))
            came = at_once(self.approvals(both, crowd, request, 1))
            assert came == {"done": 5, "request_not_pending": 3}
            shown = cast.show(request).request
            assert len({each.approver for each in shown.decisions}) == 5
            assert self.grants(world) == number + 1

    def test_one_approver_counts_once(self, world: World, cast: Cast, both: list[Requests]) -> None:
        cast.under(Step("two", 2, ("ann", "bob")))
        for number in range(self.TIMES):
            request = cast.ask(str(number))
            came = at_once(self.approvals(both, [cast["ann"]] * 8, request, number % 2 or None))
            assert came == {"done": 1, "already_decided": 7}
            assert len(cast.show(request).request.decisions) == 1
        assert self.grants(world) == 0

    def test_a_user_and_their_machines_count_once(self, cast: Cast, both: list[Requests]) -> None:
        people = [cast["ann"], cast.machine("bot", "ann"), cast.machine("bot2", "ann")]
        cast.under(Step("two", 2, ("ann", "bot", "bot2", "bob")))
        for number in range(self.TIMES):
            request = cast.ask(str(number))
            came = at_once(self.approvals(both, people, request, 1))
            assert came == {"done": 1, "already_decided": 2}

    @pytest.mark.parametrize(
        ("more", "code"), [((SECURITY,), "step_changed"), ((), "request_not_pending")]
    )
    def test_a_step_that_requires_one_is_completed_by_one(
        self, cast: Cast, both: list[Requests], more: tuple[Step, ...], code: str
    ) -> None:
        """Even if both are named in the step after it: they said which one they saw."""
        after = tuple(replace(step, approvers=(*step.approvers, *LEAD.approvers)) for step in more)
        cast.under(LEAD, *after)
        for number in range(self.TIMES):
            request = cast.ask(str(number))
            came = at_once(self.approvals(both, [cast["ann"], cast["bob"]], request, 1))
            assert came == {"done": 1, code: 1}
            shown = cast.show(request).request
            assert len(shown.decisions) == 1
            assert shown.open_step == (1 if more else None)

    def test_of_approval_rejection_and_cancelling_one_ends_it(
        self, world: World, cast: Cast, both: list[Requests]
    ) -> None:
        cast.under(LEAD)
        ends: Counter[str] = Counter()
        for number in range(self.TIMES):
            request = cast.ask(str(number))
            came = at_once(
                [
                    partial(both[0].approve, cast["ann"], request),
                    partial(both[1].reject, cast["bob"], request, "no"),
                    partial(both[number % 2].cancel, cast["ci"], request),
                ]
            )
            assert came == {"done": 1, "request_not_pending": 2}
            ends[cast.state(request)] += 1
        assert self.grants(world) == ends["approved"]
        assert set(ends) <= {"approved", "rejected", "cancelled"}

    def test_equal_requests_are_one(self, cast: Cast, both: list[Requests]) -> None:
        for number in range(self.TIMES):
            made: list[bool] = []

            def ask(index: int, number: int = number, made: list[bool] = made) -> None:
                asked = both[index % 2].create(cast["ci"], "release", str(number))
                made.append(asked.created)

            assert at_once([partial(ask, index) for index in range(6)]) == {"done": 6}
            assert sorted(made) == [False] * 5 + [True]
        assert len(cast.requests.list(cast["ci"], PageRequest()).items) == self.TIMES

"""Protected policies: what they guard becomes a proposal, which others carry out, or nobody."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from controlplane.api.refusals import status_of
from controlplane.domain.action import Action
from controlplane.domain.model import (
    Caller,
    MemberRole,
    PolicyChangeKind,
    RequestState,
    ServerRole,
    Step,
)
from controlplane.domain.operation import OperationFilter
from controlplane.domain.page import PageRequest
from controlplane.domain.policy import TermsEdit
from controlplane.errors import Refused
from controlplane.service.gate import ProposalView, Proposed
from controlplane.service.installation import Services
from tests.world import World

LEAD = Step("lead", 1, ("ann", "bob"))
SECURITY = Step("security", 1, ("carol",))


@dataclass(frozen=True)
class Cast:
    """`release` has the protected policy `two`, whose steps are LEAD and SECURITY; `adm` is its
    administrator, `ci` its operator; `root` is another server admin."""

    world: World
    callers: dict[str, Caller]

    def __getitem__(self, name: str) -> Caller:
        return self.callers[name]

    @property
    def services(self) -> Services:
        return self.world.services

    def proposed(self, call: Callable[[], object]) -> ProposalView:
        with pytest.raises(Proposed) as proposed:
            call()
        return proposed.value.view

    def agree(self, view: ProposalView, *approvers: str) -> ProposalView:
        for name in approvers or ("ann", "carol"):
            view = self.services.proposals.approve(self[name], view.proposal.id)
        return view

    def policy_of_release(self) -> str | None:
        policy = self.services.signers.get(self.world.admin, "release").signer.policy
        return policy.name if policy else None


@pytest.fixture
def cast(tmp_path: Path) -> Iterator[Cast]:
    world = World(tmp_path / "data")
    callers = {name: world.enrolled(name) for name in ("ann", "bob", "carol", "adm", "ci", "eve")}
    callers["root"] = world.enrolled("root", role=ServerRole.ADMIN)
    callers["admin"] = world.admin
    world.policy("two", LEAD, SECURITY)
    world.policy("open")
    world.services.policies.edit(world.admin, "two", TermsEdit(protected=True))
    world.signer("release", adm=MemberRole.ADMINISTRATOR, ci=MemberRole.OPERATOR)
    world.services.signers.set_policy(world.admin, "release", "two")
    yield Cast(world, callers)
    world.services.close()


def refusal(call: Callable[[], object]) -> tuple[int, str]:
    with pytest.raises(Refused) as refused:
        call()
    return status_of(refused.value.code), refused.value.code


def test_a_change_is_reported_with_who_proposed_it_and_who_agreed(cast: Cast) -> None:
    set_policy = cast.services.signers.set_policy
    view = cast.proposed(lambda: set_policy(cast["adm"], "release", None))
    cast.agree(view)
    where = OperationFilter(action=Action.SIGNER_SET_POLICY)
    *_, last = cast.services.audit.report(cast.world.admin, where, PageRequest(1000)).page.items
    assert last.request is not None
    assert (last.request.entry.actor, last.request.entry.object) == ("adm", view.proposal.id)
    assert [each.entry.actor for each in last.approvals] == ["ann", "carol"]


class TestDetaching:
    def test_changes_nothing_until_all_steps_agreed(self, cast: Cast) -> None:
        signers = cast.services.signers
        view = cast.proposed(lambda: signers.set_policy(cast["adm"], "release", None))
        assert view.state is RequestState.PENDING
        assert view.proposal.steps == (LEAD, SECURITY)
        assert dict(view.proposal.details) == {"policy": None, "before": "two"}
        view = cast.agree(view, "ann")
        assert (view.state, cast.policy_of_release()) == (RequestState.PENDING, "two")
        view = cast.agree(view, "carol")
        assert (view.state, cast.policy_of_release()) == (RequestState.APPROVED, None)

    def test_leaves_rows_that_name_the_proposal(self, cast: Cast) -> None:
        view = cast.proposed(
            lambda: cast.services.signers.set_policy(cast["root"], "release", "open")
        )
        cast.agree(view)
        made, second, first, asked = cast.world.rows()[:4]
        assert [each.entry.action for each in (asked, first, second, made)] == [
            "proposal:create",
            "proposal:approve",
            "proposal:approve",
            "signer:set_policy",
        ]
        assert {each.entry.object for each in (asked, first, second)} == {view.proposal.id}
        assert (made.entry.actor, made.entry.proposal) == ("carol", view.proposal.id)
        assert (asked.entry.actor, asked.entry.signer) == ("root", "release")

    def test_readers_of_the_signer_see_who_wanted_it_and_who_agreed(self, cast: Cast) -> None:
        view = cast.proposed(lambda: cast.services.signers.set_policy(cast["adm"], "release", None))
        cast.agree(view)
        change = cast.services.signers.get(cast["ci"], "release").policy_changes[0]
        assert (change.change, change.by) == (PolicyChangeKind.DETACHED, "adm")
        (what,) = change.what
        assert what == f"proposed by adm, agreed to by ann, carol ({view.proposal.id})"

    def test_asked_for_twice_is_one_proposal(self, cast: Cast) -> None:
        ask = lambda: cast.services.signers.set_policy(cast["adm"], "release", None)  # noqa: E731
        assert cast.proposed(ask).proposal.id == cast.proposed(ask).proposal.id
        assert len(cast.services.proposals.list(cast["adm"], PageRequest()).items) == 1

    def test_needs_nobody_where_the_policy_is_not_protected(self, cast: Cast) -> None:
        cast.world.signer("nightly", policy="open")
        cast.services.signers.set_policy(cast["admin"], "nightly", None)

    def test_of_the_policy_that_it_has_is_nothing(self, cast: Cast) -> None:
        before = cast.world.last_row()
        cast.services.signers.set_policy(cast["adm"], "release", "two")
        assert cast.world.last_row() == before


class TestWhoDecides:
    def test_not_the_proposer_nor_a_machine_of_theirs(self, cast: Cast) -> None:
        """Who is approver and administrator detaches, signs, attaches again: no more."""
        members = cast.services.members
        view = cast.proposed(
            lambda: members.add(cast["adm"], "release", "ann", MemberRole.ADMINISTRATOR)
        )
        cast.agree(view, "bob", "carol")
        view = cast.proposed(lambda: cast.services.signers.set_policy(cast["ann"], "release", None))
        approve = cast.services.proposals.approve
        assert refusal(lambda: approve(cast["ann"], view.proposal.id)) == (403, "own_proposal")
        cast.agree(view, "bob", "carol")
        assert cast.policy_of_release() is None

    def test_no_role_does(self, cast: Cast) -> None:
        view = cast.proposed(lambda: cast.services.signers.set_policy(cast["adm"], "release", None))
        approve = cast.services.proposals.approve
        for name in ("admin", "root"):
            assert refusal(lambda: approve(cast[name], view.proposal.id)) == (  # noqa: B023
                403,
                "not_an_approver",
            )
        assert refusal(lambda: approve(cast["eve"], view.proposal.id)) == (
            404,
            "proposal_not_found",
        )

    def test_one_no_ends_it(self, cast: Cast) -> None:
        proposals = cast.services.proposals
        view = cast.proposed(lambda: cast.services.signers.set_policy(cast["adm"], "release", None))
        ended = proposals.reject(cast["bob"], view.proposal.id, "not before the audit")
        assert (ended.state, ended.proposal.comment) == (
            RequestState.REJECTED,
            "not before the audit",
        )
        assert refusal(lambda: proposals.approve(cast["ann"], view.proposal.id)) == (
            409,
            "proposal_finished",
        )

    def test_who_proposed_takes_it_back(self, cast: Cast) -> None:
        proposals = cast.services.proposals
        view = cast.proposed(lambda: cast.services.signers.set_policy(cast["adm"], "release", None))
        assert refusal(lambda: proposals.cancel(cast["ci"], view.proposal.id)) == (
            403,
            "requester_required",
        )
        assert proposals.cancel(cast["adm"], view.proposal.id).state is RequestState.CANCELLED

    def test_time_ends_it(self, cast: Cast) -> None:
        view = cast.proposed(lambda: cast.services.signers.set_policy(cast["adm"], "release", None))
        cast.world.clock.advance(days=7)
        assert refusal(lambda: cast.agree(view)) == (409, "proposal_finished")
        found = cast.services.proposals.get(cast["adm"], view.proposal.id)
        assert found.state is RequestState.EXPIRED

    def test_a_change_that_nobody_but_its_proposer_could_allow_is_refused(self, cast: Cast) -> None:
        cast.world.policy("lone", Step("only", 1, ("adm",)))
        cast.services.policies.edit(cast["admin"], "lone", TermsEdit(protected=True))
        cast.world.signer("solo", adm=MemberRole.ADMINISTRATOR)
        cast.services.signers.set_policy(cast["admin"], "solo", "lone")
        assert refusal(lambda: cast.services.signers.set_policy(cast["adm"], "solo", None)) == (
            409,
            "policy_cannot_be_met",
        )


class TestOvertaken:
    def test_by_another_change_of_what_it_rests_on(self, cast: Cast) -> None:
        signers = cast.services.signers
        first = cast.proposed(lambda: signers.set_policy(cast["adm"], "release", None))
        second = cast.proposed(
            lambda: cast.services.policies.edit(cast["admin"], "two", TermsEdit(steps=(LEAD,)))
        )
        cast.agree(second)
        assert refusal(lambda: cast.agree(first, "ann")) == (409, "proposal_overtaken")

    def test_by_the_end_of_its_proposers_rights(self, cast: Cast) -> None:
        view = cast.proposed(lambda: cast.services.signers.set_policy(cast["adm"], "release", None))
        cast.agree(view, "ann")
        cast.services.members.remove(cast["admin"], "release", "adm")
        assert refusal(lambda: cast.agree(view, "carol")) == (409, "proposal_overtaken")
        assert cast.policy_of_release() == "two"

    def test_one_of_somebody_who_is_disabled_is_cancelled(self, cast: Cast) -> None:
        view = cast.proposed(lambda: cast.services.signers.set_policy(cast["adm"], "release", None))
        done = cast.services.identities.disable(cast["admin"], "adm")
        assert done.ended.proposals == (view.proposal.id,)
        assert refusal(lambda: cast.agree(view, "ann")) == (409, "proposal_finished")

    def test_an_approval_that_comes_too_late_is_not_kept(self, cast: Cast) -> None:
        view = cast.proposed(lambda: cast.services.signers.set_policy(cast["adm"], "release", None))
        cast.services.members.remove(cast["admin"], "release", "adm")
        before = cast.world.last_row()
        assert refusal(lambda: cast.agree(view, "ann")) == (409, "proposal_overtaken")
        assert cast.world.last_row() == before
        assert cast.services.proposals.get(cast["admin"], view.proposal.id).proposal.decisions == ()


class TestWithWhichKey:
    """It is approved; rejecting takes any."""

    @pytest.fixture
    def clear(self, cast: Cast) -> Caller:
        """Bob, with a key that an admin made, and that was agreed to."""
        with pytest.raises(Proposed) as proposed:
            cast.services.identities.add_key(cast["admin"], "bob")
        cast.agree(proposed.value.view)
        return cast.services.identities.authenticate(proposed.value.secrets["api_key"])

    def test_only_one_that_its_holder_enrolled(self, cast: Cast, clear: Caller) -> None:
        proposals = cast.services.proposals
        cast.world.clock.advance(days=2)
        view = cast.proposed(lambda: cast.services.signers.set_policy(cast["adm"], "release", None))
        assert refusal(lambda: proposals.approve(clear, view.proposal.id)) == (
            403,
            "credential_not_enrolled",
        )
        rejected = proposals.reject(clear, view.proposal.id, "no")
        assert rejected.state is RequestState.REJECTED

    def test_each_decision_keeps_it(self, cast: Cast) -> None:
        view = cast.proposed(lambda: cast.services.signers.set_policy(cast["adm"], "release", None))
        (decision,) = cast.agree(view, "ann").proposal.decisions
        assert decision.credential is not None
        assert decision.credential.id == cast["ann"].api_key_id
        assert decision.credential.enrolled


class TestACodeForAnApprover:
    def test_of_somebody_else_gets_a_key_once_it_was_agreed_to(self, cast: Cast) -> None:
        enrolments = cast.services.enrolments
        with pytest.raises(Proposed) as proposed:
            enrolments.create(cast["admin"], "bob")
        code = proposed.value.secrets["enrolment_code"]
        assert refusal(lambda: enrolments.use(code, None)) == (404, "enrolment_unknown")
        cast.agree(proposed.value.view)
        key = enrolments.use(code, None).new.key
        assert (key.issued_by, key.enrolled) == ("admin", True)

    def test_of_their_own_needs_nobody(self, cast: Cast) -> None:
        boss = cast.world.enrolled("boss", role=ServerRole.ADMIN)
        step = Step("boss", 1, ("boss",))
        cast.world.policy("boss-only", step)
        cast.services.policies.edit(cast["admin"], "boss-only", TermsEdit(protected=True))
        cast.world.signer("nightly", policy="boss-only")
        code = cast.services.enrolments.create(boss, "boss").code
        assert cast.services.enrolments.use(code, None).new.key.issued_by == "boss"

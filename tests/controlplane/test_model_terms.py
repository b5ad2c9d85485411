"""What has to be true of any terms at all, whatever the numbers: pure, so thousands are tried."""

import itertools
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from controlplane.domain.model import (
    HashAlgorithm,
    Identity,
    IdentityKind,
    MemberRole,
    ServerRole,
    Step,
    Terms,
)
from controlplane.domain.policy import (
    SIGNINGS,
    TTL,
    WINDOW,
    Candidate,
    check_terms,
    compare,
    describe_terms,
    find_unmet,
    settle_bounds,
)
from controlplane.errors import Refused
from controlplane.store.policies import TERMS as STORED
from tests.controlplane.approval_model import Step as ModelStep
from tests.controlplane.approval_model import Terms as ModelTerms
from tests.controlplane.approval_model import describe_edit

NAMES = ("ann", "bob", "carol", "ci")
LISTED = (HashAlgorithm.SHA256, HashAlgorithm.SHA384, HashAlgorithm.SHA512)
many = settings(max_examples=150, deadline=None)

CREATED_AT = datetime(2026, 5, 1, tzinfo=UTC)


def some_of(few: range, least: int, most: int) -> st.SearchStrategy[int]:
    """Few small values, so that two draws meet, and the whole range."""
    return st.sampled_from(few) | st.integers(least, most)


STEPS = st.lists(st.sampled_from(NAMES), min_size=1, unique=True).flatmap(
    lambda approvers: st.builds(
        Step,
        name=st.sampled_from(["lead", "security", "audit; 2", "Ä"]),
        required=st.integers(1, len(approvers)),
        approvers=st.just(tuple(approvers)),
    )
)
TERMS = st.builds(
    Terms,
    max_window_seconds=st.none() | some_of(range(60, 63), WINDOW.least, WINDOW.most),
    max_signings=st.none() | some_of(range(1, 4), 1, SIGNINGS.most),
    steps=st.lists(STEPS, max_size=3, unique_by=lambda step: step.name).map(tuple),
    request_ttl_seconds=st.none() | some_of(range(1, 4), 1, TTL.most),
    hashes=st.lists(st.sampled_from(LISTED), unique=True).map(tuple),
).filter(lambda terms: terms.max_window_seconds is not None or terms.max_signings is not None)
WANTED = st.none() | some_of(range(-1, 4), -1, 2 * SIGNINGS.most)


@st.composite
def edits(draw: st.DrawFn) -> tuple[Terms, Terms]:
    """Before and after: some of the terms are other ones, and some stay."""
    before, other = draw(TERMS), draw(TERMS)
    fields = draw(st.sets(st.sampled_from([*Terms.__slots__])))
    after = replace(before, **{field: getattr(other, field) for field in fields})
    assume(after.max_window_seconds is not None or after.max_signings is not None)
    return before, after


def lets_through(
    terms: Terms,
    hash_: HashAlgorithm,
    bounds: tuple[int | None, int | None],
    approvals: Collection[str],
) -> bool:
    """A signature of this hash, by a grant with these bounds (None: none), which these people
    approved at every step."""

    def within(ceiling: int | None, bound: int | None) -> bool:
        return ceiling is None or (bound is not None and bound <= ceiling)

    return (
        (not terms.hashes or hash_ in terms.hashes)
        and within(terms.max_window_seconds, bounds[0])
        and within(terms.max_signings, bounds[1])
        and all(len({*step.approvers} & {*approvals}) >= step.required for step in terms.steps)
    )


class TestCompare:
    @many
    @given(edits())
    def test_says_nothing_only_if_nothing_but_an_order_changed(
        self, edit: tuple[Terms, Terms]
    ) -> None:
        def in_substance(terms: Terms) -> object:
            steps = {step.name: (step.required, {*step.approvers}) for step in terms.steps}
            return replace(terms, steps=(), hashes=()), steps, {*terms.hashes}

        comparison = compare(*edit)
        silent = not comparison.loosened and not comparison.tightened
        assert silent == (in_substance(edit[0]) == in_substance(edit[1]))

    @many
    @given(edits())
    def test_what_tightens_one_way_loosens_the_other_way(self, edit: tuple[Terms, Terms]) -> None:
        """The converse but for hashes: one instead of another loosens both ways."""
        there, back = compare(*edit), compare(*reversed(edit))
        assert len(there.tightened) <= len(back.loosened)
        assert len(there.loosened) - len(back.tightened) in (0, 1)

    @many
    @given(
        edits(),
        st.sampled_from(HashAlgorithm),
        st.tuples(
            st.none() | some_of(range(60, 63), 1, WINDOW.most), st.none() | st.integers(1, 4)
        ),
        st.sets(st.sampled_from(NAMES)),
    )
    def test_an_edit_that_is_not_told_as_loosened_lets_nothing_new_through(
        self,
        edit: tuple[Terms, Terms],
        hash_: HashAlgorithm,
        bounds: tuple[int | None, int | None],
        approvals: set[str],
    ) -> None:
        before, after = edit
        if not compare(before, after).loosened and lets_through(after, hash_, bounds, approvals):
            assert lets_through(before, hash_, bounds, approvals)

    @many
    @given(edits())
    def test_agrees_with_the_model(self, edit: tuple[Terms, Terms]) -> None:
        comparison = compare(*edit)
        kind = "tightened" if comparison.tightened else "changed"
        kind = "loosened" if comparison.loosened else kind
        assert describe_edit(*map(in_the_model, edit)) == kind


class TestSettleBounds:
    @many
    @given(TERMS, WANTED, WANTED)
    def test_gives_no_more_than_the_ceiling_and_no_more_than_was_asked(
        self, terms: Terms, window: int | None, signings: int | None
    ) -> None:
        ceilings = (terms.max_window_seconds, terms.max_signings)
        try:
            settled = settle_bounds(terms, window, signings)
        except Refused:
            return
        for ceiling, wanted, got in zip(ceilings, (window, signings), settled, strict=True):
            assert got == (ceiling if wanted is None else wanted)
            assert ceiling is None or (got is not None and 1 <= got <= ceiling)
        assert settled != (None, None)
        assert settle_bounds(terms, *settled) == settled

    @many
    @given(TERMS, st.integers(1, 2 * SIGNINGS.most), st.integers(1, 2 * SIGNINGS.most))
    def test_refuses_only_what_is_above_a_ceiling(
        self, terms: Terms, window: int, signings: int
    ) -> None:
        fits = window <= (terms.max_window_seconds or WINDOW.most)
        fits = fits and signings <= (terms.max_signings or SIGNINGS.most)
        try:
            settle_bounds(terms, window, signings)
        except Refused:
            assert not fits
        else:
            assert fits


@st.composite
def crowds(draw: st.DrawFn) -> Mapping[str, Candidate]:
    """Whom the steps name, in any state; `ci` and sometimes others are machines."""

    def candidate(name: str) -> Candidate:
        owner = draw(st.sampled_from([None, "ann", "bob"])) if name in ("ci", "carol") else None
        proposed = draw(st.sampled_from([None, "bob", "dave"])) if owner else None
        identity = Identity(
            id=name,
            name=name,
            kind=IdentityKind.MACHINE if owner else IdentityKind.USER,
            role=draw(st.sampled_from([None, None, ServerRole.ADMIN, ServerRole.AUDITOR])),
            disabled=draw(st.booleans()),
            owner=owner,
            created_at=CREATED_AT,
            proposed_owner=proposed,
        )
        return Candidate(identity, draw(st.none() | st.sampled_from(MemberRole)))

    return {name: candidate(name) for name in NAMES}


@many
@given(TERMS, crowds())
def test_terms_can_be_met_if_each_step_has_enough_people_who_are_not_one_another(
    terms: Terms, crowd: Mapping[str, Candidate]
) -> None:
    def can_be_met(step: Step) -> bool:
        for team in itertools.combinations([crowd[name] for name in step.approvers], step.required):
            people = [name for each in team for name in each.identity.persons]
            watches = any(
                ServerRole.AUDITOR is each.identity.role or MemberRole.AUDITOR is each.role
                for each in team
            )
            disabled = any(each.identity.disabled for each in team)
            if len(set(people)) == len(people) and not watches and not disabled:
                return True
        return False

    unmet = [step.name for step in terms.steps if not can_be_met(step)]
    found = find_unmet(terms.steps, crowd)
    assert len(found) == len(unmet)
    for sentence, name in zip(found, unmet, strict=True):
        assert repr(name) in sentence


@many
@given(TERMS)
def test_terms_come_back_from_the_store_as_they_were(terms: Terms) -> None:
    check_terms(terms)
    assert STORED.read(STORED.write(terms)) == terms


@many
@given(edits())
def test_the_audit_log_tells_any_two_terms_apart(edit: tuple[Terms, Terms]) -> None:
    before, after = edit
    assert (describe_terms(before) == describe_terms(after)) == (before == after)


def in_the_model(terms: Terms) -> ModelTerms:
    return ModelTerms(
        terms.max_window_seconds,
        terms.max_signings,
        tuple(ModelStep(each.name, each.required, each.approvers) for each in terms.steps),
        terms.request_ttl_seconds,
        tuple(each.value for each in terms.hashes),
    )

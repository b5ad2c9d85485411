"""What a policy may demand, what a grant gets of it, what an edit makes of it: as tables."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.api.refusals import status_of
from controlplane.domain.duration import spell
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
    Candidate,
    Comparison,
    check_terms,
    compare,
    count,
    describe_terms,
    find_unmet,
    settle_bounds,
)
from controlplane.errors import Refused

SHA256, SHA384, SHA512 = HashAlgorithm.SHA256, HashAlgorithm.SHA384, HashAlgorithm.SHA512
DAY = 24 * 3600
BASE = Terms(3600, 5)
LEAD = Step("lead", 1, ("ann", "bob"))


def some(number: int) -> tuple[str, ...]:
    return tuple(f"p{index}" for index in range(number))


def steps(number: int) -> tuple[Step, ...]:
    return tuple(Step(f"s{index}", 1, ("ann",)) for index in range(number))


class TestCheckTerms:
    @pytest.mark.parametrize(
        "different",
        [
            {},
            {"max_window_seconds": 60},
            {"max_window_seconds": 30 * DAY},
            {"max_window_seconds": None},
            {"max_signings": 1},
            {"max_signings": 1_000_000_000},
            {"max_signings": None},
            {"request_ttl_seconds": 1},
            {"request_ttl_seconds": 365 * DAY},
            {"hashes": (SHA512, SHA256, SHA384)},
            {"steps": steps(16)},
            {"steps": steps(1), "protected": True},
            {"steps": (Step("x", 1, ("ann",)),)},
            {"steps": (Step("x" * 64, 1, ("ann",)),)},
            {"steps": (Step("Ändérung 2", 1, ("ann",)),)},
            {"steps": (Step("x", 64, some(64)),)},
            {"steps": (LEAD, replace(LEAD, name="Lead"))},
        ],
    )
    def test_takes_what_is_within_every_range(self, different: dict[str, object]) -> None:
        check_terms(replace(BASE, **different))  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        ("different", "field"),
        [
            ({"max_window_seconds": 59}, "max_window_seconds"),
            ({"max_window_seconds": 30 * DAY + 1}, "max_window_seconds"),
            ({"max_window_seconds": 0}, "max_window_seconds"),
            ({"max_window_seconds": -3600}, "max_window_seconds"),
            ({"max_signings": 0}, "max_signings"),
            ({"max_signings": -1}, "max_signings"),
            ({"max_signings": 1_000_000_001}, "max_signings"),
            ({"request_ttl_seconds": 0}, "request_ttl_seconds"),
            ({"request_ttl_seconds": 365 * DAY + 1}, "request_ttl_seconds"),
            ({"hashes": (HashAlgorithm.NONE,)}, "hashes"),
            ({"hashes": (SHA256, HashAlgorithm.NONE)}, "hashes"),
            ({"hashes": (SHA256, SHA384, SHA256)}, "hashes"),
            ({"steps": steps(17)}, "steps"),
            ({"protected": True}, "protected"),
            ({"steps": (Step("", 1, ("ann",)),)}, "steps[0].name"),
            ({"steps": (Step("x" * 65, 1, ("ann",)),)}, "steps[0].name"),
            ({"steps": (Step(" x", 1, ("ann",)),)}, "steps[0].name"),
            ({"steps": (Step("x ", 1, ("ann",)),)}, "steps[0].name"),
            ({"steps": (Step("a:b", 1, ("ann",)),)}, "steps[0].name"),
            ({"steps": (Step("a\nb", 1, ("ann",)),)}, "steps[0].name"),
            ({"steps": (Step("a\u202eb", 1, ("ann",)),)}, "steps[0].name"),
            ({"steps": (Step("a\ud800b", 1, ("ann",)),)}, "steps[0].name"),
            ({"steps": (LEAD, LEAD)}, "steps[1].name"),
            ({"steps": (LEAD, replace(LEAD, name="x"), LEAD)}, "steps[2].name"),
            ({"steps": (LEAD, Step("x", 1, ()))}, "steps[1].approvers"),
            ({"steps": (LEAD, Step("x", 1, some(65)))}, "steps[1].approvers"),
            ({"steps": (LEAD, Step("x", 1, ("ann", "ann")))}, "steps[1].approvers"),
            ({"steps": (LEAD, Step("x", 0, ("ann",)))}, "steps[1].required"),
            ({"steps": (LEAD, Step("x", -1, ("ann",)))}, "steps[1].required"),
            ({"steps": (LEAD, Step("x", 2, ("ann",)))}, "steps[1].required"),
            ({"steps": (LEAD, Step("x", 65, some(64)))}, "steps[1].required"),
        ],
    )
    def test_refuses_what_is_outside_naming_the_field(
        self, different: dict[str, object], field: str
    ) -> None:
        with pytest.raises(Refused) as refused:
            check_terms(replace(BASE, **different))  # type: ignore[arg-type]
        found = (status_of(refused.value.code), refused.value.code, refused.value.field)
        assert found == (400, "invalid_request", field)

    def test_at_least_one_bound_must_be_given(self) -> None:
        with pytest.raises(Refused) as refused:
            check_terms(Terms(None, None, (LEAD,), 60, (SHA256,)))
        assert (status_of(refused.value.code), refused.value.code) == (400, "policy_unbounded")

    def test_a_step_never_asks_for_more_approvals_than_it_has_approvers(self) -> None:
        with pytest.raises(Refused) as refused:
            check_terms(Terms(3600, None, (Step("lead", 3, ("ann", "bob")),)))
        assert refused.value.title == (
            "The step 'lead' has 2 approvers and can require 1 to 2 approvals, not 3."
        )


class TestSettleBounds:
    """(ceilings of window and number), (wanted), what comes of it."""

    @pytest.mark.parametrize(
        ("ceilings", "wanted", "settled"),
        [
            ((3600, 5), (None, None), (3600, 5)),
            ((3600, 5), (60, None), (60, 5)),
            ((3600, 5), (None, 1), (3600, 1)),
            ((3600, 5), (1, 1), (1, 1)),
            ((3600, 5), (3600, 5), (3600, 5)),
            ((None, 5), (None, None), (None, 5)),
            ((None, 5), (30 * DAY, 5), (30 * DAY, 5)),
            ((3600, None), (None, None), (3600, None)),
            ((3600, None), (None, 1_000_000_000), (3600, 1_000_000_000)),
        ],
    )
    def test_the_ceiling_where_nothing_is_wanted(
        self,
        ceilings: tuple[int | None, int | None],
        wanted: tuple[int | None, int | None],
        settled: tuple[int | None, int | None],
    ) -> None:
        assert settle_bounds(Terms(*ceilings), *wanted) == settled

    @pytest.mark.parametrize(
        ("ceilings", "wanted", "code", "field", "says"),
        [
            ((3600, 5), (3601, None), "window_above_ceiling", "window_seconds", "1h at most"),
            ((3600, 5), (10**30, None), "window_above_ceiling", "window_seconds", "1h at most"),
            ((90, 5), (120, 9), "window_above_ceiling", "window_seconds", "90s at most, not 2m"),
            (
                (None, 5),
                (30 * DAY + 1, None),
                "window_above_ceiling",
                "window_seconds",
                "30d at most",
            ),
            ((3600, 5), (None, 6), "signings_above_ceiling", "signings", "5 signings at most"),
            ((3600, 5), (None, 10**30), "signings_above_ceiling", "signings", "5 signings at most"),
            (
                (3600, None),
                (None, 1_000_000_001),
                "signings_above_ceiling",
                "signings",
                "1000000000 signings at most",
            ),
            ((3600, 5), (0, None), "invalid_request", "window_seconds", "at least a second"),
            ((3600, 5), (-1, None), "invalid_request", "window_seconds", "at least a second"),
            ((3600, 5), (None, 0), "invalid_request", "signings", "at least one signing"),
            ((3600, 5), (None, -1), "invalid_request", "signings", "at least one signing"),
        ],
    )
    def test_beyond_it_is_refused_naming_field_and_ceiling(
        self,
        ceilings: tuple[int | None, int | None],
        wanted: tuple[int | None, int | None],
        code: str,
        field: str,
        says: str,
    ) -> None:
        with pytest.raises(Refused) as refused:
            settle_bounds(Terms(*ceilings), *wanted)
        found = (status_of(refused.value.code), refused.value.code, refused.value.field)
        assert found == (400, code, field)
        assert says in refused.value.title

    @given(
        st.none() | st.integers(60, 30 * DAY),
        st.none() | st.integers(1, 10**9),
        st.none() | st.integers(),
        st.none() | st.integers(),
    )
    def test_a_bound_that_there_is_is_never_exceeded_nor_lost(
        self, window: int | None, number: int | None, want: int | None, want_number: int | None
    ) -> None:
        try:
            settled = settle_bounds(Terms(window, number), want, want_number)
        except Refused:
            return
        for ceiling, asked, given_ in zip(
            (window, number), (want, want_number), settled, strict=True
        ):
            assert given_ == (ceiling if asked is None else asked)
            if ceiling is not None:
                assert given_ is not None
                assert 1 <= given_ <= ceiling


class TestCompare:
    FULL = Terms(3600, 5, (LEAD,), 600, (SHA256,))

    @pytest.mark.parametrize(
        ("before", "after", "sentence"),
        [
            ({}, {"max_window_seconds": 7200}, "max window: 1h → 2h"),
            ({}, {"max_window_seconds": None}, "max window: 1h → none"),
            ({}, {"max_signings": 6}, "max signings: 5 → 6"),
            ({}, {"max_signings": None}, "max signings: 5 → none"),
            ({}, {"request_ttl_seconds": 601}, "request ttl: 10m → 601s"),
            ({}, {"request_ttl_seconds": None}, "request ttl: 10m → none"),
            ({}, {"hashes": ()}, "hashes: sha256 → any"),
            ({}, {"hashes": (SHA384, SHA256)}, "hashes: sha256 → sha256, sha384"),
            ({}, {"hashes": (SHA384,)}, "hashes: sha256 → sha384"),
            ({}, {"steps": ()}, "step 'lead' removed"),
            ({"protected": True}, {}, "not protected"),
            (
                {"steps": (replace(LEAD, required=2),)},
                {},
                "step 'lead': 2 → 1 approvals",
            ),
            (
                {},
                {"steps": (replace(LEAD, approvers=("dave", "bob", "carol", "ann")),)},
                "step 'lead': carol, dave may approve",
            ),
        ],
    )
    def test_what_lets_more_through_is_looser(
        self, before: dict[str, object], after: dict[str, object], sentence: str
    ) -> None:
        was, is_ = replace(self.FULL, **before), replace(self.FULL, **after)  # type: ignore[arg-type]
        assert compare(was, is_) == Comparison((sentence,), ())

    @pytest.mark.parametrize(
        ("before", "after", "sentence"),
        [
            ({}, {"max_window_seconds": 1800}, "max window: 1h → 30m"),
            ({"max_window_seconds": None}, {}, "max window: none → 1h"),
            ({}, {"max_signings": 4}, "max signings: 5 → 4"),
            ({"max_signings": None}, {}, "max signings: none → 5"),
            ({}, {"request_ttl_seconds": 599}, "request ttl: 10m → 599s"),
            ({"request_ttl_seconds": None}, {}, "request ttl: none → 10m"),
            ({"hashes": ()}, {}, "hashes: any → sha256"),
            ({"hashes": (SHA256, SHA384)}, {}, "hashes: sha256, sha384 → sha256"),
            ({"steps": ()}, {}, "step 'lead' added"),
            ({}, {"protected": True}, "protected: its own steps decide about it"),
            ({}, {"steps": (replace(LEAD, required=2),)}, "step 'lead': 1 → 2 approvals"),
            (
                {},
                {"steps": (replace(LEAD, approvers=("ann",)),)},
                "step 'lead': bob may no longer approve",
            ),
        ],
    )
    def test_what_lets_less_through_is_tighter(
        self, before: dict[str, object], after: dict[str, object], sentence: str
    ) -> None:
        was, is_ = replace(self.FULL, **before), replace(self.FULL, **after)  # type: ignore[arg-type]
        assert compare(was, is_) == Comparison((), (sentence,))

    def test_an_edit_can_be_both(self) -> None:
        after = Terms(7200, 1, (replace(LEAD, approvers=("ann", "carol")),), 600, ())
        assert compare(self.FULL, after) == Comparison(
            ("max window: 1h → 2h", "hashes: sha256 → any", "step 'lead': carol may approve"),
            ("max signings: 5 → 1", "step 'lead': bob may no longer approve"),
        )

    def test_another_name_for_a_step_is_another_step(self) -> None:
        after = replace(self.FULL, steps=(replace(LEAD, name="chief"),))
        assert compare(self.FULL, after) == Comparison(
            ("step 'lead' removed",), ("step 'chief' added",)
        )

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ({}, {}),
            ({"hashes": (SHA256, SHA384)}, {"hashes": (SHA384, SHA256)}),
            ({}, {"steps": (replace(LEAD, approvers=("bob", "ann")),)}),
            (
                {"steps": (LEAD, replace(LEAD, name="x"))},
                {"steps": (replace(LEAD, name="x"), LEAD)},
            ),
        ],
    )
    def test_another_order_is_neither(
        self, before: dict[str, object], after: dict[str, object]
    ) -> None:
        was, is_ = replace(self.FULL, **before), replace(self.FULL, **after)  # type: ignore[arg-type]
        assert compare(was, is_) == Comparison((), ())


def a_candidate(
    name: str,
    *,
    owner: str | None = None,
    proposed: str | None = None,
    disabled: bool = False,
    server_role: ServerRole | None = None,
    role: MemberRole | None = None,
) -> Candidate:
    kind = IdentityKind.USER if owner is None else IdentityKind.MACHINE
    at = datetime(2026, 5, 1, tzinfo=UTC)
    identity = Identity(name, name, kind, server_role, disabled, owner, at, proposed)
    return Candidate(identity, role)


class TestFindUnmet:
    """A step of two approvals by some of these three."""

    @pytest.mark.parametrize(
        ("people", "able"),
        [
            ([a_candidate("ann"), a_candidate("bob"), a_candidate("carol")], 3),
            ([a_candidate("ann"), a_candidate("bob"), a_candidate("carol", disabled=True)], 2),
            (
                [
                    a_candidate("ann", server_role=ServerRole.ADMIN),
                    a_candidate("bob", role=MemberRole.ADMINISTRATOR),
                    a_candidate("carol", role=MemberRole.OPERATOR),
                ],
                3,
            ),
            ([a_candidate("ann"), a_candidate("bot", owner="bob"), a_candidate("bob")], 2),
            (
                [a_candidate("ann"), a_candidate("bot", owner="zoe"), a_candidate("b", owner="x")],
                3,
            ),
            (
                [
                    a_candidate("a-bot", owner="ann", proposed="bob"),
                    a_candidate("ann"),
                    a_candidate("bob"),
                ],
                2,
            ),
            (
                [
                    a_candidate("bot", owner="ann", proposed="bob"),
                    a_candidate("ann"),
                    a_candidate("carol"),
                ],
                2,
            ),
        ],
    )
    def test_enough_people_meet_it(self, people: list[Candidate], able: int) -> None:
        names = tuple(each.identity.name for each in people)
        known = {each.identity.name: each for each in people}
        assert find_unmet((Step("lead", 2, names),), known) == ()
        if able == 2:
            more = Terms(3600, None, (Step("lead", 3, names),))
            assert len(find_unmet(more.steps, known)) == 1

    @pytest.mark.parametrize(
        ("people", "able"),
        [
            (
                [
                    a_candidate("ann"),
                    a_candidate("bob", disabled=True),
                    a_candidate("carol", disabled=True),
                ],
                "1 person",
            ),
            (
                [
                    a_candidate("ann"),
                    a_candidate("bob", server_role=ServerRole.AUDITOR),
                    a_candidate("carol", role=MemberRole.AUDITOR),
                ],
                "1 person",
            ),
            (
                [
                    a_candidate("ann"),
                    a_candidate("bob", owner="ann"),
                    a_candidate("c", owner="ann"),
                ],
                "1 person",
            ),
            (
                [
                    a_candidate("ann"),
                    a_candidate("x", owner="ann", proposed="bob"),
                    a_candidate("y", owner="bob", proposed="ann"),
                ],
                "1 person",
            ),
            (
                [
                    a_candidate("x", owner="zoe"),
                    a_candidate("y", owner="zoe"),
                    a_candidate("z", owner="zoe"),
                ],
                "1 person",
            ),
            (
                [
                    a_candidate("ann", disabled=True),
                    a_candidate("bob", server_role=ServerRole.AUDITOR),
                    a_candidate("carol", role=MemberRole.AUDITOR),
                ],
                "0 people",
            ),
        ],
    )
    def test_too_few_do_not(self, people: list[Candidate], able: str) -> None:
        names = tuple(each.identity.name for each in people)
        terms = Terms(3600, None, (Step("lead", 2, names),))
        (unmet,) = find_unmet(terms.steps, {each.identity.name: each for each in people})
        assert unmet == (
            f"The step 'lead' needs 2 approvals, and {able} of {', '.join(names)} could give one: "
            "disabled identities and auditors cannot, and machines count as their owner."
        )

    def test_each_step_is_judged_by_itself(self) -> None:
        people = {"ann": a_candidate("ann"), "bob": a_candidate("bob", disabled=True)}
        terms = Terms(
            3600,
            None,
            (
                Step("one", 1, ("ann", "bob")),
                Step("two", 2, ("ann", "bob")),
                Step("three", 1, ("bob",)),
                Step("four", 1, ("ann",)),
            ),
        )
        unmet = find_unmet(terms.steps, people)
        assert [sentence.split("'")[1] for sentence in unmet] == ["two", "three"]

    def test_without_steps_there_is_nothing_to_meet(self) -> None:
        assert find_unmet(BASE.steps, {}) == ()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (1, "1s"),
        (59, "59s"),
        (60, "1m"),
        (90, "90s"),
        (3600, "1h"),
        (3660, "61m"),
        (DAY, "1d"),
        (36 * 3600, "36h"),
        (30 * DAY, "30d"),
    ],
)
def test_a_span_is_spelled_in_the_largest_unit_that_says_it(seconds: int, text: str) -> None:
    assert spell(seconds) == text


def test_numbers_of_things_are_spelled_as_people_do() -> None:
    assert [count(number, "approval") for number in (0, 1, 2)] == [
        "0 approvals",
        "1 approval",
        "2 approvals",
    ]
    assert [count(number, "person", "people") for number in (1, 2)] == ["1 person", "2 people"]


def test_the_log_has_terms_as_the_command_line_writes_them() -> None:
    terms = Terms(3600, None, (LEAD, Step("sec", 2, ("carol", "dave"))), 60, (SHA256, SHA512))
    assert describe_terms(terms) == {
        "max_window_seconds": 3600,
        "max_signings": None,
        "request_ttl_seconds": 60,
        "hashes": "sha256,sha512",
        "steps": "lead:1:ann,bob; sec:2:carol,dave",
        "protected": False,
    }
    assert describe_terms(Terms(None, 5)) == {
        "max_window_seconds": None,
        "max_signings": 5,
        "request_ttl_seconds": None,
        "hashes": None,
        "steps": None,
        "protected": False,
    }

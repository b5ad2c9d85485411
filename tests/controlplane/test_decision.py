"""Who may sign: every combination of what the decision is made of, as one table."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from controlplane.api.refusals import status_of
from controlplane.domain.decision import Allowed, Circumstances, Denied, decide
from controlplane.domain.keys import KeyedSigner, KeyReference, Purpose
from controlplane.domain.model import (
    Certificate,
    Grant,
    HashAlgorithm,
    Identity,
    IdentityKind,
    KeyAlgorithm,
    MemberRole,
    Policy,
    Revocation,
    ServerRole,
    Signer,
    SignerStatus,
    Step,
    Terms,
)

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
SERIAL = "0a1b"
SHA256, SHA384, NONE = HashAlgorithm.SHA256, HashAlgorithm.SHA384, HashAlgorithm.NONE

POLICY = Policy("p1", "two-eyes", Terms(3600, 5, (Step("lead", 1, ("bob",)),)), NOW)
SHA256_ONLY = replace(POLICY, terms=replace(POLICY.terms, hashes=(SHA256,)))
NAMES_ANN = replace(POLICY, terms=replace(POLICY.terms, steps=(Step("lead", 1, ("ann",)),)))


def a_grant(grant_id: str = "g1", **different: object) -> Grant:
    grant = Grant(
        id=grant_id,
        signer="release",
        grantee="ann",
        policy_id="p1",
        policy="two-eyes",
        hashes=(),
        justification="release 1.2",
        request_id="r1",
        issued_by=None,
        not_before=NOW - timedelta(minutes=5),
        not_after=NOW + timedelta(hours=1),
        max_signings=5,
        used=2,
    )
    return replace(grant, **different)  # type: ignore[arg-type]


USABLE = a_grant()
EXPIRED = a_grant(not_after=NOW)
EXHAUSTED = a_grant(used=5)
REVOKED = a_grant(revocation=Revocation(NOW, "bob", "stop"))
ELSEWHERE = a_grant(policy_id="p0", policy="former")
FOR_SHA256 = a_grant(hashes=(SHA256,))

POLICIES: dict[str, Policy | None] = {
    "no policy": None,
    "policy": POLICY,
    "policy of sha256": SHA256_ONLY,
    "policy that names ann": NAMES_ANN,
}
GRANTS: dict[str, Sequence[Grant]] = {
    "none": (),
    "usable": (USABLE,),
    "expired": (EXPIRED,),
    "exhausted": (EXHAUSTED,),
    "revoked": (REVOKED,),
    "of another policy": (ELSEWHERE,),
    "for sha256": (FOR_SHA256,),
    "usable among useless": (EXHAUSTED, REVOKED, USABLE, EXPIRED, ELSEWHERE),
}
WITH_ROOM = {"usable", "for sha256", "usable among useless"}


def a_signer(status: SignerStatus, policy: Policy | None) -> Signer:
    end = NOW if status is SignerStatus.EXPIRED else NOW + timedelta(days=100)
    certificate = Certificate(SERIAL, "CN=x", "CN=y", NOW - timedelta(days=1), end, b"", ())
    return Signer(
        id="s1",
        number=1,
        name="release",
        key=KeyAlgorithm.P256,
        common_name="x",
        external=False,
        disabled=status is SignerStatus.DISABLED,
        public_key=b"",
        certificate=None if status is SignerStatus.PENDING else certificate,
        policy=policy,
        created_at=NOW,
    )


@dataclass(frozen=True)
class Case:
    """One line of the table. `status` None: there is no such signer."""

    disabled: bool
    server_role: ServerRole | None
    role: MemberRole | None
    status: SignerStatus | None
    serial: str | None
    policy: str
    grants: str
    hash: HashAlgorithm | None

    def circumstances(self) -> Circumstances:
        identity = Identity(
            "i1", "ann", IdentityKind.USER, self.server_role, self.disabled, None, NOW
        )
        keyed = None
        if self.status is not None:
            key = KeyReference("k1", "s1", Purpose.SIGNER, b"", b"")
            keyed = KeyedSigner(a_signer(self.status, POLICIES[self.policy]), key, None)
        return Circumstances(
            identity=identity,
            name="release",
            keyed=keyed,
            role=self.role,
            grants=GRANTS[self.grants],
            hash=self.hash,
            certificate_serial=self.serial,
            now=NOW,
        )

    def expect(self) -> tuple[str, str, int] | None:
        """Reason in the row, code and status for the caller; the first line that applies. None:
        allowed."""
        unseen = self.server_role is None and self.policy != "policy that names ann"
        by_status = {
            SignerStatus.DISABLED: "signer_disabled",
            SignerStatus.PENDING: "signer_pending",
            SignerStatus.EXPIRED: "certificate_expired",
        }
        unusable = by_status.get(self.status or SignerStatus.ACTIVE)
        has_policy, has_room = self.policy != "no policy", self.grants in WITH_ROOM
        by_hash = self.hash not in (None, SHA256)
        refused_by_grant = self.grants == "for sha256" and by_hash
        refused_by_policy = not has_room and self.policy == "policy of sha256" and by_hash
        table = [
            (self.status is None, "not_a_member", "signer_not_found", 404),
            (self.disabled, "identity_disabled", "identity_disabled", 401),
            (self.role is None and unseen, "not_a_member", "signer_not_found", 404),
            (self.role is None, "not_a_member", "not_a_member", 403),
            (
                ServerRole.AUDITOR is self.server_role or MemberRole.AUDITOR is self.role,
                "role_cannot_sign",
                "role_cannot_sign",
                403,
            ),
            (unusable is not None, unusable or "", unusable or "", 403),
            (self.serial == "ffff", "certificate_changed", "certificate_changed", 409),
            (
                has_policy and refused_by_grant,
                "algorithm_not_allowed",
                "algorithm_not_allowed",
                403,
            ),
            (
                has_policy and refused_by_policy,
                "algorithm_not_allowed",
                "algorithm_not_allowed",
                403,
            ),
            (has_policy and not has_room, "no_active_grant", "no_active_grant", 403),
        ]
        return next(((reason, code, status) for when, reason, code, status in table if when), None)


TABLE = [
    Case(*values)
    for values in itertools.product(
        [False, True],
        [None, *ServerRole],
        [None, *MemberRole],
        [None, *SignerStatus],
        [None, SERIAL, "ffff"],
        POLICIES,
        GRANTS,
        [None, SHA256, SHA384, NONE],
    )
]


def test_every_combination() -> None:
    """Each of them is decided as its line says, and names the grant that it uses up."""
    for case in TABLE:
        decision, expected = decide(case.circumstances()), case.expect()
        if expected is None:
            assert isinstance(decision, Allowed), case
            assert decision.certificate_serial == SERIAL
            wanted = None
            if case.policy != "no policy":
                wanted = FOR_SHA256 if case.grants == "for sha256" else USABLE
            assert decision.grant == wanted, case
        else:
            assert isinstance(decision, Denied), case
            found = (decision.reason, decision.refused.code, status_of(decision.refused.code))
            assert found == expected, case


def test_the_table_has_every_outcome() -> None:
    reasons = {expected[0] if (expected := case.expect()) else None for case in TABLE}
    assert reasons == {
        None,
        "not_a_member",
        "identity_disabled",
        "role_cannot_sign",
        "signer_disabled",
        "signer_pending",
        "certificate_expired",
        "certificate_changed",
        "algorithm_not_allowed",
        "no_active_grant",
    }
    assert len(TABLE) == 55_296


def decide_with(*grants: Grant, hash_: HashAlgorithm = SHA256, now: datetime = NOW) -> object:
    case = Case(
        False, None, MemberRole.OPERATOR, SignerStatus.ACTIVE, None, "policy", "none", hash_
    )
    given = replace(case.circumstances(), grants=grants, now=now)
    decision = decide(given)
    return decision.grant if isinstance(decision, Allowed) else decision.reason


class TestWhichGrant:
    def test_the_one_that_ends_first_is_used_first(self) -> None:
        later = a_grant("g1", not_after=NOW + timedelta(hours=2))
        sooner = a_grant("g2", not_after=NOW + timedelta(hours=1))
        endless = a_grant("g0", not_after=None)
        for order in itertools.permutations([later, sooner, endless]):
            assert decide_with(*order) == sooner
        assert decide_with(endless, later) == later
        assert decide_with(endless) == endless

    def test_of_two_that_end_together_the_older_one(self) -> None:
        first, second = a_grant("g1"), a_grant("g2")
        assert decide_with(second, first) == first

    @pytest.mark.parametrize("useless", [EXPIRED, EXHAUSTED, REVOKED, ELSEWHERE])
    def test_a_useless_one_never_hides_a_usable_one(self, useless: Grant) -> None:
        useless = replace(useless, id="g0")
        assert decide_with(useless, USABLE) == decide_with(USABLE, useless) == USABLE

    def test_one_for_another_hash_never_hides_one_for_this(self) -> None:
        sooner = a_grant("g0", not_after=NOW + timedelta(minutes=1), hashes=(SHA384,))
        assert decide_with(sooner, USABLE) == USABLE
        assert decide_with(sooner, USABLE, hash_=SHA384) == sooner

    def test_it_counts_to_its_end_and_no_longer(self) -> None:
        grant = a_grant(not_after=NOW + timedelta(seconds=1))
        assert decide_with(grant, now=NOW + timedelta(seconds=1, microseconds=-1)) == grant
        assert decide_with(grant, now=NOW + timedelta(seconds=1)) == "no_active_grant"

    def test_a_clock_that_is_behind_does_not_make_it_wait(self) -> None:
        """Issued by a server whose clock is ahead, used on another one."""
        grant = a_grant(not_before=NOW + timedelta(seconds=3))
        assert decide_with(grant) == grant

    def test_without_a_number_it_is_never_used_up(self) -> None:
        grant = a_grant(max_signings=None, used=10**9)
        assert decide_with(grant) == grant


def test_an_edit_of_the_policy_takes_nothing_from_a_grant_and_adds_nothing() -> None:
    case = Case(
        False, None, MemberRole.OPERATOR, SignerStatus.ACTIVE, None, "policy", "none", SHA384
    )
    tightened = replace(case, policy="policy of sha256", grants="usable")
    assert isinstance(decide(tightened.circumstances()), Allowed)
    loosened = replace(case, grants="for sha256")
    decision = decide(loosened.circumstances())
    assert isinstance(decision, Denied)
    assert decision.sentence == "sha384 is not allowed: the grant of ann allows sha256 only."


def test_a_certificate_signs_from_its_first_moment_to_its_last() -> None:
    case = Case(
        False, None, MemberRole.OPERATOR, SignerStatus.ACTIVE, None, "no policy", "none", SHA256
    )
    given = case.circumstances()
    assert given.keyed is not None
    assert given.keyed.signer.certificate is not None
    start = given.keyed.signer.certificate.not_before
    assert isinstance(decide(replace(given, now=start)), Allowed)
    early = decide(replace(given, now=start - timedelta(microseconds=1)))
    assert isinstance(early, Denied)
    assert (early.reason, early.refused.code) == ("certificate_not_yet_valid",) * 2
    assert start.strftime("%Y-%m-%dT%H:%M:%SZ") in early.sentence

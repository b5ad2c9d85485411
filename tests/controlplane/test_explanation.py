"""Would it be allowed, and what is missing: sentence by sentence, and true of a real call."""

import shutil
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from controlplane.api.refusals import status_of
from controlplane.api.words import say_in_full, say_missing, say_verdict
from controlplane.domain.explanation import Action, Remedy
from controlplane.domain.model import (
    Caller,
    HashAlgorithm,
    IdentityKind,
    MemberRole,
    ServerRole,
    Step,
    Terms,
)
from controlplane.domain.page import PageRequest
from controlplane.errors import Refused
from controlplane.service.explanation import Explanation
from controlplane.service.installation import open_services
from controlplane.service.location import Location
from controlplane.service.signing import GrantMissing
from tests.controlplane.conftest import Api
from tests.world import SetClock, World, a_call, edit_to

SHA256, SHA384 = HashAlgorithm.SHA256, HashAlgorithm.SHA384
LEAD = Step("lead", 1, ("ann", "bob"))
SECURITY = Step("security", 2, ("carol", "dave", "erin"))
PAGE = PageRequest()
CALLS = {SHA256: a_call(), SHA384: a_call(hash=SHA384, digest=b"x" * 48)}
CALLS[HashAlgorithm.NONE] = a_call(hash=HashAlgorithm.NONE)


class Cast:
    """The signer `release` under `two-steps`; `ci` is its operator, `adam` its administrator and
    `audrey` its auditor."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.callers = {"admin": world.admin}
        for name in ("ci", "adam", "audrey", "ann", "bob", "carol", "dave", "erin", "sam"):
            self.callers[name] = world.identity(name)
        world.policy("two-steps", LEAD, SECURITY)
        world.policy("other", LEAD)
        world.signer(
            policy="two-steps",
            ci=MemberRole.OPERATOR,
            adam=MemberRole.ADMINISTRATOR,
            audrey=MemberRole.AUDITOR,
        )

    def __getitem__(self, name: str) -> Caller:
        return self.callers[name]

    def attach(self, policy: str | None) -> None:
        self.world.services.signers.set_policy(self.world.admin, "release", policy)

    def edit(self, terms: Terms) -> None:
        self.world.services.policies.edit(self.world.admin, "two-steps", edit_to(terms))

    def ask(self, why: str = "1.2", *approvers: str, by: str = "ci") -> str:
        requests = self.world.services.requests
        request = requests.create(self[by], "release", why).view.request.id
        for name in approvers:
            requests.approve(self[name], request)
        return request

    def give(self, window: int | None = None, signings: int | None = None) -> str:
        create = self.world.services.grants.create
        return create(self["adam"], "release", "ci", "hotfix", window, signings).grant.id

    def sign(self, who: str = "ci", hash_: HashAlgorithm = SHA256) -> None:
        self.world.services.signing.sign(self[who], CALLS[hash_])

    def explain(
        self, who: str = "ci", hash_: HashAlgorithm | None = SHA256, *, by: str = "admin"
    ) -> Explanation:
        return self.world.services.explanations.explain(self[by], "release", who, hash_)


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


@dataclass(frozen=True)
class Situation:
    """What is arranged, and what is said of it: `{grant}` and `{until}` stand for the last grant's
    id and end. `code` None: it is allowed."""

    arrange: Callable[[Cast], object]
    code: str | None
    sentence: str
    missing: tuple[str, ...] = ()
    who: str = "ci"
    hash: HashAlgorithm = SHA256
    pending: bool = False


def nothing(_cast: Cast) -> None: ...


def nearly_used_up(cast: Cast) -> None:
    cast.give(signings=2)
    cast.sign()


def granted_under(terms: Terms) -> Callable[[Cast], None]:
    def arrange(cast: Cast) -> None:
        cast.edit(terms)
        cast.give()

    return arrange


def used_up(cast: Cast) -> None:
    cast.give(signings=2)
    cast.sign()
    cast.sign()


def expired(cast: Cast) -> None:
    cast.give(window=60)
    cast.world.clock.advance(minutes=2)


def revoked(cast: Cast) -> None:
    cast.world.services.grants.revoke(cast["adam"], cast.give(), "leaked")


def under_another_policy(cast: Cast) -> None:
    cast.give()
    cast.attach("other")


def rejected(cast: Cast) -> None:
    cast.world.services.requests.reject(cast["ann"], cast.ask(), "no")


def request_expired(cast: Cast) -> None:
    cast.edit(Terms(3600, 5, (LEAD,), request_ttl_seconds=60))
    cast.ask()
    cast.world.clock.advance(minutes=1)


def pending_under_another_policy(cast: Cast) -> None:
    cast.ask()
    cast.attach("other")


def used_up_and_asked_again(cast: Cast) -> None:
    used_up(cast)
    cast.ask()


def granted_for_sha256(cast: Cast) -> None:
    cast.edit(Terms(3600, 5, (LEAD,), hashes=(SHA256, HashAlgorithm.SHA512)))
    cast.give()
    cast.edit(Terms(3600, 5, (LEAD,)))


NO_GRANT = "ci has no open grant for the signer 'release', which the policy 'two-steps' asks for."
OTHER = "ci has no open grant for the signer 'release', which the policy 'other' asks for."
JOIN = "An administrator of the signer makes it an operator: sealwright member add release"
FOREIGN = "The last one was issued under the policy 'two-steps', which 'release' does not have now."
ASK = "Ask for one: sealwright request create release --why TEXT"
STEP_2 = "step 2 of 2, 'security': 2 approvals of carol, dave, erin."

SITUATIONS = {
    "no policy": Situation(
        lambda cast: cast.attach(None),
        None,
        "ci may sign with 'release' now: it has no policy, so its members need no grant.",
    ),
    "a grant": Situation(
        lambda cast: cast.give(),
        None,
        "ci may sign with 'release' now, by the grant {grant}: 5 signings left, until {until}.",
    ),
    "a grant that is nearly used up": Situation(
        nearly_used_up,
        None,
        "ci may sign with 'release' now, by the grant {grant}: 1 signing left, until {until}.",
    ),
    "a grant without a number": Situation(
        granted_under(Terms(3600, None)),
        None,
        "ci may sign with 'release' now, by the grant {grant}: any number of signings, "
        "until {until}.",
    ),
    "a grant without end": Situation(
        granted_under(Terms(None, 3)),
        None,
        "ci may sign with 'release' now, by the grant {grant}: 3 signings left, without end.",
    ),
    "nothing asked for": Situation(nothing, "no_active_grant", NO_GRANT, (ASK,)),
    "a request at its first step": Situation(
        lambda cast: cast.ask(),
        "no_active_grant",
        NO_GRANT,
        (
            "The request waits for step 1 of 2, 'lead': 1 approval of ann, bob.",
            f"Then {STEP_2}",
        ),
        pending=True,
    ),
    "a request at its second step": Situation(
        lambda cast: cast.ask("1.2", "ann"),
        "no_active_grant",
        NO_GRANT,
        (f"The request waits for {STEP_2}",),
        pending=True,
    ),
    "a request that lacks one approval": Situation(
        lambda cast: cast.ask("1.2", "ann", "dave"),
        "no_active_grant",
        NO_GRANT,
        ("The request waits for step 2 of 2, 'security': 1 more approval of carol, erin.",),
        pending=True,
    ),
    "two requests": Situation(
        lambda cast: (cast.ask("1", "ann"), cast.ask("2", "ann", "erin")),
        "no_active_grant",
        NO_GRANT,
        ("The request waits for step 2 of 2, 'security': 1 more approval of carol, dave.",),
        pending=True,
    ),
    "a request that was rejected": Situation(rejected, "no_active_grant", NO_GRANT, (ASK,)),
    "a request that expired": Situation(request_expired, "no_active_grant", NO_GRANT, (ASK,)),
    "a request under another policy": Situation(
        pending_under_another_policy, "no_active_grant", OTHER, (ASK,)
    ),
    "a grant that is used up": Situation(
        used_up,
        "no_active_grant",
        NO_GRANT,
        ("The last one is used up: 2 of 2 signings.", ASK),
    ),
    "a grant that is used up, and a request": Situation(
        used_up_and_asked_again,
        "no_active_grant",
        NO_GRANT,
        (
            "The request waits for step 1 of 2, 'lead': 1 approval of ann, bob.",
            f"Then {STEP_2}",
        ),
        pending=True,
    ),
    "a grant that ended": Situation(
        expired, "no_active_grant", NO_GRANT, ("The last one ended at {until}.", ASK)
    ),
    "a grant that was revoked": Situation(
        revoked, "no_active_grant", NO_GRANT, ("The last one was revoked by adam: leaked", ASK)
    ),
    "a grant under another policy": Situation(
        under_another_policy,
        "no_active_grant",
        OTHER,
        (FOREIGN, ASK),
    ),
    "a hash that the policy does not allow": Situation(
        lambda cast: cast.edit(Terms(3600, 5, (LEAD,), hashes=(SHA256,))),
        "algorithm_not_allowed",
        "sha384 is not allowed: the policy 'two-steps' allows sha256 only.",
        ("Sign with a hash that is allowed, or have the policy edited.",),
        hash=SHA384,
    ),
    "no hash where the policy lists some": Situation(
        lambda cast: cast.edit(Terms(3600, 5, (LEAD,), hashes=(SHA256, SHA384))),
        "algorithm_not_allowed",
        "none is not allowed: the policy 'two-steps' allows sha256, sha384 only.",
        ("Sign with a hash that is allowed, or have the policy edited.",),
        hash=HashAlgorithm.NONE,
    ),
    "a hash that the grant does not allow": Situation(
        granted_for_sha256,
        "algorithm_not_allowed",
        "sha384 is not allowed: the grant of ci allows sha256, sha512 only.",
        (f"The policy allows it to new grants; {ASK.replace('Ask', 'ask')}",),
        hash=SHA384,
    ),
    "no member": Situation(
        nothing,
        "not_a_member",
        "sam is no member of the signer 'release'.",
        (f"{JOIN} sam --role operator",),
        who="sam",
    ),
    "an approver": Situation(
        nothing,
        "not_a_member",
        "ann is no member of the signer 'release'.",
        (f"{JOIN} ann --role operator",),
        who="ann",
    ),
    "an auditor": Situation(
        nothing,
        "role_cannot_sign",
        "audrey is an auditor of the signer 'release', who reads and cannot sign.",
        (f"{JOIN} audrey --role operator",),
        who="audrey",
    ),
    "a disabled identity": Situation(
        lambda cast: (
            cast.give(),
            cast.world.services.identities.disable(cast.world.admin, "ci"),
        ),
        "identity_disabled",
        "The identity ci is disabled.",
        ("An admin enables it: sealwright identity enable ci",),
    ),
    "a disabled signer": Situation(
        lambda cast: (
            cast.give(),
            cast.world.services.signers.disable(cast.world.admin, "release"),
        ),
        "signer_disabled",
        "The signer 'release' is disabled.",
        ("An administrator of the signer enables it: sealwright signer enable release",),
    ),
    "a certificate that has expired": Situation(
        lambda cast: cast.world.clock.advance(days=366),
        "certificate_expired",
        "The certificate of the signer 'release' has expired; it must be renewed.",
        ("An admin renews it: sealwright signer renew release",),
    ),
}


class TestEverySituation:
    @pytest.mark.parametrize("name", SITUATIONS)
    def test_is_explained_and_true_of_a_real_call(
        self, world: World, cast: Cast, name: str
    ) -> None:
        situation = SITUATIONS[name]
        situation.arrange(cast)
        latest = next(iter(world.services.grants.list(world.admin, PAGE).items), None)
        end = latest.grant.not_after if latest else None
        fill = {
            "grant": latest.grant.id if latest else "",
            "until": f"{end:%Y-%m-%dT%H:%M:%SZ}" if end else "",
        }
        before = world.last_row()
        found = cast.explain(situation.who, situation.hash)
        assert say_verdict(found) == situation.sentence.format(**fill)
        missing = [say_missing(each) for each in found.missing]
        assert missing == [each.format(**fill) for each in situation.missing]
        assert (found.allowed, found.code) == (situation.code is None, situation.code)
        assert (found.signer.name, found.identity) == ("release", situation.who)
        assert (found.request is not None) == situation.pending
        used = None if found.grant is None else found.grant.grant
        assert (used.id if used else None) == (
            fill["grant"] if situation.code is None and latest else None
        )
        assert world.last_row() == before  # asking leaves no trace

        self.sign_must_agree(world, cast, situation, found)

    @staticmethod
    def sign_must_agree(world: World, cast: Cast, situation: Situation, found: Explanation) -> None:
        if found.allowed:
            cast.sign(situation.who, situation.hash)
            entry = world.last_row().entry
            assert entry.grant_id == (found.grant.grant.id if found.grant else None)
            return
        with pytest.raises(Refused) as refused:
            cast.sign(situation.who, situation.hash)
        assert world.last_row().entry.reason == found.code
        if refused.value.code == "signer_not_found":  # who may not know hears nothing
            assert found.code == "not_a_member"
            return
        assert refused.value.code == found.code
        assert refused.value.request == (found.request.id if found.request else None)
        said = refused.value.title
        if found.code == "no_active_grant":
            assert isinstance(refused.value, GrantMissing)
            assert refused.value.missing == found.missing
            assert say_in_full(refused.value).title == " ".join(
                [say_verdict(found), *map(say_missing, found.missing)]
            )
        elif found.code != "identity_disabled":
            assert said == found.sentence


@pytest.mark.parametrize("action", list(Action))
def test_every_action_has_its_words(action: Action) -> None:
    assert "{" not in say_missing(Remedy(action, "release", "ci"))


class TestPendingSigner:
    def test_waits_for_its_ca(self, world: World, cast: Cast) -> None:
        world.signer("new", external=True, ci=MemberRole.OPERATOR)
        found = world.services.explanations.explain(cast["ci"], "new", "ci", SHA256)
        assert (found.allowed, found.code) == (False, "signer_pending")
        assert found.sentence == "The signer 'new' has no certificate yet."
        (missing,) = found.missing
        assert say_missing(missing) == (
            "Its CA certifies it (sealwright signer csr new); then "
            "sealwright signer install-certificate new --chain FILE.pem"
        )
        with pytest.raises(Refused) as refused:
            world.services.signing.sign(cast["ci"], a_call("new"))
        assert refused.value.code == found.code


class TestAnyHash:
    """`hash` left out asks about any that is allowed at all."""

    def test_is_allowed_where_some_hash_is(self, cast: Cast) -> None:
        cast.edit(Terms(3600, 5, (LEAD,), hashes=(SHA384,)))
        assert cast.explain(hash_=None).code == "no_active_grant"
        grant = cast.give()
        found = cast.explain(hash_=None)
        assert (found.allowed, found.grant and found.grant.grant.id) == (True, grant)
        assert cast.explain(hash_=SHA256).code == "algorithm_not_allowed"

    def test_names_the_grant_that_a_call_would_use_up(self, cast: Cast) -> None:
        cast.give(window=600)
        sooner = cast.give(window=60)
        found = cast.explain(hash_=None)
        assert found.grant is not None
        assert found.grant.grant.id == sooner


class TestWhoMayAsk:
    def refusal(self, ask: Callable[[], object]) -> tuple[int, str]:
        with pytest.raises(Refused) as refused:
            ask()
        return status_of(refused.value.code), refused.value.code

    @pytest.mark.parametrize("by", ["admin", "adam", "audrey", "ci", "ann", "server auditor"])
    def test_who_reads_the_signer_asks_about_its_members(
        self, world: World, cast: Cast, by: str
    ) -> None:
        if by == "server auditor":
            cast.callers[by] = world.identity("eve", role=ServerRole.AUDITOR)
        for who in ("ci", "adam", "audrey"):
            assert cast.explain(who, by=by).identity == who

    @pytest.mark.parametrize("by", ["ci", "adam", "audrey", "ann"])
    def test_others_are_for_those_who_read_everything(
        self, world: World, cast: Cast, by: str
    ) -> None:
        """But for oneself and one's machines. Who is hidden is not told from who is not there."""
        world.identity("bot", IdentityKind.MACHINE, owner=by)
        assert cast.explain(by, by=by).identity == by
        assert cast.explain("bot", by=by).code == "not_a_member"
        for who in ("sam", "bob", "ghost"):
            ask = partial(cast.explain, who, by=by)
            assert self.refusal(ask) == (404, "identity_not_found")
        assert cast.explain("sam").code == "not_a_member"
        assert self.refusal(partial(cast.explain, "ghost")) == (404, "identity_not_found")

    def test_who_does_not_see_the_signer_is_told_nothing(self, world: World, cast: Cast) -> None:
        ask = partial(cast.explain, "sam", by="sam")
        assert self.refusal(ask) == (404, "signer_not_found")
        explain = world.services.explanations.explain
        assert self.refusal(partial(explain, world.admin, "ghost", "ci", None)) == (
            404,
            "signer_not_found",
        )


def test_the_api_says_the_same_as_a_denial(api: Api) -> None:
    ann, ci = api.user("ann"), api.machine("ci")
    steps = [{"name": "lead", "required": 1, "approvers": ["ann"]}]
    api.made("/v1/policies", {"name": "p", "max_signings": 1, "steps": steps})
    api.signer("release", operator="ci")
    api.made("/v1/signers/release/policy", {"policy": "p"})
    asked = api.made("/v1/signers/release/requests", {"justification": "x"}, key=ci)["id"]

    def explain(**params: str) -> object:
        where = {"identity": "ci", "hash": "sha256"} | params
        return api.get("/v1/signers/release/explain", params=where, key=ann).json

    title = "ci has no open grant for the signer 'release', which the policy 'p' asks for."
    missing = ["The request waits for step 1 of 1, 'lead': 1 approval of ann."]
    assert explain() == {
        "signer": "release",
        "identity": "ci",
        "allowed": False,
        "code": "no_active_grant",
        "title": title,
        "missing": missing,
        "policy": "p",
        "grant": None,
        "request": asked,
    }
    denied = api.sign("release", ci).json
    assert (denied["code"], denied["request"]) == ("no_active_grant", asked)
    assert denied["title"] == " ".join([title, *missing])

    grant_id = api.made(f"/v1/requests/{asked}/approve", {}, key=ann)["grant_id"]
    assert explain() == {
        "signer": "release",
        "identity": "ci",
        "allowed": True,
        "code": None,
        "title": (
            f"ci may sign with 'release' now, by the grant {grant_id}: 1 signing left, without end."
        ),
        "missing": [],
        "policy": "p",
        "grant": api.get(f"/v1/grants/{grant_id}").json,
        "request": None,
    }
    assert api.sign("release", ci).status_code == 200


@pytest.mark.parametrize(
    ("params", "status", "code", "field"),
    [
        ({"identity": "a b"}, 400, "invalid_request", "identity"),
        ({"identity": "admin", "hash": "md5"}, 400, "invalid_request", "hash"),
        ({"identity": "admin", "when": "now"}, 400, "invalid_request", "when"),
        ({"identity": "ghost"}, 404, "identity_not_found", None),
    ],
)
def test_the_api_names_what_is_wrong_with_the_question(
    api: Api, params: dict[str, str], status: int, code: str, field: str | None
) -> None:
    api.signer("release")
    answer = api.get("/v1/signers/release/explain", params=params)
    assert (answer.status_code, answer.json["code"]) == (status, code)
    assert answer.json.get("field") == field

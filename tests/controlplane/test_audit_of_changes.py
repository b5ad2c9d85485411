"""Every use case that changes anything, and the rows that it leaves; whatever is refused or
changes nothing leaves none."""

import inspect
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from controlplane.certificates.authority import Issuer, issue_leaf, make_root
from controlplane.certificates.reading import to_pem
from controlplane.domain.identity_edit import IdentityEdit
from controlplane.domain.model import (
    Caller,
    HashAlgorithm,
    IdentityKind,
    KeyAlgorithm,
    MemberRole,
    OperationKind,
    RequestState,
    ServerRole,
    Step,
    Terms,
)
from controlplane.domain.operation import Entry
from controlplane.domain.page import PageRequest
from controlplane.domain.policy import TermsEdit
from controlplane.domain.signer import SignerDescription
from controlplane.domain.subject import Subject
from controlplane.errors import Refused
from controlplane.service.installation import Services, new_admin_key
from controlplane.service.location import Location
from controlplane.service.misfits import find_misfits
from tests.controlplane.everything import WITNESS
from tests.world import World

LEAD = Step("lead", 1, ("ann", "bob"))
FINAL = Step("final", 1, ("carol",))
ONE = PageRequest(1)


class Scene:
    """`release` is under `steps`, with two requests of `ci` (`waiting` for step 1, `half` done) and
    a `grant` for it, and one of `bot`, a machine that is offered
    to `ann`; `quick` under `instant`, which has no steps; `bare` has no policy; `outside`
    waits for its CA. `adam` is the administrator of all of them, `ci` an operator; `idle` is
    disabled, `sam` has nothing to do with anything; `ann` is in the group `club`."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.callers = {"admin": world.admin}
        for name in ("ann", "bob", "carol", "adam", "ci", "sam", "idle"):
            self.callers[name] = world.identity(name)
        self.callers["bot"] = world.identity("bot", IdentityKind.MACHINE)
        world.services.identities.disable(world.admin, "idle")
        world.policy("steps", LEAD, FINAL)
        world.policy("instant")
        world.policy("spare", LEAD, hashes=(HashAlgorithm.SHA256,))
        joined = {"adam": MemberRole.ADMINISTRATOR, "ci": MemberRole.OPERATOR}
        with_bot = joined | {"bot": MemberRole.OPERATOR}
        world.signer("release", policy="steps", **with_bot)  # type: ignore[arg-type]
        world.signer("quick", policy="instant", **joined)  # type: ignore[arg-type]
        world.signer("bare", **joined)  # type: ignore[arg-type]
        world.signer("outside", external=True, **joined)  # type: ignore[arg-type]
        world.services.groups.create(world.admin, "club")
        world.services.groups.add(world.admin, "club", "ann")
        requests = world.services.requests
        self.waiting = requests.create(self["ci"], "release", "1").view.request.id
        self.half = requests.create(self["ci"], "release", "2").view.request.id
        world.services.identities.edit(world.admin, "bot", IdentityEdit(owner="ann"))
        self.of_bot = requests.create(self["bot"], "release", "3").view.request.id
        requests.approve(self["ann"], self.half)
        grants = world.services.grants
        self.grant = grants.create(self["adam"], "release", "ci", "x").grant.id
        self.revoked = grants.create(self["adam"], "release", "ci", "y").grant.id
        grants.revoke(self["adam"], self.revoked, "z")

    def __getitem__(self, name: str) -> Caller:
        return self.callers[name]

    @property
    def services(self) -> Services:
        return self.world.services

    def chain(self) -> str:
        """PEM for the key of `outside`."""
        key, at = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
        public_key = self.services.signers.get(self["admin"], "outside").signer.public_key
        leaf = issue_leaf(Issuer(key, (make_root(key, at),)), public_key, Subject("ACME"), 10, at)
        return "".join(to_pem(der) for der in (leaf.der, *leaf.chain))

    def alias(self, object_: str) -> str:
        """What the table calls this id; what it does not know as one is itself."""
        newest_request = self.services.requests.list(self["admin"], ONE).items[0].request.id
        newest_grant = self.services.grants.list(self["admin"], ONE).items[0].grant.id
        known = {newest_request: "new request", newest_grant: "new grant"} | {
            self.waiting: "waiting",
            self.half: "half",
            self.of_bot: "of bot",
            self.grant: "grant",
            self.revoked: "revoked",
        }
        return known.get(object_, object_)


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


@dataclass(frozen=True)
class Row:
    """`details`: its keys. `object`: `waiting`, `half`, `grant`, `new request` and `new grant`
    stand for an id."""

    action: str
    object: str
    signer: str | None = None
    details: str = ""


@dataclass(frozen=True)
class Change:
    """`use_case`: of which service; `rows`: that `call` leaves when `by` makes it."""

    use_case: str
    by: str
    call: Callable[[Services, Scene, Caller], object]
    rows: tuple[Row, ...]


IDENTITY = "id kind role owner proposed_owner api_key_id"
ENROLMENT = "enrolment_id enrolment_expires_at expires_in_seconds allowed_addresses"
SIGNER = "id number key common_name external organization unit locality country certificate_serial"
ATTACHMENT = "policy policy_id before"
TERMS = "id max_window_seconds max_signings request_ttl_seconds hashes steps protected"
REQUEST = "policy policy_id justification window_seconds signings"
APPROVAL = "step step_name completes_step comment requester"
GRANT = "grantee policy policy_id max_signings not_after hashes request_id justification"
P256, OPERATOR = KeyAlgorithm.P256, MemberRole.OPERATOR
NEW = SignerDescription("new", P256, "ACME")
EXTERNAL = SignerDescription("new", P256, "ACME", external=True)


def edit(**different: object) -> Callable[[Services, Scene, Caller], object]:
    def call(to: Services, _scene: Scene, who: Caller) -> object:
        return to.policies.edit(
            who,
            "steps",
            TermsEdit(**different),  # type: ignore[arg-type]
        )

    return call


CHANGES = {
    "a user": Change(
        "identities.create",
        "admin",
        lambda to, _, who: to.identities.create(who, "zoe", IdentityKind.USER),
        (Row("identity:create", "zoe", None, IDENTITY),),
    ),
    "an auditor that is a machine": Change(
        "identities.create",
        "admin",
        lambda to, _, who: to.identities.create(
            who, "watcher", IdentityKind.MACHINE, ServerRole.AUDITOR, "ann"
        ),
        (Row("identity:create", "watcher", None, IDENTITY),),
    ),
    "an edit of an identity": Change(
        "identities.edit",
        "admin",
        lambda to, _, who: to.identities.edit(
            who, "ann", IdentityEdit(role=ServerRole.ADMIN, email="ann@example.com")
        ),
        (Row("identity:edit", "ann", None, "role role_before email email_before"),),
    ),
    "a machine that changes hands": Change(
        "identities.accept",
        "ann",
        lambda to, _, who: to.identities.accept(who, "bot"),
        (
            Row("identity:accept", "bot", None, "owner before"),
            Row("request:cancel", "of bot", "release", "requester"),
        ),
    ),
    "disabling an identity": Change(
        "identities.disable",
        "admin",
        lambda to, _, who: to.identities.disable(who, "ann"),
        (Row("identity:disable", "ann"),),
    ),
    "enabling an identity": Change(
        "identities.enable",
        "admin",
        lambda to, _, who: to.identities.enable(who, "idle"),
        (Row("identity:enable", "idle"),),
    ),
    "an API key": Change(
        "identities.add_key",
        "admin",
        lambda to, _, who: to.identities.add_key(who, "ann"),
        (Row("api_key:create", "ann", None, "api_key_id expires_at allowed_addresses"),),
    ),
    "revoking an API key": Change(
        "identities.revoke_key",
        "admin",
        lambda to, scene, who: to.identities.revoke_key(who, "ann", scene["ann"].api_key_id),
        (Row("api_key:revoke", "ann", None, "api_key_id"),),
    ),
    "a user who enrols": Change(
        "enrolments.create_identity",
        "admin",
        lambda to, _, who: to.enrolments.create_identity(who, "zoe", IdentityKind.USER),
        (
            Row("identity:create", "zoe", None, IDENTITY),
            Row("enrolment:create", "zoe", None, ENROLMENT),
        ),
    ),
    "an enrolment": Change(
        "enrolments.create",
        "admin",
        lambda to, _, who: to.enrolments.create(who, "ann"),
        (Row("enrolment:create", "ann", None, ENROLMENT),),
    ),
    "a setting": Change(
        "settings.set",
        "admin",
        lambda to, _, who: to.settings.set(who, "approval-hold", "2d"),
        (Row("settings:set", "approval-hold", None, "before after"),),
    ),
    "a witness": Change(
        "witnesses.add",
        "admin",
        lambda to, _, who: to.witnesses.add(who, *WITNESS),
        (Row("witness:add", "witness.example", None, "id url key"),),
    ),
    "a witness that goes": Change(
        "witnesses.remove",
        "admin",
        lambda to, _, who: to.witnesses.remove(who, to.witnesses.add(who, *WITNESS).witness.id),
        (
            Row("witness:add", "witness.example", None, "id url key"),
            Row("witness:remove", "witness.example", None, "id url key"),
        ),
    ),
    "a group": Change(
        "groups.create",
        "admin",
        lambda to, _, who: to.groups.create(who, "new"),
        (Row("group:create", "new", None, "id"),),
    ),
    "a user in a group": Change(
        "groups.add",
        "admin",
        lambda to, _, who: to.groups.add(who, "club", "bob"),
        (Row("group:add", "club", None, "identity"),),
    ),
    "a user out of a group": Change(
        "groups.remove",
        "admin",
        lambda to, _, who: to.groups.remove(who, "club", "ann"),
        (Row("group:remove", "club", None, "identity"),),
    ),
    "deleting a group": Change(
        "groups.delete",
        "admin",
        lambda to, _, who: to.groups.delete(who, "club"),
        (Row("group:delete", "club", None, "id users"),),
    ),
    "a group as a member": Change(
        "members.add",
        "adam",
        lambda to, _, who: to.members.add(who, "release", "@club", OPERATOR),
        (Row("member:add", "@club", "release", "role before"),),
    ),
    "a member": Change(
        "members.add",
        "adam",
        lambda to, _, who: to.members.add(who, "release", "sam", OPERATOR),
        (Row("member:add", "sam", "release", "role before"),),
    ),
    "another role of a member": Change(
        "members.add",
        "admin",
        lambda to, _, who: to.members.add(who, "release", "ci", MemberRole.AUDITOR),
        (Row("member:change", "ci", "release", "role before"),),
    ),
    "removing a member": Change(
        "members.remove",
        "adam",
        lambda to, _, who: to.members.remove(who, "release", "ci"),
        (Row("member:remove", "ci", "release", "before"),),
    ),
    "a signer": Change(
        "signers.create",
        "admin",
        lambda to, _, who: to.signers.create(who, NEW),
        (Row("signer:create", "new", "new", SIGNER),),
    ),
    "a signer with a policy": Change(
        "signers.create",
        "admin",
        lambda to, _, who: to.signers.create(who, NEW, policy="spare"),
        (
            Row("signer:create", "new", "new", SIGNER),
            Row("signer:set_policy", "new", "new", ATTACHMENT),
        ),
    ),
    "an external signer": Change(
        "signers.create",
        "admin",
        lambda to, _, who: to.signers.create(who, EXTERNAL),
        (Row("signer:create", "new", "new", SIGNER),),
    ),
    "disabling a signer": Change(
        "signers.disable",
        "adam",
        lambda to, _, who: to.signers.disable(who, "release"),
        (Row("signer:disable", "release", "release"),),
    ),
    "enabling a signer": Change(
        "signers.enable",
        "admin",
        lambda to, _, who: (to.signers.disable(who, "bare"), to.signers.enable(who, "bare")),
        (Row("signer:disable", "bare", "bare"), Row("signer:enable", "bare", "bare")),
    ),
    "putting a policy on": Change(
        "signers.set_policy",
        "admin",
        lambda to, _, who: to.signers.set_policy(who, "bare", "spare"),
        (Row("signer:set_policy", "bare", "bare", ATTACHMENT),),
    ),
    "taking a policy off": Change(
        "signers.set_policy",
        "admin",
        lambda to, _, who: to.signers.set_policy(who, "release", None),
        (Row("signer:set_policy", "release", "release", ATTACHMENT),),
    ),
    "exchanging a policy": Change(
        "signers.set_policy",
        "admin",
        lambda to, _, who: to.signers.set_policy(who, "release", "spare"),
        (Row("signer:set_policy", "release", "release", ATTACHMENT),),
    ),
    "renewing a signer": Change(
        "signers.renew",
        "admin",
        lambda to, _, who: to.signers.renew(who, "release"),
        (Row("signer:renew", "release", "release", "certificate_serial"),),
    ),
    "renewing an external signer": Change(
        "signers.renew",
        "admin",
        lambda to, _, who: to.signers.renew(who, "outside"),
        (Row("signer:renew", "outside", "outside", "certificate_serial"),),
    ),
    "installing a certificate": Change(
        "signers.install_certificate",
        "admin",
        lambda to, scene, who: to.signers.install_certificate(who, "outside", scene.chain()),
        (
            Row(
                "signer:install_certificate",
                "outside",
                "outside",
                "certificate_serial subject issuer",
            ),
        ),
    ),
    "deleting a signer": Change(
        "signers.delete",
        "admin",
        lambda to, _, who: (to.signers.disable(who, "bare"), to.signers.delete(who, "bare")),
        (
            Row("signer:disable", "bare", "bare"),
            Row("signer:delete", "bare", "bare", "id number deletes_at"),
        ),
    ),
    "taking a deletion back": Change(
        "signers.undelete",
        "admin",
        lambda to, _, who: (
            to.signers.disable(who, "bare"),
            to.signers.delete(who, "bare"),
            to.signers.undelete(who, "bare"),
        ),
        (
            Row("signer:disable", "bare", "bare"),
            Row("signer:delete", "bare", "bare", "id number deletes_at"),
            Row("signer:undelete", "bare", "bare"),
        ),
    ),
    "deleting a signer with requests and grants": Change(
        "signers.delete",
        "admin",
        lambda to, _, who: (to.signers.disable(who, "release"), to.signers.delete(who, "release")),
        (
            Row("signer:disable", "release", "release"),
            Row("request:cancel", "waiting", "release", "requester"),
            Row("request:cancel", "half", "release", "requester"),
            Row("request:cancel", "of bot", "release", "requester"),
            Row("grant:revoke", "grant", "release", "grantee used reason"),
            Row("signer:delete", "release", "release", "id number deletes_at"),
        ),
    ),
    "a policy": Change(
        "policies.create",
        "admin",
        lambda to, _, who: to.policies.create(who, "p", Terms(60, None, (LEAD,))),
        (Row("policy:create", "p", None, TERMS),),
    ),
    "an edit of the window": Change(
        "policies.edit",
        "admin",
        edit(max_window_seconds=60),
        (
            Row(
                "policy:edit",
                "steps",
                None,
                "id change max_window_seconds max_window_seconds_before",
            ),
        ),
    ),
    "an edit of everything": Change(
        "policies.edit",
        "admin",
        edit(
            max_window_seconds=None,
            max_signings=1,
            request_ttl_seconds=60,
            steps=(FINAL,),
            hashes=(HashAlgorithm.SHA512,),
        ),
        (
            Row(
                "policy:edit",
                "steps",
                None,
                "id change max_window_seconds max_window_seconds_before max_signings "
                "max_signings_before request_ttl_seconds request_ttl_seconds_before hashes "
                "hashes_before steps steps_before",
            ),
        ),
    ),
    "deleting a policy": Change(
        "policies.delete",
        "admin",
        lambda to, _, who: to.policies.delete(who, "spare"),
        (Row("policy:delete", "spare", None, TERMS),),
    ),
    "a request": Change(
        "requests.create",
        "ci",
        lambda to, _, who: to.requests.create(who, "release", "new"),
        (Row("request:create", "new request", "release", REQUEST),),
    ),
    "a request that needs no approval": Change(
        "requests.create",
        "ci",
        lambda to, _, who: to.requests.create(who, "quick", "new"),
        (
            Row("request:create", "new request", "quick", REQUEST),
            Row("grant:issue", "new grant", "quick", GRANT),
        ),
    ),
    "an approval": Change(
        "requests.approve",
        "bob",
        lambda to, scene, who: to.requests.approve(who, scene.waiting),
        (Row("request:approve", "waiting", "release", APPROVAL),),
    ),
    "the last approval": Change(
        "requests.approve",
        "carol",
        lambda to, scene, who: to.requests.approve(who, scene.half, "yes"),
        (
            Row("request:approve", "half", "release", APPROVAL),
            Row("grant:issue", "new grant", "release", GRANT),
        ),
    ),
    "a rejection": Change(
        "requests.reject",
        "ann",
        lambda to, scene, who: to.requests.reject(who, scene.waiting, "no"),
        (Row("request:reject", "waiting", "release", "step step_name comment requester"),),
    ),
    "cancelling one's own request": Change(
        "requests.cancel",
        "ci",
        lambda to, scene, who: to.requests.cancel(who, scene.waiting),
        (Row("request:cancel", "waiting", "release", "requester"),),
    ),
    "cancelling somebody's request": Change(
        "requests.cancel",
        "adam",
        lambda to, scene, who: to.requests.cancel(who, scene.half),
        (Row("request:cancel", "half", "release", "requester"),),
    ),
    "a grant": Change(
        "grants.create",
        "adam",
        lambda to, _, who: to.grants.create(who, "release", "ci", "x", 60, 1),
        (Row("grant:create", "new grant", "release", GRANT),),
    ),
    "revoking a grant": Change(
        "grants.revoke",
        "admin",
        lambda to, scene, who: to.grants.revoke(who, scene.grant, "stop"),
        (Row("grant:revoke", "grant", "release", "grantee used reason"),),
    ),
}

READS = {
    "jobs.list",
    "jobs.on_record",
    "audit.explain",
    "audit.report",
    "state.verify",
    "suspensions.list",
    "enrolments.open_of",
    "groups.get",
    "groups.list",
    "identities.authenticate",
    "identities.calling_key",
    "identities.ending",
    "identities.offered",
    "identities.get",
    "identities.keys",
    "identities.list",
    "identities.recognise",
    "members.list",
    "signers.ca_certificate",
    "signers.certificate",
    "signers.csr",
    "signers.get",
    "signers.list",
    "policies.get",
    "policies.list",
    "proposals.get",
    "proposals.list",
    "requests.get",
    "requests.list",
    "grants.get",
    "grants.list",
    "explanations.explain",
    "catalogue.get",
    "notices.unseen",
    "settings.list",
    "catalogue.rendered",
    "audit.export",
    "audit.get",
    "audit.end",
    "audit.list",
    "figures.read",
    "log_keys.list",
    "published_log.consistency",
    "published_log.entries",
    "published_log.inclusion",
    "published_log.last",
    "published_log.read",
    "published_log.tile",
    "witnesses.list",
    "witnessing.find_witnessed",
    "witnessing.last_witnessed",
    "witnessing.with_cosignatures",
}
PROPOSALS = {"proposals.approve", "proposals.cancel", "proposals.reject"}
"""Of whose rows test_proposals tells."""
NOTED = {"notices.mark_seen"}
"""What each key was told of is no change of anything else."""
OF_THE_LOG = {  # test_receipts.py, test_tiles.py, test_witnessing.py
    *("log_readers.admit", "published_log.checkpoint", "published_log.keep_published"),
    *("published_log.publish", "receipts.of_operation", "receipts.of_row", "receipts.of_written"),
    *("receipts.try_of_operation", "witnessing.submit_to_all"),
}
OF_STRANGERS = {"enrolments.use"}  # test_enrolment.py
OF_TIMESTAMPS = {"timestamps.answer", "timestamps.renew_due"}  # test_timestamps.py
OF_THE_BACKGROUND = {  # test_background.py, test_renewals.py
    *("jobs.are_anothers", "jobs.election", "jobs.leave", "jobs.note", "jobs.now"),
    "jobs.take_over",
    "renewals.renew_due",
}
OF_THE_CLOCK = {"clock_acceptance.accept"}  # test_clock.py
OF_A_ROLLBACK = {"suspensions.confirm", "suspensions.confirm_all"}  # test_suspensions.py
SIGNS = {"signing.sign", "signing.steps", "signing.hand_in", "signing.record_refused"}


def misfits(location: Location) -> list[str]:
    store = location.store()
    with store.closing(), store.read() as database:
        return find_misfits(database)


def new_rows(scene: Scene, call: Callable[[], object]) -> list[Entry]:
    """Oldest first: those that the call leaves."""
    before = len(scene.world.rows())
    call()
    return [row.entry for row in reversed(scene.world.rows()[:-before])]


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_leaves_its_rows(scene: Scene, name: str) -> None:
    change = CHANGES[name]
    who = scene[change.by]
    before = scene.world.clock()
    entries = new_rows(scene, lambda: change.call(scene.services, scene, who))
    found = [
        Row(
            entry.action or "",
            scene.alias(entry.object or ""),
            entry.signer,
            " ".join(sorted(entry.details or ())),
        )
        for entry in entries
    ]
    expected = [replace(row, details=" ".join(sorted(row.details.split()))) for row in change.rows]
    assert found == expected
    for entry in entries:
        assert entry.kind is OperationKind.CHANGE
        assert (entry.actor, entry.api_key_id) == (change.by, who.api_key_id)
        assert (entry.outcome, entry.reason, entry.grant_id) == (None, None, None)
        assert before <= entry.created_at <= scene.world.clock()
    assert misfits(scene.world.location) == []  # they say all that it left behind


def test_the_table_has_every_use_case(scene: Scene) -> None:
    """Each that the services offer is in the table, is told of elsewhere, reads only, or signs."""
    offered = {
        f"{service}.{method}"
        for service, use_cases in vars(scene.services).items()
        if not service.startswith("_")
        for method, _ in inspect.getmembers(use_cases, inspect.ismethod)
        if not method.startswith("_")
    }
    elsewhere = (
        PROPOSALS
        | OF_THE_BACKGROUND
        | NOTED
        | OF_STRANGERS
        | OF_THE_LOG
        | OF_TIMESTAMPS
        | OF_THE_CLOCK
        | OF_A_ROLLBACK
    )
    changes = {change.use_case for change in CHANGES.values()}
    assert offered == changes | elsewhere | READS | SIGNS


class TestDetails:
    """What some of them say."""

    def details(self, scene: Scene, name: str) -> dict[str, object]:
        change = CHANGES[name]
        who = scene[change.by]
        entry = new_rows(scene, lambda: change.call(scene.services, scene, who))[-1]
        return dict(entry.details or {})

    def test_of_a_new_policy(self, scene: Scene) -> None:
        details = self.details(scene, "a policy")
        policy = scene.services.policies.get(scene["admin"], "p").policy
        assert details == {
            "id": policy.id,
            "max_window_seconds": 60,
            "max_signings": None,
            "request_ttl_seconds": None,
            "hashes": None,
            "steps": "lead:1:ann,bob",
            "protected": False,
        }

    def test_of_an_edit_what_it_was_and_what_it_is(self, scene: Scene) -> None:
        details = self.details(scene, "an edit of everything")
        del details["id"]
        assert details == {
            "change": "loosened",
            "max_window_seconds": None,
            "max_window_seconds_before": 3600,
            "max_signings": 1,
            "max_signings_before": 5,
            "request_ttl_seconds": 60,
            "request_ttl_seconds_before": None,
            "hashes": "sha512",
            "hashes_before": None,
            "steps": "final:1:carol",
            "steps_before": "lead:1:ann,bob; final:1:carol",
        }

    def test_of_a_policy_exchanged(self, scene: Scene) -> None:
        details = self.details(scene, "exchanging a policy")
        spare = scene.services.policies.get(scene["admin"], "spare").policy
        assert details == {"policy": "spare", "policy_id": spare.id, "before": "steps"}

    def test_of_a_policy_taken_off(self, scene: Scene) -> None:
        details = self.details(scene, "taking a policy off")
        assert details == {"policy": None, "policy_id": None, "before": "steps"}

    def test_of_a_request(self, scene: Scene) -> None:
        details = self.details(scene, "a request")
        steps = scene.services.policies.get(scene["admin"], "steps").policy
        assert details == {
            "policy": "steps",
            "policy_id": steps.id,
            "justification": "new",
            "window_seconds": 3600,
            "signings": 5,
        }

    def test_of_an_approval(self, scene: Scene) -> None:
        assert self.details(scene, "an approval") == {
            "step": 1,
            "step_name": "lead",
            "completes_step": True,
            "comment": None,
            "requester": "ci",
        }

    def test_of_an_approval_that_leaves_the_step_open(self, scene: Scene) -> None:
        two = Step("two", 2, ("ann", "bob"))
        scene.services.policies.edit(scene["admin"], "steps", TermsEdit(steps=(two,)))
        request = scene.services.requests.create(scene["ci"], "release", "3").view.request.id
        for who, completes in (("ann", False), ("bob", True)):
            approve = partial(scene.services.requests.approve, scene[who], request)
            entry = new_rows(scene, approve)[0]
            assert entry.details is not None
            assert entry.details["completes_step"] is completes

    def test_of_an_issued_grant(self, scene: Scene) -> None:
        details = self.details(scene, "the last approval")
        request = scene.services.requests.get(scene["admin"], scene.half).request
        grant = scene.services.grants.get(scene["admin"], request.grant_id or "").grant
        assert grant.not_after is not None
        assert datetime.fromisoformat(str(details.pop("not_after"))) == grant.not_after
        assert details == {
            "grantee": "ci",
            "policy": "steps",
            "policy_id": grant.policy_id,
            "max_signings": 5,
            "hashes": None,
            "request_id": scene.half,
            "justification": "2",
        }

    def test_of_a_rejection(self, scene: Scene) -> None:
        assert self.details(scene, "a rejection") == {
            "step": 1,
            "step_name": "lead",
            "comment": "no",
            "requester": "ci",
        }

    def test_of_a_revocation(self, scene: Scene) -> None:
        details = self.details(scene, "revoking a grant")
        assert details == {"grantee": "ci", "used": 0, "reason": "stop"}


REFUSED: dict[str, tuple[str, str, Callable[[Services, Scene, Caller], object]]] = {
    "identities.create": (
        "identity_exists",
        "admin",
        lambda to, _, who: to.identities.create(who, "ann", IdentityKind.USER),
    ),
    "identities.edit": (
        "last_admin",
        "admin",
        lambda to, _, who: to.identities.edit(who, "admin", IdentityEdit(role=None)),
    ),
    "identities.accept": (
        "not_proposed_owner",
        "admin",
        lambda to, _, who: to.identities.accept(who, "bot"),
    ),
    "identities.disable": (
        "last_admin",
        "admin",
        lambda to, _, who: to.identities.disable(who, "admin"),
    ),
    "identities.enable": (
        "admin_required",
        "ann",
        lambda to, _, who: to.identities.enable(who, "idle"),
    ),
    "identities.add_key": (
        "identity_not_found",
        "admin",
        lambda to, _, who: to.identities.add_key(who, "ghost"),
    ),
    "identities.revoke_key": (
        "api_key_not_found",
        "admin",
        lambda to, scene, who: to.identities.revoke_key(who, "bob", scene["ann"].api_key_id),
    ),
    "enrolments.create_identity": (
        "identity_exists",
        "admin",
        lambda to, _, who: to.enrolments.create_identity(who, "ann", IdentityKind.USER),
    ),
    "enrolments.create": (
        "admin_required",
        "ann",
        lambda to, _, who: to.enrolments.create(who, "ann"),
    ),
    "settings.set": (
        "setting_not_found",
        "admin",
        lambda to, _, who: to.settings.set(who, "ghost", "on"),
    ),
    "witnesses.add": (
        "invalid_request",
        "admin",
        lambda to, _, who: to.witnesses.add(who, "http://elsewhere.example", WITNESS[1]),
    ),
    "witnesses.remove": (
        "witness_not_found",
        "admin",
        lambda to, _, who: to.witnesses.remove(who, "ghost"),
    ),
    "groups.create": (
        "group_exists",
        "admin",
        lambda to, _, who: to.groups.create(who, "club"),
    ),
    "groups.add": (
        "admin_required",
        "adam",
        lambda to, _, who: to.groups.add(who, "club", "bob"),
    ),
    "groups.remove": (
        "member_not_found",
        "admin",
        lambda to, _, who: to.groups.remove(who, "club", "bob"),
    ),
    "groups.delete": (
        "group_not_found",
        "admin",
        lambda to, _, who: to.groups.delete(who, "ghost"),
    ),
    "members.add": (
        "administrator_required",
        "ci",
        lambda to, _, who: to.members.add(who, "release", "sam", OPERATOR),
    ),
    "members.remove": (
        "member_not_found",
        "adam",
        lambda to, _, who: to.members.remove(who, "release", "sam"),
    ),
    "signers.create": (
        "policy_not_found",
        "admin",
        lambda to, _, who: to.signers.create(who, NEW, policy="ghost"),
    ),
    "signers.disable": (
        "administrator_required",
        "ci",
        lambda to, _, who: to.signers.disable(who, "release"),
    ),
    "signers.enable": (
        "signer_not_found",
        "sam",
        lambda to, _, who: to.signers.enable(who, "release"),
    ),
    "signers.set_policy": (
        "policy_not_found",
        "adam",
        lambda to, _, who: to.signers.set_policy(who, "release", "ghost"),
    ),
    "signers.renew": (
        "admin_required",
        "adam",
        lambda to, _, who: to.signers.renew(who, "release"),
    ),
    "signers.install_certificate": (
        "invalid_request",
        "admin",
        lambda to, _, who: to.signers.install_certificate(who, "outside", "x"),
    ),
    "signers.delete": (
        "admin_required",
        "adam",
        lambda to, _, who: to.signers.delete(who, "release"),
    ),
    "signers.undelete": (
        "admin_required",
        "adam",
        lambda to, _, who: to.signers.undelete(who, "release"),
    ),
    "policies.create": (
        "policy_exists",
        "admin",
        lambda to, _, who: to.policies.create(who, "steps", Terms(60, 1)),
    ),
    "policies.edit": (
        "policy_unbounded",
        "admin",
        edit(max_window_seconds=None, max_signings=None),
    ),
    "policies.delete": (
        "policy_in_use",
        "admin",
        lambda to, _, who: to.policies.delete(who, "steps"),
    ),
    "requests.create": (
        "no_policy",
        "ci",
        lambda to, _, who: to.requests.create(who, "bare", "x"),
    ),
    "requests.approve": (
        "not_an_approver",
        "adam",
        lambda to, scene, who: to.requests.approve(who, scene.waiting),
    ),
    "requests.reject": (
        "not_an_approver",
        "ann",
        lambda to, scene, who: to.requests.reject(who, scene.half, "no"),
    ),
    "requests.cancel": (
        "requester_required",
        "ann",
        lambda to, scene, who: to.requests.cancel(who, scene.waiting),
    ),
    "grants.create": (
        "own_grant",
        "adam",
        lambda to, _, who: to.grants.create(who, "release", "adam", "x"),
    ),
    "grants.revoke": (
        "grant_not_active",
        "adam",
        lambda to, scene, who: to.grants.revoke(who, scene.revoked, "x"),
    ),
}

NOTHING_NEW: dict[str, tuple[str, Callable[[Services, Scene, Caller], object]]] = {
    "an identity that is disabled": (
        "admin",
        lambda to, _, who: to.identities.disable(who, "idle"),
    ),
    "an identity that is enabled": ("admin", lambda to, _, who: to.identities.enable(who, "ann")),
    "what an identity is": (
        "admin",
        lambda to, _, who: to.identities.edit(who, "ann", IdentityEdit()),
    ),
    "a setting that says the same": (
        "admin",
        lambda to, _, who: to.settings.set(who, "four-eyes", "off"),
    ),
    "a user who is in the group": (
        "admin",
        lambda to, _, who: to.groups.add(who, "club", "ann"),
    ),
    "a role that a member has": (
        "adam",
        lambda to, _, who: to.members.add(who, "release", "ci", OPERATOR),
    ),
    "a signer that is enabled": ("adam", lambda to, _, who: to.signers.enable(who, "release")),
    "a signer that is not being deleted": (
        "admin",
        lambda to, _, who: to.signers.undelete(who, "release"),
    ),
    "a policy that a signer has": (
        "adam",
        lambda to, _, who: to.signers.set_policy(who, "release", "steps"),
    ),
    "no policy where there is none": (
        "adam",
        lambda to, _, who: to.signers.set_policy(who, "bare", None),
    ),
    "terms that a policy has": ("admin", edit()),
    "the terms of a policy, said again": ("admin", edit(steps=(LEAD, FINAL), max_signings=5)),
    "a request that is pending": (
        "ci",
        lambda to, _, who: to.requests.create(who, "release", "1"),
    ),
}


class TestNoRow:
    def test_every_use_case_can_be_refused(self) -> None:
        assert set(REFUSED) == {change.use_case for change in CHANGES.values()}

    def test_of_what_is_refused(self, scene: Scene) -> None:
        for use_case, (code, by, call) in REFUSED.items():
            before = scene.world.last_row()
            with pytest.raises(Refused) as refused:
                call(scene.services, scene, scene[by])
            assert refused.value.code == code, use_case
            assert scene.world.last_row() == before, use_case

    def test_of_what_a_caller_may_not_do_any_more(self, scene: Scene) -> None:
        """By those who were disabled after they had been authenticated."""
        everybody = {change.by for change in CHANGES.values()}
        for name in everybody - {"admin"}:
            scene.services.identities.disable(scene["admin"], name)
        before = scene.world.last_row()
        for name, change in CHANGES.items():
            if change.by == "admin":
                continue
            with pytest.raises(Refused) as refused:
                change.call(scene.services, scene, scene[change.by])
            assert refused.value.code == "identity_disabled", name
            assert scene.world.last_row() == before, name

    @pytest.mark.parametrize("what", NOTHING_NEW)
    def test_of_what_changes_nothing(self, scene: Scene, what: str) -> None:
        by, call = NOTHING_NEW[what]
        before = scene.world.last_row()
        call(scene.services, scene, scene[by])
        assert scene.world.last_row() == before

    def test_of_revoking_a_key_twice(self, scene: Scene) -> None:
        revoke = scene.services.identities.revoke_key
        revoke(scene["admin"], "ann", scene["ann"].api_key_id)
        before = scene.world.last_row()
        revoke(scene["admin"], "ann", scene["ann"].api_key_id)
        assert scene.world.last_row() == before

    def test_of_reading(self, scene: Scene) -> None:
        before = scene.world.last_row()
        to, who = scene.services, scene["ann"]
        page = PageRequest()
        to.policies.get(who, "steps")
        to.policies.list(who, page)
        to.requests.get(who, scene.waiting)
        to.requests.list(who, page, state=RequestState.PENDING)
        to.grants.get(who, scene.grant)
        to.grants.list(who, page)
        to.explanations.explain(who, "release", "ci", None)
        assert scene.world.last_row() == before


def test_a_request_that_expires_leaves_none(scene: Scene) -> None:
    """Nobody does anything then."""
    edit(request_ttl_seconds=60)(scene.services, scene, scene["admin"])
    asked = scene.services.requests.create(scene["ci"], "release", "3").view.request.id
    before = scene.world.last_row()
    scene.world.clock.advance(seconds=60)
    assert scene.services.requests.get(scene["ci"], asked).state is RequestState.EXPIRED
    assert scene.world.last_row() == before


def test_what_is_done_on_the_server_s_own_machine_has_no_actor(scene: Scene) -> None:
    (entry,) = new_rows(scene, lambda: new_admin_key(scene.world.location))
    assert (entry.action, entry.object, entry.actor, entry.api_key_id) == (
        "api_key:create",
        "admin",
        None,
        None,
    )
    first = scene.world.rows()[-1].entry
    assert (first.action, first.object, first.actor) == ("installation:create", "admin", None)
    assert set(first.details or ()) == {"id", "api_key_id"}


def test_no_row_has_an_api_key(scene: Scene) -> None:
    added = scene.services.identities.add_key(scene["admin"], "ci").api_key
    to = scene.services
    to.requests.create(scene["ci"], "release", f"with {added}")
    to.requests.approve(scene["bob"], scene.waiting, f"as {added}")
    to.requests.reject(scene["carol"], scene.half, f"because of {added}")
    to.grants.create(scene["adam"], "release", "ci", f"for {added}")
    to.grants.revoke(scene["adam"], scene.grant, f"leaked {added}")
    rows = scene.world.rows()
    assert added not in repr(rows)
    assert repr(rows[:5]).count("[redacted]") == 5

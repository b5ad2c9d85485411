"""What a row says of what its actor presented, and of whose approvals a signature rests on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from controlplane.domain.model import (
    Approval,
    Caller,
    CredentialKind,
    MemberRole,
    Scheme,
    Step,
)
from controlplane.domain.operation import Entry
from controlplane.errors import Refused
from controlplane.service.identities import RefusedCaller
from tests.world import World, a_call

AGE = 90  # seconds


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Two approvers; `ci` signs with `release`, with a key of that age."""
    world = World(tmp_path / "data")
    world.clock.freeze()
    with world.services:
        for name in ("ann", "bob"):
            world.identity(name)
        yield world


@pytest.fixture
def api_key(world: World) -> str:
    key = world.machine_key("ci")
    world.signer(ci=MemberRole.OPERATOR)
    world.clock.advance(seconds=AGE)
    return key


@pytest.fixture
def ci(world: World, api_key: str) -> Caller:
    return world.services.identities.authenticate(api_key)


def last_entry(world: World) -> Entry:
    return world.last_row().entry


def check_credential(entry: Entry, key_id: str, issued_by: str | None = "admin") -> None:
    credential = entry.credential
    assert credential is not None
    assert (credential.kind, credential.id) == (CredentialKind.API_KEY, key_id)
    assert (credential.issued_by, credential.age_seconds) == (issued_by, AGE)
    assert not credential.enrolled
    assert entry.api_key_id == key_id


class TestCredentials:
    def test_a_signature_says_with_which_key_and_how_old_it_was(
        self, world: World, ci: Caller
    ) -> None:
        world.services.signing.sign(ci, a_call())
        check_credential(last_entry(world), ci.api_key_id)

    def test_so_does_a_refusal(self, world: World, ci: Caller) -> None:
        with pytest.raises(Refused):
            world.services.signing.sign(ci, a_call("another"))
        check_credential(last_entry(world), ci.api_key_id)

    def test_and_one_of_a_key_that_was_revoked(
        self, world: World, ci: Caller, api_key: str
    ) -> None:
        world.services.identities.revoke_key(world.admin, "ci", ci.api_key_id)
        with pytest.raises(RefusedCaller) as refused:
            world.services.identities.authenticate(api_key)
        world.services.signing.record_refused(refused.value, a_call())
        check_credential(last_entry(world), ci.api_key_id)

    def test_and_a_change(self, world: World, ci: Caller) -> None:
        world.services.signers.disable(world.admin, "release")
        check_credential(last_entry(world), world.admin.api_key_id, issued_by=None)

    def test_what_the_servers_own_machine_did_has_none(self, world: World) -> None:
        first = world.rows()[-1].entry
        assert (first.action, first.credential) == ("installation:create", None)

    def test_a_key_is_never_younger_than_nothing(self, world: World, ci: Caller) -> None:
        world.clock.advance(seconds=-2 * AGE)
        world.services.signing.sign(ci, a_call())
        credential = last_entry(world).credential
        assert credential is not None
        assert credential.age_seconds == 0


class TestApprovals:
    def attach(self, world: World, *steps: Step) -> None:
        world.policy("p", *steps)
        world.services.signers.set_policy(world.admin, "release", "p")

    def ask(self, world: World, ci: Caller) -> str:
        return world.services.requests.create(ci, "release", "1.2").view.request.id

    def test_without_a_policy_there_are_none_to_name(self, world: World, ci: Caller) -> None:
        world.services.signing.sign(ci, a_call())
        assert last_entry(world).approvals is None

    def test_those_of_each_step_in_order_and_where_they_stand(
        self, world: World, ci: Caller
    ) -> None:
        self.attach(world, Step("first", 1, ("ann",)), Step("second", 1, ("bob",)))
        request = self.ask(world, ci)
        approvals = []
        for name in ("ann", "bob"):
            code = world.services.enrolments.create(world.admin, name).code
            key = world.services.enrolments.use(code, None).new.api_key
            world.clock.advance(seconds=1)
            approver = world.services.identities.authenticate(key)
            world.services.requests.approve(approver, request)
            rows = world.rows(actor=name)
            (row,) = (each for each in rows if each.entry.action == "request:approve")
            approvals.append(Approval(name, row.row_hash, row.sequence))
        world.services.signing.sign(ci, a_call())
        assert last_entry(world).approvals == tuple(approvals)

    def test_who_issued_a_grant_beforehand_approved_it_in_no_step(
        self, world: World, ci: Caller
    ) -> None:
        ann = world.identity("anna")
        world.services.members.add(world.admin, "release", "anna", MemberRole.ADMINISTRATOR)
        self.attach(world, Step("first", 1, ("bob",)))
        world.services.grants.create(ann, "release", "ci", "a night")
        world.services.signing.sign(ci, a_call())
        (given_,) = (row for row in world.rows(actor="anna") if row.entry.action == "grant:create")
        assert last_entry(world).approvals == (Approval("anna", given_.row_hash, given_.sequence),)

    def test_a_policy_that_asks_for_none_leaves_an_empty_list(
        self, world: World, ci: Caller
    ) -> None:
        self.attach(world)
        self.ask(world, ci)
        world.services.signing.sign(ci, a_call())
        assert last_entry(world).approvals == ()

    def test_a_signature_that_is_refused_rests_on_none(self, world: World, ci: Caller) -> None:
        self.attach(world)
        self.ask(world, ci)
        with pytest.raises(Refused):
            world.services.signing.sign(
                ci, a_call(scheme=Scheme("rsa-pkcs1v15"), ecdsa_encoding=None)
            )
        assert last_entry(world).approvals is None

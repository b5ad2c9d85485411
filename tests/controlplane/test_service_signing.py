"""Calls to sign: what is released, what is refused, and what the log says of both."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from controlplane.api.refusals import status_of
from controlplane.audit.writer import MOST_WAITING
from controlplane.domain.model import (
    Caller,
    Client,
    EcdsaEncoding,
    HashAlgorithm,
    KeyAlgorithm,
    MemberRole,
    OperationKind,
    Outcome,
    PssParameters,
    Scheme,
    ServerRole,
    SignCall,
)
from controlplane.domain.policy import TermsEdit
from controlplane.errors import Code, Refused
from controlplane.service.identities import RefusedCaller
from controlplane.service.installation import open_services
from controlplane.service.signing import Signing
from controlplane.service.view import View
from controlplane.store.database import unavailable
from controlplane.store.tables import KeyRow
from tests.world import DIGEST, World, a_call, by_hand


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path / "data")
    with world.services:
        yield world


@pytest.fixture
def signing(world: World) -> Signing:
    return world.services.signing


@pytest.fixture
def ci(world: World) -> Caller:
    """An operator of the signer `release`."""
    caller = world.identity("ci")
    world.signer(ci=MemberRole.OPERATOR)
    return caller


def refuse(signing: Signing, caller: Caller, call: SignCall) -> tuple[int, str]:
    with pytest.raises(Refused) as refused:
        signing.sign(caller, call)
    return status_of(refused.value.code), refused.value.code


def last(world: World) -> tuple[Outcome | None, str | None]:
    entry = world.last_row().entry
    return entry.outcome, entry.reason


class TestSuccess:
    @pytest.mark.parametrize("role", [MemberRole.OPERATOR, MemberRole.ADMINISTRATOR])
    def test_members_who_sign_get_a_signature(
        self, world: World, signing: Signing, role: MemberRole
    ) -> None:
        ann = world.identity("ann")
        signer = world.signer(ann=role).signer
        signed = signing.sign(ann, a_call())
        public = load_der_public_key(signer.public_key)
        assert isinstance(public, ec.EllipticCurvePublicKey)
        public.verify(signed.signature, DIGEST, ec.ECDSA(Prehashed(SHA256())))
        assert signer.certificate is not None
        assert signed.certificate_serial == signer.certificate.serial

    def test_the_row_says_everything(self, world: World, signing: Signing, ci: Caller) -> None:
        call = a_call(
            client=Client(address="127.0.0.1", tool="jarsigner", command="jarsigner -storepass x"),
            idempotency_key="k1",
        )
        signed = signing.sign(ci, call)
        entry = world.last_row().entry
        assert entry.id == signed.operation_id
        assert (entry.outcome, entry.reason) == (Outcome.SUCCEEDED, None)
        assert (entry.signer, entry.actor, entry.api_key_id) == ("release", "ci", ci.api_key_id)
        assert (entry.scheme, entry.hash, entry.digest) == (call.scheme, call.hash, call.digest)
        assert entry.ecdsa_encoding is EcdsaEncoding.DER
        assert entry.certificate_serial == signed.certificate_serial
        assert entry.signature == signed.signature
        assert entry.idempotency_key == "k1"
        assert entry.client is not None
        assert entry.client.command == "jarsigner -storepass [redacted]"
        assert (entry.action, entry.object, entry.details) == (None, None, None)

    def test_the_serial_that_the_caller_expects_may_be_named(
        self, signing: Signing, ci: Caller
    ) -> None:
        serial = signing.sign(ci, a_call()).certificate_serial
        assert signing.sign(ci, a_call(certificate_serial=serial)).certificate_serial == serial


class TestDenials:
    def test_an_unknown_signer_is_not_told_from_a_hidden_one(
        self, world: World, signing: Signing, ci: Caller
    ) -> None:
        stranger = world.identity("stranger")
        for name in ("release", "nothing"):
            assert refuse(signing, stranger, a_call(name)) == (404, "signer_not_found")
            assert last(world) == (Outcome.DENIED, "not_a_member")
            assert world.last_row().entry.signer == name

    @pytest.mark.parametrize("role", list(ServerRole))
    def test_server_roles_do_not_sign(
        self, world: World, signing: Signing, ci: Caller, role: ServerRole
    ) -> None:
        ann = world.identity("ann", role=role)
        assert refuse(signing, ann, a_call()) == (403, "not_a_member")
        assert last(world) == (Outcome.DENIED, "not_a_member")

    def test_auditors_of_the_signer_do_not_sign(
        self, world: World, signing: Signing, ci: Caller
    ) -> None:
        world.services.members.add(world.admin, "release", "ci", MemberRole.AUDITOR)
        assert refuse(signing, ci, a_call()) == (403, "role_cannot_sign")
        assert last(world) == (Outcome.DENIED, "role_cannot_sign")

    def test_a_disabled_signer_does_not_sign(
        self, world: World, signing: Signing, ci: Caller
    ) -> None:
        world.services.signers.disable(world.admin, "release")
        assert refuse(signing, ci, a_call()) == (403, "signer_disabled")
        assert last(world) == (Outcome.DENIED, "signer_disabled")

    def test_a_pending_signer_does_not_sign(
        self, world: World, signing: Signing, ci: Caller
    ) -> None:
        world.signer("new", external=True, ci=MemberRole.OPERATOR)
        assert refuse(signing, ci, a_call("new")) == (403, "signer_pending")
        assert last(world) == (Outcome.DENIED, "signer_pending")

    def test_after_a_renewal_the_old_certificate_is_refused(
        self, world: World, signing: Signing, ci: Caller
    ) -> None:
        serial = signing.sign(ci, a_call()).certificate_serial
        world.services.signers.renew(world.admin, "release")
        call = a_call(certificate_serial=serial)
        assert refuse(signing, ci, call) == (409, "certificate_changed")
        assert last(world) == (Outcome.DENIED, "certificate_changed")
        assert world.last_row().entry.certificate_serial == serial

    def test_a_scheme_that_does_not_fit_the_key_is_denied(
        self, world: World, signing: Signing, ci: Caller
    ) -> None:
        call = a_call(scheme=Scheme("rsa-pkcs1v15"), ecdsa_encoding=None)
        assert refuse(signing, ci, call) == (400, "scheme_key_mismatch")
        assert last(world) == (Outcome.DENIED, "scheme_key_mismatch")

    def test_a_salt_that_does_not_fit_is_denied(
        self, world: World, signing: Signing, ci: Caller
    ) -> None:
        world.signer("rsa", KeyAlgorithm.RSA_2048, ci=MemberRole.OPERATOR)
        pss = PssParameters(HashAlgorithm.SHA256, 223)
        call = a_call("rsa", scheme=Scheme("rsa-pss"), pss=pss, ecdsa_encoding=None)
        assert refuse(signing, ci, call) == (400, "invalid_request")
        assert last(world) == (Outcome.DENIED, "invalid_request")

    @pytest.mark.parametrize("reason", ["api_key_revoked", "identity_disabled"])
    def test_a_caller_who_is_known_but_refused_leaves_a_row(
        self, world: World, signing: Signing, reason: str
    ) -> None:
        key = world.machine_key("robot")
        caller = world.services.identities.authenticate(key)
        if reason == "api_key_revoked":
            world.services.identities.revoke_key(world.admin, "robot", caller.api_key_id)
        else:
            world.services.identities.disable(world.admin, "robot")
        with pytest.raises(RefusedCaller) as refused:
            world.services.identities.authenticate(key)
        signing.record_refused(refused.value, a_call())
        entry = world.last_row().entry
        assert (entry.outcome, entry.reason, entry.actor) == (Outcome.DENIED, reason, "robot")
        assert entry.api_key_id == caller.api_key_id

    def test_a_caller_nobody_knows_leaves_none(self, world: World, signing: Signing) -> None:
        before = world.last_row()
        signing.record_refused(Refused(Code.API_KEY_UNKNOWN, ""), a_call())
        assert world.last_row() == before

    def test_a_very_long_name_of_a_signer_is_cut_in_the_row(
        self, world: World, signing: Signing, ci: Caller
    ) -> None:
        assert refuse(signing, ci, a_call("x" * 5000))[0] == 404
        assert world.last_row().entry.signer == "x" * 64


def test_what_is_missing_may_be_hidden_but_not_the_answer_that_the_row_has(
    world: World, signing: Signing, monkeypatch: pytest.MonkeyPatch
) -> None:
    ci = world.identity("ci")
    world.signer(policy=world.policy().name, ci=MemberRole.OPERATOR)

    def away(*_given: object) -> None:
        raise unavailable("gone")

    monkeypatch.setattr("controlplane.service.signing.find_grant_or_request", away)
    assert refuse(signing, ci, a_call()) == (403, "no_active_grant")
    assert last(world) == (Outcome.DENIED, "no_active_grant")


class TestFailure:
    def test_a_key_that_does_not_open_is_a_failed_row(
        self, world: World, signing: Signing, ci: Caller
    ) -> None:
        with by_hand(world.location) as database:
            KeyRow.update(handle=b"\x01broken").execute(database)
        assert refuse(signing, ci, a_call(idempotency_key="k1")) == (500, "signing_failed")
        assert last(world) == (Outcome.FAILED, "signing_failed")


class TestRevocationIsSeenAtOnce:
    """By what another process changed after this one had looked it all up."""

    @pytest.fixture
    def elsewhere(self, world: World, signing: Signing, ci: Caller) -> Iterator[World]:
        signing.sign(ci, a_call())
        with open_services(world.location) as services:
            other = object.__new__(World)
            other.services, other.admin, other.location = services, world.admin, world.location
            yield other

    def test_of_a_key(self, world: World, elsewhere: World, signing: Signing, ci: Caller) -> None:
        elsewhere.services.identities.revoke_key(world.admin, "ci", ci.api_key_id)
        assert refuse(signing, ci, a_call()) == (401, "api_key_revoked")
        assert last(world) == (Outcome.DENIED, "api_key_revoked")

    def test_of_an_identity(
        self, world: World, elsewhere: World, signing: Signing, ci: Caller
    ) -> None:
        elsewhere.services.identities.disable(world.admin, "ci")
        assert refuse(signing, ci, a_call()) == (401, "identity_disabled")

    def test_of_a_membership(
        self, world: World, elsewhere: World, signing: Signing, ci: Caller
    ) -> None:
        elsewhere.services.members.remove(world.admin, "release", "ci")
        assert refuse(signing, ci, a_call()) == (404, "signer_not_found")

    def test_of_a_signer(
        self, world: World, elsewhere: World, signing: Signing, ci: Caller
    ) -> None:
        elsewhere.services.signers.disable(world.admin, "release")
        elsewhere.services.signers.delete(world.admin, "release")
        assert refuse(signing, ci, a_call()) == (403, "signer_disabled")

    def test_and_permission_as_well(
        self, world: World, elsewhere: World, signing: Signing, ci: Caller
    ) -> None:
        stranger = world.identity("stranger")
        assert refuse(signing, stranger, a_call())[0] == 404
        elsewhere.services.members.add(world.admin, "release", "stranger", MemberRole.OPERATOR)
        assert signing.sign(stranger, a_call()).signature

    def test_a_change_between_decision_and_commit_is_decided_again(
        self,
        world: World,
        elsewhere: World,
        signing: Signing,
        ci: Caller,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """The signature made meanwhile is thrown away."""
        keys = world.services.signing._keys
        real = keys.sign
        made: list[bytes] = []

        def disable_after_signing(*given: object) -> bytes:
            made.append(real(*given))  # type: ignore[arg-type]
            elsewhere.services.signers.disable(world.admin, "release")
            return made[-1]

        monkeypatch.setattr(keys, "sign", disable_after_signing)
        assert refuse(signing, ci, a_call()) == (403, "signer_disabled")
        assert len(made) == 1
        assert last(world) == (Outcome.DENIED, "signer_disabled")
        assert made[0] not in [row.entry.signature for row in world.rows()]

    def test_changes_without_end_keep_no_call_waiting(
        self, world: World, signing: Signing, ci: Caller, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Whatever was looked up has changed before it is used."""
        views, store = signing._views, world.services._store
        real = views.fresh

        def overtaken() -> View:
            view = real()
            with store.change():
                pass
            return view

        signing.sign(ci, a_call())
        before = len(world.rows(kind=OperationKind.SIGN))
        monkeypatch.setattr(views, "fresh", overtaken)
        with store.change():
            pass
        signed = signing.sign(ci, a_call(idempotency_key="k"))
        world.services.members.remove(world.admin, "release", "ci")
        assert refuse(signing, ci, a_call()) == (404, "signer_not_found")
        assert refuse(signing, ci, a_call(idempotency_key="k")) == (404, "signer_not_found")
        world.services.members.add(world.admin, "release", "ci", MemberRole.OPERATOR)
        assert signing.sign(ci, a_call(idempotency_key="k")) == signed
        assert len(world.rows(kind=OperationKind.SIGN)) == before + 3


class TestIdempotency:
    CALL = a_call(idempotency_key="k1")

    def test_a_retry_gets_the_same_signature_and_adds_no_row(
        self, world: World, signing: Signing, ci: Caller
    ) -> None:
        first = signing.sign(ci, self.CALL)
        again = replace(self.CALL, client=Client(tool="another"))
        assert signing.sign(ci, again) == first
        assert world.last_row().entry.id == first.operation_id

    @pytest.mark.parametrize(
        "other",
        [
            {"digest": hashlib.sha256(b"other").digest()},
            {"digest": b"x" * 48, "hash": HashAlgorithm.SHA384},
            {"ecdsa_encoding": EcdsaEncoding.P1363},
            {"signer": "second"},
            {"signer": "unknown"},
        ],
    )
    def test_other_content_is_a_conflict(
        self, world: World, signing: Signing, ci: Caller, other: dict[str, object]
    ) -> None:
        world.signer("second", ci=MemberRole.OPERATOR)
        signing.sign(ci, self.CALL)
        call = replace(self.CALL, **other)  # type: ignore[arg-type]
        assert refuse(signing, ci, call) == (409, "idempotency_conflict")
        assert last(world) == (Outcome.DENIED, "idempotency_conflict")

    def test_somebody_else_s_key_is_another_key(
        self, world: World, signing: Signing, ci: Caller
    ) -> None:
        bob = world.identity("bob")
        world.services.members.add(world.admin, "release", "bob", MemberRole.OPERATOR)
        first, second = signing.sign(ci, self.CALL), signing.sign(bob, self.CALL)
        assert first.operation_id != second.operation_id

    def test_a_denied_call_is_decided_again(
        self, world: World, signing: Signing, ci: Caller
    ) -> None:
        world.services.signers.disable(world.admin, "release")
        assert refuse(signing, ci, self.CALL) == (403, "signer_disabled")
        world.services.signers.enable(world.admin, "release")
        assert signing.sign(ci, self.CALL).signature

    def test_a_retry_gets_what_was_released_even_after_a_renewal(
        self, world: World, signing: Signing, ci: Caller
    ) -> None:
        first = signing.sign(ci, self.CALL)
        world.services.signers.renew(world.admin, "release")
        assert signing.sign(ci, self.CALL) == first

    def test_a_retry_needs_no_grant_for_that_was_used(self, world: World, signing: Signing) -> None:
        eve = world.identity("eve")
        policy = world.policy(max_signings=1, hashes=(HashAlgorithm.SHA256,))
        world.signer("bounded", policy=policy.name, eve=MemberRole.OPERATOR)
        world.services.requests.create(eve, "bounded", "once")
        call = replace(self.CALL, signer="bounded")
        first = signing.sign(eve, call)
        assert signing.sign(eve, call) == first
        world.services.policies.edit(
            world.admin, policy.name, TermsEdit(hashes=(HashAlgorithm.SHA512,))
        )
        assert signing.sign(eve, call) == first
        assert world.last_row().entry.kind is OperationKind.CHANGE

    @pytest.mark.parametrize(
        ("end", "status", "code", "reason"),
        [
            ("membership", 404, "signer_not_found", "not_a_member"),
            ("role", 403, "role_cannot_sign", "role_cannot_sign"),
            ("signer", 403, "signer_disabled", "signer_disabled"),
            ("deleted", 404, "signer_not_found", "not_a_member"),
            ("certificate", 403, "certificate_expired", "certificate_expired"),
        ],
    )
    def test_who_could_not_sign_now_gets_no_old_signature_and_leaves_a_row(
        self,
        world: World,
        signing: Signing,
        ci: Caller,
        end: str,
        status: int,
        code: str,
        reason: str,
    ) -> None:
        to, admin = world.services, world.admin
        first = signing.sign(ci, self.CALL)
        ends: dict[str, Callable[[], object]] = {
            "membership": lambda: to.members.remove(admin, "release", "ci"),
            "role": lambda: to.members.add(admin, "release", "ci", MemberRole.AUDITOR),
            "signer": lambda: to.signers.disable(admin, "release"),
            "deleted": lambda: world.delete_signer("release"),
            "certificate": lambda: world.clock.advance(days=461),
        }
        ends[end]()
        assert refuse(signing, ci, self.CALL) == (status, code)
        assert last(world) == (Outcome.DENIED, reason)
        assert world.last_row().entry.signature is None
        if end == "signer":
            to.signers.enable(admin, "release")
            assert signing.sign(ci, self.CALL) == first

    def test_but_not_with_a_revoked_key(self, world: World, signing: Signing, ci: Caller) -> None:
        signing.sign(ci, self.CALL)
        world.services.identities.revoke_key(world.admin, "ci", ci.api_key_id)
        assert refuse(signing, ci, self.CALL) == (401, "api_key_revoked")

    def test_equal_calls_at_once_make_one_row(
        self, world: World, signing: Signing, ci: Caller
    ) -> None:
        with open_services(world.location) as other, ThreadPoolExecutor(16) as pool:
            both = [signing, other.signing]
            for number in range(10):
                call = replace(self.CALL, idempotency_key=f"k{number}")
                barrier = threading.Barrier(16)

                def sign(index: int, call: SignCall = call) -> object:
                    barrier.wait()  # noqa: B023
                    return both[index % 2].sign(ci, call)

                assert len(set(pool.map(sign, range(16)))) == 1
        assert len(world.rows(outcome=Outcome.SUCCEEDED)) == 10


def test_too_many_waiting_calls_are_told_to_come_back(
    world: World, signing: Signing, ci: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MOST_WAITING >= 128
    monkeypatch.setattr("controlplane.audit.writer.MOST_WAITING", 0)
    with pytest.raises(Refused) as refused:
        signing.sign(ci, a_call())
    assert (status_of(refused.value.code), refused.value.code) == (503, "overloaded")
    assert refused.value.retry_after == 1

"""Certificates renew themselves in time; nothing that had ended comes back by itself."""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509

from controlplane.api.words import say_warning
from controlplane.background.background import Background
from controlplane.background.jobs import jobs_of
from controlplane.certificates.authority import INTERMEDIATE_YEARS
from controlplane.domain.model import Caller, Certificate, KeyAlgorithm, MemberRole, SignerStatus
from controlplane.domain.signer import SignerDescription
from controlplane.errors import Code, Refused
from controlplane.service.renewals import find_due
from tests.controlplane.test_background import Counted
from tests.controlplane.test_issuers_end import install_with_an_issuer_until
from tests.world import World, a_call

DAY = timedelta(days=1)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path / "data")
    world.clock.freeze()
    with world.services:
        yield world


@pytest.fixture
def ci(world: World) -> Caller:
    """An operator of `release`, which has a certificate for 365 days."""
    ci = world.identity("ci")
    world.signer("release", ci=MemberRole.OPERATOR)
    return ci


def certificate(world: World, name: str = "release") -> Certificate:
    found = world.services.signers.get(world.admin, name).signer.certificate
    assert found is not None
    return found


def renewals(world: World) -> int:
    return sum(row.entry.action == "signer:renew" for row in world.rows())


def warnings(world: World) -> list[str]:
    view = world.services.signers.get(world.admin, "release")
    return [say_warning(each) for each in view.warnings]


class TestInTime:
    def test_a_certificate_is_renewed_for_as_long_as_it_was_made(
        self, world: World, ci: Caller
    ) -> None:
        before = certificate(world)
        world.clock.advance(days=334)
        world.services.renewals.renew_due()
        assert certificate(world) == before
        world.clock.advance(days=1)
        world.services.renewals.renew_due()
        after = certificate(world)
        assert after.serial != before.serial
        assert after.subject == before.subject
        assert after.not_after - after.not_before == before.not_after - before.not_before
        assert after.not_after > world.clock() + 364 * DAY
        assert warnings(world) == []

    def test_it_is_nobodys_act_and_on_record(self, world: World, ci: Caller) -> None:
        world.clock.advance(days=340)
        world.services.renewals.renew_due()
        row = world.last_row().entry
        assert (row.action, row.object, row.signer) == ("signer:renew", "release", "release")
        assert (row.actor, row.api_key_id, row.credential) == (None, None, None)
        serial = certificate(world).serial
        assert row.details == {"certificate_serial": serial, "by": "renew-before 30d"}

    def test_nothing_else_changes_and_the_log_says_all_that_did(
        self, world: World, ci: Caller
    ) -> None:
        world.policy("p")
        world.services.signers.set_policy(world.admin, "release", "p")
        before = world.services.signers.get(ci, "release")
        world.clock.advance(days=340)
        world.services.renewals.renew_due()
        after = world.services.signers.get(ci, "release")
        fresh = {each: getattr(after.signer, each) for each in ("certificate", "public_key")}
        assert after.signer == replace(before.signer, **fresh)
        assert after.role == before.role
        assert world.services.state.verify(world.admin).altered == ()

    def test_it_is_done_once(self, world: World, ci: Caller) -> None:
        world.clock.advance(days=340)
        for _ in range(3):
            world.services.renewals.renew_due()
        assert renewals(world) == 1

    def test_of_two_processes_the_first_does_it(self, world: World, ci: Caller) -> None:
        world.clock.advance(days=340)
        with world.services._store.read() as database:
            (stored,) = find_due(database, world.clock())
        world.services.renewals.renew_due()
        serial = certificate(world).serial
        world.services.renewals._renew(stored)
        assert (renewals(world), certificate(world).serial) == (1, serial)

    def test_a_tool_that_holds_the_old_one_hears_it_and_starts_again(
        self, world: World, ci: Caller
    ) -> None:
        old = certificate(world).serial
        world.clock.advance(days=340)
        world.services.renewals.renew_due()
        with pytest.raises(Refused) as refused:
            world.services.signing.sign(ci, a_call(certificate_serial=old))
        assert refused.value.code is Code.CERTIFICATE_CHANGED
        new = certificate(world).serial
        assert world.services.signing.sign(ci, a_call(certificate_serial=new)).signature

    def test_one_for_a_few_days_is_renewed_in_the_last_third_of_them(self, world: World) -> None:
        description = SignerDescription("release", KeyAlgorithm.P256, "ACME release")
        world.services.signers.create(world.admin, description, days=9)
        for _ in range(5):
            world.services.renewals.renew_due()
            world.clock.advance(days=1)
        assert renewals(world) == 0
        world.clock.advance(days=1, hours=1)
        world.services.renewals.renew_due()
        assert renewals(world) == 1

    def test_the_background_does_it(self, world: World, ci: Caller) -> None:
        before = certificate(world)
        world.clock.advance(days=340)
        background = Background(jobs_of(world.services), world.services.jobs, Counted())
        deadline = time.monotonic() + 30
        while certificate(world) == before:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        background.close()

    def test_how_long_before_is_a_setting(self, world: World, ci: Caller) -> None:
        world.services.settings.set(world.admin, "renew-before", "60d")
        world.clock.advance(days=304)
        world.services.renewals.renew_due()
        assert renewals(world) == 0
        world.clock.advance(days=2)
        world.services.renewals.renew_due()
        assert renewals(world) == 1

    def test_or_never(self, world: World, ci: Caller) -> None:
        world.services.settings.set(world.admin, "renew-before", "0")
        world.clock.advance(days=364, hours=23)
        world.services.renewals.renew_due()
        assert renewals(world) == 0

    @pytest.mark.parametrize("value", ["181d", "soon", "-1d", ""])
    def test_which_is_a_span_of_time(self, world: World, value: str) -> None:
        with pytest.raises(Refused, match="renew-before is a duration"):
            world.services.settings.set(world.admin, "renew-before", value)


class TestNothingComesBack:
    def test_that_has_ended(self, world: World, ci: Caller) -> None:
        world.clock.advance(days=366)
        world.services.renewals.renew_due()
        view = world.services.signers.get(world.admin, "release")
        assert view.status is SignerStatus.EXPIRED

    def test_that_was_disabled(self, world: World, ci: Caller) -> None:
        world.services.signers.disable(world.admin, "release")
        world.clock.advance(days=340)
        world.services.renewals.renew_due()
        assert renewals(world) == 0

    def test_that_is_being_deleted(self, world: World, ci: Caller) -> None:
        world.clock.advance(days=340)
        world.services.signers.disable(world.admin, "release")
        world.services.signers.delete(world.admin, "release")
        world.services.renewals.renew_due()
        assert renewals(world) == 0

    def test_by_a_clock_that_nobody_can_trust(self, world: World, ci: Caller) -> None:
        world.clock.advance(days=340)
        world.identity("ann")
        world.clock.advance(hours=-1)
        with pytest.raises(Refused) as refused:
            world.services.renewals.renew_due()
        assert refused.value.code is Code.CLOCK_BEHIND
        assert renewals(world) == 0


class TestAnExternalSigner:
    @pytest.fixture
    def external(self, world: World) -> Caller:
        ci = world.identity("ci")
        world.signer("release", external=True, ci=MemberRole.OPERATOR)
        install_with_an_issuer_until(world, world.clock() + 900 * DAY)
        return ci

    def test_gets_a_key_and_a_request_once_and_says_so(
        self, world: World, external: Caller
    ) -> None:
        before, csr = certificate(world), world.services.signers.csr(world.admin, "release")
        world.clock.advance(days=340)
        for _ in range(2):
            world.services.renewals.renew_due()
        assert renewals(world) == 1
        row = world.last_row().entry
        assert (row.actor, row.details) == (
            None,
            {"certificate_serial": None, "by": "renew-before 30d"},
        )
        assert certificate(world) == before
        assert world.services.signers.csr(world.admin, "release") != csr
        assert any("signer csr release" in each for each in warnings(world))
        # It signs with what it has.
        assert world.services.signing.sign(external, a_call()).certificate_serial == before.serial

    def test_says_no_more_when_the_certificate_is_there(
        self, world: World, external: Caller
    ) -> None:
        world.clock.advance(days=340)
        world.services.renewals.renew_due()
        install_with_an_issuer_until(world, world.clock() + 900 * DAY)
        assert warnings(world) == []
        request = x509.load_pem_x509_csr(
            world.services.signers.csr(world.admin, "release").encode()
        )
        leaf = x509.load_der_x509_certificate(certificate(world).der)
        assert request.public_key() == leaf.public_key()

    def test_is_asked_for_when_an_issuer_ends_first(self, world: World) -> None:
        world.signer("release", external=True)
        install_with_an_issuer_until(world, world.clock() + 40 * DAY)
        world.services.renewals.renew_due()
        assert renewals(world) == 0
        world.clock.advance(days=11)
        world.services.renewals.renew_due()
        assert renewals(world) == 1


def test_a_ca_that_ends_itself_gives_no_other_and_the_rest_goes_on(world: World) -> None:
    world.clock.advance(days=365 * INTERMEDIATE_YEARS - 20)
    world.signer("release")
    world.signer("bought", external=True)
    before = certificate(world)
    world.clock.advance(days=14)
    with pytest.raises(Refused) as refused:
        world.services.renewals.renew_due()
    assert refused.value.code is Code.ISSUER_ENDS
    assert (
        "release was not renewed: The built-in CA certifies nothing beyond" in refused.value.title
    )
    assert certificate(world) == before
    assert renewals(world) == 0

"""A certificate verifies no longer than those that it rests on: so nothing is signed after that."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from controlplane.api.words import say_warning
from controlplane.certificates.authority import INTERMEDIATE_YEARS, ROOT_YEARS, make_root
from controlplane.certificates.reading import to_pem
from controlplane.domain.model import Caller, KeyAlgorithm, MemberRole, SignerStatus
from controlplane.domain.signer import SignerDescription
from controlplane.errors import Code, Refused
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
    return world.identity("ci")


def refusal(world: World, ci: Caller) -> Refused:
    with pytest.raises(Refused) as refused:
        world.services.signing.sign(ci, a_call("release"))
    return refused.value


def warnings(world: World) -> list[str]:
    view = world.services.signers.get(world.admin, "release")
    return [say_warning(each) for each in view.warnings]


def install_with_an_issuer_until(world: World, end: datetime) -> None:
    """Whose certificate for `release` lasts for a year."""
    key = ec.generate_private_key(ec.SECP256R1())
    root = make_root(key, end - timedelta(days=365 * ROOT_YEARS))
    request = x509.load_pem_x509_csr(world.services.signers.csr(world.admin, "release").encode())
    leaf = (
        x509.CertificateBuilder()
        .subject_name(request.subject)
        .issuer_name(root.subject)
        .public_key(request.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(world.clock() - DAY)
        .not_valid_after(world.clock() + 365 * DAY)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
        .sign(key, SHA256())
    )
    chain = "".join(to_pem(each.public_bytes(Encoding.DER)) for each in (leaf, root))
    world.services.signers.install_certificate(world.admin, "release", chain)


class TestAnExternalChain:
    @pytest.fixture
    def signer(self, world: World, ci: Caller) -> None:
        world.signer("release", external=True, ci=MemberRole.OPERATOR)
        install_with_an_issuer_until(world, world.clock() + timedelta(seconds=45))

    @pytest.mark.usefixtures("signer")
    def test_is_shown_before_an_issuer_of_it_ends(self, world: World, ci: Caller) -> None:
        world.services.signing.sign(ci, a_call("release"))
        view = world.services.signers.get(world.admin, "release")
        certificate = view.signer.certificate
        assert view.status is SignerStatus.ACTIVE
        assert certificate is not None
        assert certificate.usable_until < certificate.not_after
        (told,) = warnings(world)
        assert "Sealwright Root" in told
        assert "expires today" in told

    @pytest.mark.usefixtures("signer")
    def test_signs_nothing_once_an_issuer_of_it_has_ended(self, world: World, ci: Caller) -> None:
        world.services.signing.sign(ci, a_call("release"))
        world.clock.advance(seconds=45)
        refused = refusal(world, ci)
        assert refused.code is Code.CERTIFICATE_EXPIRED
        assert "rests on that of 'CN=Sealwright Root" in refused.title
        row = world.last_row().entry
        assert (row.outcome, row.reason) == ("denied", "certificate_expired")
        view = world.services.signers.get(world.admin, "release")
        assert view.status is SignerStatus.EXPIRED
        (told,) = warnings(world)
        assert "expired on" in told

    @pytest.mark.usefixtures("signer")
    def test_is_told_to_modules_that_hold_it(self, world: World, ci: Caller) -> None:
        """Although nothing was changed."""

        def status() -> str:
            rendered = world.services.catalogue.rendered(
                ci, lambda seen: seen.signers[0].status.encode()
            )
            return rendered.body.decode()

        assert status() == "active"
        world.clock.advance(seconds=45)
        assert status() == "expired"


class TestTheBuiltInCa:
    def test_certifies_nothing_beyond_its_own_end_and_says_when_that_is(self, world: World) -> None:
        world.clock.advance(days=365 * INTERMEDIATE_YEARS - 20)
        view = world.signer("release")
        certificate = view.signer.certificate
        assert certificate is not None
        assert certificate.not_after - world.clock() <= 20 * DAY
        leaf, issuer = warnings(world)
        assert leaf.startswith("The certificate expires in")
        assert issuer.startswith("The issuing certificate 'CN=Sealwright Code Signing CA")

    def test_certifies_nothing_on_its_last_day(self, world: World) -> None:
        world.signer("release")
        world.clock.advance(days=365 * INTERMEDIATE_YEARS, hours=-23)
        calls: tuple[Callable[[], object], ...] = (
            lambda: world.services.signers.create(
                world.admin, SignerDescription("other", KeyAlgorithm.P256, "ACME other")
            ),
            lambda: world.services.signers.renew(world.admin, "release"),
        )
        for call in calls:
            with pytest.raises(Refused) as refused:
                call()
            assert refused.value.code is Code.ISSUER_ENDS

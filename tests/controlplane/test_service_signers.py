"""Signers through their lives, who may see and change them, and the module's catalogue."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from controlplane.api.refusals import status_of
from controlplane.api.words import say_warning
from controlplane.domain.model import Caller, KeyAlgorithm, MemberRole, ServerRole, SignerStatus
from controlplane.domain.page import PageRequest
from controlplane.domain.signer import SignerDescription
from controlplane.errors import Refused
from controlplane.service.catalogue import (
    MOST_REMEMBERED,
    CatalogueContent,
    RenderedCatalogue,
)
from controlplane.service.members import Members
from controlplane.service.signers import Signers
from tests.kinds import QUICK
from tests.world import World, a_call


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path / "data")
    with world.services:
        yield world


@pytest.fixture
def signers(world: World) -> Signers:
    return world.services.signers


@pytest.fixture
def members(world: World) -> Members:
    return world.services.members


def refusal(call: Callable[[], object]) -> tuple[int, str]:
    with pytest.raises(Refused) as refused:
        call()
    return status_of(refused.value.code), refused.value.code


class OtherCa:
    """Answers requests as the CA of a company would."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Other CA")])

    def answer(self, csr: str) -> str:
        """PEM of the leaf and the root."""
        request = x509.load_pem_x509_csr(csr.encode())
        assert request.is_signature_valid
        purposes = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING])
        leaf = self._build(request.subject, request.public_key()).add_extension(purposes, False)
        constraints = x509.BasicConstraints(True, None)
        root = self._build(self._name, self._key.public_key()).add_extension(constraints, True)
        signed = [each.sign(self._key, SHA256()) for each in (leaf, root)]
        return "".join(each.public_bytes(Encoding.PEM).decode() for each in signed)

    def _build(self, subject: x509.Name, key: object) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)  # type: ignore[arg-type]
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=10))
        )


class TestCreation:
    @pytest.mark.parametrize("key", list(KeyAlgorithm))
    def test_gives_a_certificate_of_the_built_in_ca_for_every_kind_of_key(
        self, world: World, signers: Signers, key: KeyAlgorithm
    ) -> None:
        view = world.signer("release", key)
        assert (view.signer.number, view.status, view.role) == (1, SignerStatus.ACTIVE, None)
        found = signers.certificate(world.admin, "release")
        leaf = x509.load_pem_x509_certificate(found.certificate.encode())
        assert format(leaf.serial_number, "x") == found.serial
        assert "".join(found.chain) == signers.ca_certificate()
        assert len(view.warnings) == (key is KeyAlgorithm.RSA_2048)

    def test_creating_a_signer_makes_nobody_a_member(self, world: World, members: Members) -> None:
        world.signer()
        assert members.list(world.admin, "release", PageRequest()).items == ()

    @pytest.mark.parametrize("days", [1, 460])
    def test_days_are_taken(self, world: World, signers: Signers, days: int) -> None:
        view = signers.create(world.admin, SignerDescription("x", KeyAlgorithm.P256, "ACME"), days)
        certificate = view.signer.certificate
        assert certificate is not None
        assert certificate.not_after - certificate.not_before == timedelta(days=days)

    @pytest.mark.parametrize("days", [0, -1, 461])
    def test_days_out_of_range_are_refused(self, world: World, signers: Signers, days: int) -> None:
        with pytest.raises(Refused) as refused:
            signers.create(world.admin, SignerDescription("x", KeyAlgorithm.P256, "ACME"), days)
        assert (status_of(refused.value.code), refused.value.field) == (400, "days")

    def test_names_and_numbers_are_never_given_again(self, world: World, signers: Signers) -> None:
        world.signer("a")
        world.signer("b")
        assert refusal(lambda: world.signer("b")) == (409, "signer_exists")
        world.delete_signer("b")
        assert refusal(lambda: world.signer("b")) == (409, "signer_name_used")
        assert world.signer("c").signer.number == 3

    def test_lists_are_paged_by_number(self, world: World, signers: Signers) -> None:
        for name in ("z", "y", "x"):
            world.signer(name)
        first = signers.list(world.admin, PageRequest(2))
        second = signers.list(world.admin, PageRequest(2, first.next))
        names = [[view.signer.name for view in page.items] for page in (first, second)]
        assert names == [["z", "y"], ["x"]]
        assert second.next is None


class TestExternal:
    @pytest.mark.parametrize("key", QUICK)
    def test_is_pending_until_its_chain_is_installed(
        self, world: World, signers: Signers, key: KeyAlgorithm
    ) -> None:
        world.identity("ann")
        view = world.signer("release", key, external=True, ann=MemberRole.OPERATOR)
        assert (view.status, view.signer.certificate) == (SignerStatus.PENDING, None)
        _, code = refusal(lambda: signers.certificate(world.admin, "release"))
        assert code == "signer_pending"

        chain = OtherCa().answer(signers.csr(world.admin, "release"))
        installed = signers.install_certificate(world.admin, "release", chain)

        assert installed.status is SignerStatus.ACTIVE
        told = [say_warning(each) for each in installed.warnings]
        assert any("expires in" in each for each in told)  # ten days are left
        found = signers.certificate(world.admin, "release")
        assert found.certificate + "".join(found.chain) == chain

    def test_a_chain_for_another_key_is_refused(self, world: World, signers: Signers) -> None:
        world.signer("a", external=True)
        world.signer("b", external=True)
        chain = OtherCa().answer(signers.csr(world.admin, "a"))
        install = lambda: signers.install_certificate(world.admin, "b", chain)  # noqa: E731
        assert refusal(install) == (400, "invalid_request")
        assert signers.get(world.admin, "b").status is SignerStatus.PENDING

    def test_renewing_signs_with_the_old_key_until_the_new_chain_is_there(
        self, world: World, signers: Signers
    ) -> None:
        ann = world.identity("ann")
        world.signer(external=True, ann=MemberRole.OPERATOR)
        ca = OtherCa()
        old_csr = signers.csr(world.admin, "release")
        before = signers.install_certificate(world.admin, "release", ca.answer(old_csr)).signer
        assert before.certificate is not None

        renewed = signers.renew(world.admin, "release").signer
        assert renewed == before
        new_csr = signers.csr(world.admin, "release")
        assert new_csr != old_csr
        signed = world.services.signing.sign(ann, a_call())
        assert signed.certificate_serial == before.certificate.serial

        after = signers.install_certificate(world.admin, "release", ca.answer(new_csr)).signer
        assert after.public_key != before.public_key
        late = lambda: signers.install_certificate(world.admin, "release", ca.answer(old_csr))  # noqa: E731
        assert refusal(late) == (400, "invalid_request")

    def test_only_external_signers_have_requests(self, world: World, signers: Signers) -> None:
        world.signer()
        csr = lambda: signers.csr(world.admin, "release")  # noqa: E731
        install = lambda: signers.install_certificate(world.admin, "release", "")  # noqa: E731
        assert refusal(csr) == (409, "signer_not_external")
        assert refusal(install) == (409, "signer_not_external")


class TestSubject:
    FULL = SignerDescription(
        "release", KeyAlgorithm.P256, "ACME", False, "ACME Ltd", "Tools", "K\u00f6ln", "DE"
    )
    WRITTEN = "CN=ACME,OU=Tools,O=ACME Ltd,L=K\u00f6ln,C=DE"

    def test_stays_through_renewals(self, world: World, signers: Signers) -> None:
        made = signers.create(world.admin, self.FULL)
        renewed = signers.renew(world.admin, "release")
        for view in (made, renewed):
            assert view.signer.subject == self.FULL.subject
            assert view.signer.certificate is not None
            assert view.signer.certificate.subject == self.WRITTEN

    def test_stands_in_the_request_to_another_ca(self, world: World, signers: Signers) -> None:
        signers.create(world.admin, replace(self.FULL, external=True))
        csr = x509.load_pem_x509_csr(signers.csr(world.admin, "release").encode())
        assert csr.subject.rfc4514_string() == self.WRITTEN


class TestLife:
    def test_renewing_makes_a_new_key_pair_and_keeps_the_identity(
        self, world: World, signers: Signers
    ) -> None:
        before = world.signer().signer
        after = signers.renew(world.admin, "release", 10).signer
        assert (after.id, after.number, after.name) == (before.id, before.number, before.name)
        assert after.public_key != before.public_key
        assert after.certificate is not None
        assert before.certificate is not None
        assert after.certificate.serial != before.certificate.serial

    def test_disabling_and_enabling(self, world: World, signers: Signers) -> None:
        world.signer()
        assert signers.disable(world.admin, "release").status is SignerStatus.DISABLED
        assert signers.disable(world.admin, "release").status is SignerStatus.DISABLED
        assert signers.enable(world.admin, "release").status is SignerStatus.ACTIVE

    def test_a_deleted_signer_is_gone_but_for_its_rows(
        self, world: World, signers: Signers
    ) -> None:
        ann = world.identity("ann")
        world.signer(ann=MemberRole.OPERATOR)
        world.services.signing.sign(ann, a_call())
        world.delete_signer("release")
        assert refusal(lambda: signers.get(world.admin, "release")) == (404, "signer_not_found")
        assert signers.list(world.admin, PageRequest()).items == ()
        assert refusal(lambda: world.services.signing.sign(ann, a_call())) == (
            404,
            "signer_not_found",
        )
        assert [row.entry.action for row in world.rows(signer="release")] == [
            None,
            "signer:delete",
            "signer:disable",
            None,
            "member:add",
            "signer:create",
        ]


class TestWhoMay:
    CHANGES = ("create", "renew", "delete", "undelete", "install")
    MANAGING = ("disable", "disable again", "enable", "add member", "remove member", "csr")
    READING = ("get", "members", "certificate")

    @pytest.mark.parametrize(
        ("who", "allowed", "otherwise"),
        [
            ("admin", {*CHANGES, *MANAGING, *READING}, 403),
            ("server auditor", set(READING), 403),
            ("administrator", {*MANAGING, *READING}, 403),
            ("operator", set(READING), 403),
            ("auditor", set(READING), 403),
            ("stranger", set(), 404),
        ],
    )
    def test_every_right(self, world: World, who: str, allowed: set[str], otherwise: int) -> None:
        server_role = {"admin": ServerRole.ADMIN, "server auditor": ServerRole.AUDITOR}.get(who)
        ann = world.identity("ann", role=server_role)
        world.identity("bob")
        world.signer(external=True)
        if who in set(MemberRole):
            world.services.members.add(world.admin, "release", "ann", MemberRole(who))
        signers, members = world.services.signers, world.services.members
        chain = OtherCa().answer(signers.csr(world.admin, "release"))
        signers.install_certificate(world.admin, "release", chain)
        other = SignerDescription("other", KeyAlgorithm.P256, "x")
        actions: dict[str, Callable[[], object]] = {
            "get": lambda: signers.get(ann, "release"),
            "members": lambda: members.list(ann, "release", PageRequest()),
            "certificate": lambda: signers.certificate(ann, "release"),
            "csr": lambda: signers.csr(ann, "release"),
            "disable": lambda: signers.disable(ann, "release"),
            "enable": lambda: signers.enable(ann, "release"),
            "add member": lambda: members.add(ann, "release", "bob", MemberRole.OPERATOR),
            "remove member": lambda: members.remove(ann, "release", "bob"),
            "create": lambda: signers.create(ann, other),
            "install": lambda: signers.install_certificate(ann, "release", chain),
            "renew": lambda: signers.renew(ann, "release"),
            "disable again": lambda: signers.disable(ann, "release"),
            "delete": lambda: signers.delete(ann, "release"),
            "undelete": lambda: signers.undelete(ann, "release"),
        }
        for name, action in actions.items():
            if name in allowed:
                action()
            else:
                expected = 403 if name == "create" else otherwise
                assert refusal(action)[0] == expected, name

    def test_lists_show_what_the_caller_may_see(self, world: World, signers: Signers) -> None:
        ann = world.identity("ann")
        auditor = world.identity("eve", role=ServerRole.AUDITOR)
        world.signer("a", ann=MemberRole.AUDITOR)
        world.signer("b")
        seen = [(view.signer.name, view.role) for view in signers.list(ann, PageRequest()).items]
        assert seen == [("a", MemberRole.AUDITOR)]
        assert len(signers.list(auditor, PageRequest()).items) == 2


class TestMembers:
    def test_adding_again_changes_the_role(self, world: World, members: Members) -> None:
        world.identity("ann")
        world.signer()
        first = members.add(world.admin, "release", "ann", MemberRole.OPERATOR)
        second = members.add(world.admin, "release", "ann", MemberRole.AUDITOR)
        third = members.add(world.admin, "release", "ann", MemberRole.AUDITOR)
        assert [each.created for each in (first, second, third)] == [True, False, False]
        assert second.member.added_at == first.member.added_at
        assert members.list(world.admin, "release", PageRequest()).items == (second.member,)
        rows = [row.entry for row in reversed(world.rows(signer="release"))]
        assert [(row.action, row.object, row.details) for row in rows[1:]] == [
            ("member:add", "ann", {"role": "operator", "before": None}),
            ("member:change", "ann", {"role": "auditor", "before": "operator"}),
        ]

    def test_who_is_no_member_cannot_be_removed(self, world: World, members: Members) -> None:
        world.identity("ann")
        world.signer()
        remove = lambda: members.remove(world.admin, "release", "ann")  # noqa: E731
        assert refusal(remove) == (404, "member_not_found")

    def test_only_identities_can_be_added(self, world: World, members: Members) -> None:
        world.signer()
        add = lambda: members.add(world.admin, "release", "ann", MemberRole.OPERATOR)  # noqa: E731
        assert refusal(add) == (404, "identity_not_found")

    def test_are_paged_by_name(self, world: World, members: Members) -> None:
        world.signer()
        for name in ("carol", "ann", "bob"):
            world.identity(name)
            members.add(world.admin, "release", name, MemberRole.OPERATOR)
        first = members.list(world.admin, "release", PageRequest(2))
        second = members.list(world.admin, "release", PageRequest(2, first.next))
        names = [[member.identity for member in page.items] for page in (first, second)]
        assert names == [["ann", "bob"], ["carol"]]


class TestCatalogue:
    def test_has_each_issuer_once_and_signers_by_number(self, world: World) -> None:
        world.signer("b")
        world.signer("a")
        world.signer("c", external=True)
        content = world.services.catalogue.get(world.admin)
        assert [each.view.signer.name for each in content.signers] == ["b", "a", "c"]
        assert len(content.certificates) == 2
        assert content.signers[0].issuers == content.signers[1].issuers
        assert content.signers[2].issuers == ()
        for certificate in content.certificates:
            assert hashlib.sha256(certificate.der).hexdigest() == certificate.sha256
        in_order = {each.sha256: each.der for each in content.certificates}
        intermediate, root = (
            x509.load_der_x509_certificate(in_order[each]) for each in content.signers[0].issuers
        )
        assert root.issuer == root.subject == intermediate.issuer

    def test_its_tag_changes_with_what_it_says_and_only_then(self, world: World) -> None:
        world.identity("ann")
        world.signer()
        get = world.services.catalogue.get
        tags = [get(world.admin).etag]
        world.identity("bob")
        assert get(world.admin).etag == tags[0]
        changes: list[Callable[[], object]] = [
            lambda: world.services.signers.disable(world.admin, "release"),
            lambda: world.services.signers.renew(world.admin, "release"),
            lambda: world.services.members.add(world.admin, "release", "admin", MemberRole.AUDITOR),
            lambda: world.signer("other"),
            lambda: world.delete_signer("other"),
        ]
        for change in changes:
            change()
            tags.append(get(world.admin).etag)
        assert len(set(tags[:5])) == 5
        assert tags[5] == tags[3]

    def test_is_rendered_once_until_something_changes(self, world: World) -> None:
        ann = world.identity("ann")
        world.signer()
        rendered: list[CatalogueContent] = []

        def render(content: CatalogueContent) -> bytes:
            rendered.append(content)
            return str(len(rendered)).encode()

        def ask(caller: Caller) -> bytes:
            return world.services.catalogue.rendered(caller, render).body

        assert [ask(world.admin), ask(ann), ask(world.admin), ask(ann)] == [b"1", b"2", b"1", b"2"]
        world.services.members.add(world.admin, "release", "ann", MemberRole.OPERATOR)
        assert [ask(world.admin), ask(ann), ask(world.admin), ask(ann)] == [b"3", b"4", b"3", b"4"]
        assert [len(each.signers) for each in rendered] == [1, 0, 1, 1]

    def test_is_rendered_again_when_time_alone_makes_it_untrue(self, world: World) -> None:
        world.signer()

        def render(content: CatalogueContent) -> bytes:
            return content.signers[0].view.status.encode()

        def ask() -> RenderedCatalogue:
            return world.services.catalogue.rendered(world.admin, render)

        before = ask()
        world.clock.advance(days=1000)
        after = ask()
        assert (before.body, after.body) == (b"active", b"expired")
        assert before.etag != after.etag
        assert ask() is after

    def test_what_was_asked_for_longest_ago_is_forgotten_first(self, world: World) -> None:
        callers = [world.admin, world.identity("ann"), world.identity("bob")]
        rendered: list[str] = []

        def ask(caller: Caller) -> None:
            def render(_: CatalogueContent) -> bytes:
                rendered.append(caller.identity.name)
                return bytes(MOST_REMEMBERED // 2)

            world.services.catalogue.rendered(caller, render)

        for place in (0, 1, 0, 2, 0, 1):
            ask(callers[place])
        assert rendered == ["admin", "ann", "bob", "ann"]

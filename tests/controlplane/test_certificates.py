"""Certificates that code signing asks for, and chains that do not get past us."""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from controlplane.algorithms.kinds import KeyAlgorithm
from controlplane.algorithms.scheme import PrivateKey
from controlplane.api.refusals import status_of
from controlplane.certificates.authority import Issuer, issue_leaf, make_intermediate, make_root
from controlplane.certificates.chain import check_chain
from controlplane.certificates.reading import format_serial, to_pem
from controlplane.certificates.request import make_request
from controlplane.domain.model import Certificate
from controlplane.domain.subject import Subject
from controlplane.errors import Refused
from tests.kinds import QUICK

NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)


SIGNED_WITH = {  # as openssl says it
    KeyAlgorithm.RSA_3072: "sha256WithRSAEncryption",
    KeyAlgorithm.P256: "ecdsa-with-SHA256",
    KeyAlgorithm.P384: "ecdsa-with-SHA384",
    KeyAlgorithm.P521: "ecdsa-with-SHA512",
    KeyAlgorithm.ED25519: "ED25519",
}


def spki(key: PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@dataclass(frozen=True)
class BuiltIn:
    root: x509.Certificate
    intermediate: x509.Certificate
    issuer: Issuer


@pytest.fixture(scope="module")
def built_in() -> BuiltIn:
    root_key, key = (ec.generate_private_key(ec.SECP384R1()) for _ in range(2))
    root = make_root(root_key, NOW)
    intermediate = make_intermediate(Issuer(root_key, (root,)), key.public_key(), NOW)
    return BuiltIn(root, intermediate, Issuer(key, (intermediate, root)))


FULL = Subject("ACME Ltd", "ACME", "Tools", "Köln", "DE")


class TestBuiltInCa:
    @pytest.fixture
    def leaf(self, built_in: BuiltIn) -> Certificate:
        key = rsa.generate_private_key(65537, 2048)
        return issue_leaf(built_in.issuer, spki(key), FULL, 460, NOW)

    def test_a_leaf_has_the_profile_of_a_code_signer(self, leaf: Certificate) -> None:
        certificate = x509.load_der_x509_certificate(leaf.der)
        found = {
            extension.oid._name: (extension.critical, extension.value)
            for extension in certificate.extensions
        }
        assert set(found) == {
            "basicConstraints",
            "keyUsage",
            "extendedKeyUsage",
            "subjectKeyIdentifier",
            "authorityKeyIdentifier",
        }
        assert found["basicConstraints"] == (True, x509.BasicConstraints(False, None))
        critical, usage = found["keyUsage"]
        assert critical
        assert usage == x509.KeyUsage(True, *[False] * 8)
        purposes = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING])
        assert found["extendedKeyUsage"] == (False, purposes)
        assert certificate.subject.rfc4514_string() == "CN=ACME Ltd,OU=Tools,O=ACME,L=Köln,C=DE"

    def test_it_is_valid_now_and_no_longer_than_460_days(self, leaf: Certificate) -> None:
        assert leaf.not_before < NOW < leaf.not_after
        assert leaf.not_after - leaf.not_before == 460 * DAY

    def test_serials_are_random_positive_and_128_bits_long(self, built_in: BuiltIn) -> None:
        key = spki(ec.generate_private_key(ec.SECP256R1()))
        serials = {issue_leaf(built_in.issuer, key, Subject("x"), 1, NOW).serial for _ in range(20)}
        assert len(serials) == 20
        assert all(len(serial) == 32 and int(serial, 16) < 1 << 127 for serial in serials)

    def test_a_leaf_never_outlives_its_issuer(self, built_in: BuiltIn) -> None:
        key = spki(ec.generate_private_key(ec.SECP256R1()))
        end = built_in.intermediate.not_valid_after_utc
        assert issue_leaf(built_in.issuer, key, Subject("x"), 460, end - 10 * DAY).not_after == end

    def test_the_authorities_last_more_than_ten_years(self, built_in: BuiltIn) -> None:
        for certificate in (built_in.root, built_in.intermediate):
            assert certificate.not_valid_after_utc - NOW > 10 * 365 * DAY

    @pytest.mark.parametrize("key", QUICK)
    def test_openssl_verifies_the_chain_for_code_signing(
        self, key: KeyAlgorithm, built_in: BuiltIn, tmp_path: Path
    ) -> None:
        leaf = issue_leaf(built_in.issuer, spki(key.kind.generate()), Subject("ACME Ltd"), 460, NOW)
        (tmp_path / "leaf.pem").write_text(to_pem(leaf.der))
        (tmp_path / "between.pem").write_text(to_pem(leaf.chain[0]))
        (tmp_path / "root.pem").write_text(to_pem(leaf.chain[1]))
        command = [
            *("openssl", "verify", "-x509_strict", "-CAfile", "root.pem"),
            *("-untrusted", "between.pem", "leaf.pem"),
        ]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (0, "leaf.pem: OK\n"), done.stderr

    def test_our_own_check_accepts_it_in_any_order(
        self, leaf: Certificate, built_in: BuiltIn
    ) -> None:
        public_key = x509.load_der_x509_certificate(leaf.der).public_key()
        key = public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        pem = to_pem(leaf.chain[1]) + to_pem(leaf.chain[0]) + to_pem(leaf.der)
        assert check_chain(pem, [b"other", key], NOW) == (key, leaf)


@pytest.mark.parametrize("key", QUICK)
def test_openssl_reads_our_request(tmp_path: Path, key: KeyAlgorithm) -> None:
    (tmp_path / "request.pem").write_text(make_request(key.kind.generate(), FULL))
    command = [
        "openssl",
        "req",
        "-in",
        "request.pem",
        "-verify",
        "-noout",
        "-text",
        "-nameopt",
        "utf8,sep_comma_plus_space,space_eq",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "verify OK" in done.stderr
    assert "Subject: C = DE, L = Köln, O = ACME, OU = Tools, CN = ACME Ltd" in done.stdout
    assert "Code Signing" in done.stdout
    assert SIGNED_WITH.get(key, "") in done.stdout


@pytest.mark.parametrize(("serial", "text"), [(0, "00"), (10, "0a"), (0xABC, "0abc")])
def test_serials_are_whole_octets_of_hex(serial: int, text: str) -> None:
    assert format_serial(serial) == text


def usage(*, signature: bool = False, certificates: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(signature, False, False, False, False, certificates, *[False] * 3)


class OtherCa:
    """A CA of somebody else, that makes whatever mistake is asked for."""

    def __init__(self) -> None:
        self.keys = {
            name: ec.generate_private_key(ec.SECP256R1()) for name in ("root", "mid", "leaf")
        }

    def certificate(
        self,
        subject: str,
        issuer: str,
        *extensions: x509.ExtensionType,
        start: datetime = NOW - DAY,
        end: datetime = NOW + DAY,
        signed_by: str | None = None,
    ) -> str:
        builder = (
            x509.CertificateBuilder()
            .subject_name(self.name(subject))
            .issuer_name(self.name(issuer))
            .public_key(self.keys[subject].public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(end)
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=False)
        signed = builder.sign(self.keys[signed_by or issuer], SHA256())
        return signed.public_bytes(Encoding.PEM).decode()

    @staticmethod
    def name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    def root(
        self,
        *extensions: x509.ExtensionType,
        start: datetime = NOW - DAY,
        end: datetime = NOW + DAY,
    ) -> str:
        return self.certificate("root", "root", *(extensions or (CA,)), start=start, end=end)

    def mid(
        self,
        *extensions: x509.ExtensionType,
        start: datetime = NOW - DAY,
        end: datetime = NOW + DAY,
    ) -> str:
        return self.certificate("mid", "root", *(extensions or (CA,)), start=start, end=end)

    def leaf(
        self,
        *extensions: x509.ExtensionType,
        start: datetime = NOW - DAY,
        end: datetime = NOW + DAY,
    ) -> str:
        return self.certificate("leaf", "mid", *(extensions or (CODE,)), start=start, end=end)


CA = x509.BasicConstraints(True, None)
CODE = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING])
TLS = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
Chain = Callable[[OtherCa], str]


@pytest.fixture(scope="module")
def ca() -> OtherCa:
    return OtherCa()


class TestChainOfAnotherCa:
    @pytest.mark.parametrize(
        "chain",
        [
            lambda ca: ca.leaf() + ca.mid() + ca.root(),
            lambda ca: ca.root() + ca.leaf() + ca.mid(),
            lambda ca: "text before\n" + ca.leaf() + ca.mid() + ca.root() + "text after\n",
            lambda ca: ca.leaf(CODE, usage(signature=True)) + ca.mid() + ca.root(),
            lambda ca: ca.leaf() + ca.mid(CA, usage(certificates=True), CODE) + ca.root(),
            lambda ca: ca.leaf() + ca.mid(x509.BasicConstraints(True, 0)) + ca.root(),
        ],
    )
    def test_is_accepted_and_put_in_order(self, ca: OtherCa, chain: Chain) -> None:
        key, certificate = check_chain(chain(ca), [spki(ca.keys["leaf"])], NOW)
        assert key == spki(ca.keys["leaf"])
        subjects = [x509.load_der_x509_certificate(der).subject for der in certificate.chain]
        assert subjects == [ca.name("mid"), ca.name("root")]
        assert certificate.issuer == "CN=mid"

    def test_a_certificate_given_twice_counts_once(self, ca: OtherCa) -> None:
        root = ca.root()
        check_chain(ca.leaf() + ca.mid() + root + root, [spki(ca.keys["leaf"])], NOW)

    @pytest.mark.parametrize(
        ("chain", "says"),
        [
            (lambda _: "", "no certificates in PEM"),
            (lambda _: "nonsense", "no certificates in PEM"),
            (lambda ca: ca.leaf().replace("M", "!", 3), "no certificates in PEM"),
            (lambda ca: ca.leaf() * 2000, "longer than"),
            (lambda ca: "".join(ca.leaf() for _ in range(11)), "more than 10"),
            (lambda ca: ca.mid() + ca.root(), "None of the certificates is for this signer's key"),
            (lambda ca: ca.leaf() + ca.leaf() + ca.mid() + ca.root(), "More than one"),
            (lambda ca: ca.leaf() + ca.root(), "issuer 'CN=mid' is missing"),
            (lambda ca: ca.leaf() + ca.mid(), "issuer 'CN=root' is missing"),
            (
                lambda ca: ca.certificate("leaf", "leaf", CODE),
                "self-signed",
            ),
            (
                lambda ca: (
                    ca.certificate("leaf", "mid", CODE, signed_by="root") + ca.mid() + ca.root()
                ),
                "issuer 'CN=mid' is missing",
            ),
            (lambda ca: ca.leaf(TLS) + ca.mid() + ca.root(), "lacks the extended key usage"),
            (lambda ca: ca.leaf(usage()) + ca.mid() + ca.root(), "lacks the extended key usage"),
            (lambda ca: ca.leaf(CODE, usage()) + ca.mid() + ca.root(), "lacks digitalSignature"),
            (lambda ca: ca.leaf(CODE, CA) + ca.mid() + ca.root(), "one of a CA"),
            (lambda ca: ca.leaf(end=NOW) + ca.mid() + ca.root(), "'CN=leaf' expired at"),
            (
                lambda ca: ca.leaf(start=NOW + timedelta(seconds=1)) + ca.mid() + ca.root(),
                "'CN=leaf' is not valid before",
            ),
            (lambda ca: ca.leaf() + ca.mid(end=NOW) + ca.root(), "'CN=mid' expired"),
            (lambda ca: ca.leaf() + ca.mid() + ca.root(end=NOW), "'CN=root' expired"),
            (
                lambda ca: ca.leaf() + ca.mid(usage(certificates=True)) + ca.root(),
                "basic constraints forbid it",
            ),
            (
                lambda ca: ca.leaf() + ca.mid() + ca.root(usage(certificates=True)),
                "basic constraints forbid it",
            ),
            (
                lambda ca: ca.leaf() + ca.mid() + ca.root(x509.BasicConstraints(True, 0)),
                "allows no chain of this length",
            ),
            (
                lambda ca: ca.leaf() + ca.mid(CA, usage(signature=True)) + ca.root(),
                "key usage forbids it",
            ),
            (lambda ca: ca.leaf() + ca.mid(CA, TLS) + ca.root(), "not for code signing"),
            (
                lambda ca: (
                    ca.leaf()
                    + ca.mid()
                    + ca.root()
                    + to_pem(make_root(ca.keys["mid"], NOW).public_bytes(Encoding.DER))
                ),
                "not part of the chain",
            ),
        ],
    )
    def test_is_refused_with_the_reason(self, ca: OtherCa, chain: Chain, says: str) -> None:
        with pytest.raises(Refused) as refused:
            check_chain(chain(ca), [spki(ca.keys["leaf"])], NOW)
        assert says in refused.value.title
        assert (status_of(refused.value.code), refused.value.field) == (400, "chain")

    def test_a_private_key_in_the_file_is_pointed_out(self, ca: OtherCa) -> None:
        key = ca.keys["leaf"].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        with pytest.raises(Refused, match="private key"):
            check_chain(key.decode() + ca.leaf(), [spki(ca.keys["leaf"])], NOW)

"""OpenSC's pkcs11-tool: what it lists, and signatures that openssl verifies."""

import re
from itertools import pairwise

import pytest
from cryptography import x509

from tests.gateway import gateway_to
from tests.server import ControlPlane
from tests.tools.tool import Workbench

DATA = b"release 1.0\n" * 1000  # longer than one of the tool's parts


def public_key(workbench: Workbench, plane: ControlPlane, signer: str) -> str:
    """PEM file of the signer's public key, from its certificate."""
    workbench.write("leaf.pem", plane.client().certificate(signer).value.certificate.encode())
    key = workbench.must("openssl", "x509", "-in", "leaf.pem", "-noout", "-pubkey")
    return str(workbench.write("key.pem", key.encode()))


def test_each_signer_is_a_token(
    workbench: Workbench, control_plane: ControlPlane, slots: dict[str, int]
) -> None:
    listed = workbench.must("pkcs11-tool", "--module", workbench.module, "-L")
    found = re.findall(r"Slot \d+ \((0x\w+)\): .*\n  token label +: (\S+)\n", listed)
    assert {label: int(number, 16) for number, label in found} == slots
    assert set(re.findall(r"token flags +: (.*)", listed)) == {
        "rng, token initialized, PIN initialized"
    }


@pytest.mark.parametrize("signer", ["rsa-3072", "p256"])
def test_the_key_and_the_whole_chain_are_listed(
    workbench: Workbench, control_plane: ControlPlane, slots: dict[str, int], signer: str
) -> None:
    listed = workbench.pkcs11_tool(slots[signer], "-O")
    assert listed.code == 0
    answer = control_plane.client().certificate(signer).value
    chain = [answer.certificate, *answer.chain]
    names = [x509.load_pem_x509_certificate(pem.encode()).subject.rfc4514_string() for pem in chain]
    assert len(chain) == 3
    assert re.findall(r"subject: +DN: (.*)", listed.out) == names
    kinds = re.findall(r"^(\w+ (?:Key )?Object)", listed.out, re.MULTILINE)
    assert kinds == ["Private Key Object", "Public Key Object", *["Certificate Object"] * 3]
    labels = re.findall(r"label: +(.*)", listed.out)
    assert labels == [signer] * 3 + [name.removeprefix("CN=") for name in names[1:]]
    ids = re.findall(r"ID: +(\w+)", listed.out)
    assert len(set(ids[:3])) == 1
    assert len(set(ids)) == 3
    for certificate, issuer in pairwise(chain):
        x509.load_pem_x509_certificate(certificate.encode()).verify_directly_issued_by(
            x509.load_pem_x509_certificate(issuer.encode())
        )


RSA = [
    f"{name}, keySize={{2048,4096}}, sign, verify"
    for name in (
        "RSA-PKCS",
        *(f"SHA{bits}-RSA-PKCS" for bits in (256, 384, 512)),
        "RSA-PKCS-PSS",
        *(f"SHA{bits}-RSA-PKCS-PSS" for bits in (256, 384, 512)),
    )
]
EC = [
    f"{name}, keySize={{256,521}}, sign, verify, EC F_P, EC OID, EC uncompressed"
    for name in ("ECDSA", *(f"ECDSA-SHA{bits}" for bits in (256, 384, 512)))
]
DIGESTS = [f"{name}, digest" for name in ("SHA-1", "SHA224", "SHA256", "SHA384", "SHA512")]


@pytest.mark.parametrize(("signer", "expected"), [("rsa-2048", RSA), ("p384", EC)])
def test_exactly_these_mechanisms_are_offered(
    workbench: Workbench, slots: dict[str, int], signer: str, expected: list[str]
) -> None:
    listed = workbench.pkcs11_tool(slots[signer], "-M").out.splitlines()
    assert listed[0] == "Supported mechanisms:"
    assert [line.strip() for line in listed[1:]] == expected + DIGESTS


def test_its_own_tests_pass(workbench: Workbench, slots: dict[str, int]) -> None:
    for signer in ("rsa-2048", "p256"):
        ended = workbench.pkcs11_tool(slots[signer], "--test")
        assert ended.code == 0, ended.err
        assert "No errors" in ended.out


@pytest.mark.parametrize("signer", ["rsa-2048", "rsa-3072"])
@pytest.mark.parametrize("bits", [256, 384, 512])
@pytest.mark.parametrize("padding", ["pkcs1", "pss"])
def test_a_file_signed_with_rsa_is_verified_by_openssl(
    workbench: Workbench,
    control_plane: ControlPlane,
    slots: dict[str, int],
    signer: str,
    bits: int,
    padding: str,
) -> None:
    workbench.write("data", DATA)
    mechanism = f"SHA{bits}-RSA-PKCS" + ("-PSS" if padding == "pss" else "")
    files = ["--input-file", "data", "--output-file", "signature"]
    signed = workbench.pkcs11_tool(slots[signer], "--sign", "-m", mechanism, *files)
    assert signed.code == 0, signed.err
    key = public_key(workbench, control_plane, signer)
    options = ["-sigopt", "rsa_padding_mode:pss"] if padding == "pss" else []
    arguments = [f"-sha{bits}", *options, "-verify", key, "-signature", "signature", "data"]
    assert workbench.must("openssl", "dgst", *arguments) == "Verified OK\n"


@pytest.mark.parametrize("signer", ["p256", "p384", "p521"])
@pytest.mark.parametrize("bits", [256, 384, 512])
def test_a_file_signed_with_ecdsa_is_verified_by_openssl(
    workbench: Workbench,
    control_plane: ControlPlane,
    slots: dict[str, int],
    signer: str,
    bits: int,
) -> None:
    workbench.write("data", DATA)
    files = ["--input-file", "data", "--output-file", "signature", "--signature-format", "openssl"]
    mechanism = f"ECDSA-SHA{bits}"
    signed = workbench.pkcs11_tool(slots[signer], "--sign", "-m", mechanism, *files)
    assert signed.code == 0, signed.err
    key = public_key(workbench, control_plane, signer)
    arguments = [f"-sha{bits}", "-verify", key, "-signature", "signature", "data"]
    assert workbench.must("openssl", "dgst", *arguments) == "Verified OK\n"


@pytest.mark.parametrize(
    ("signer", "mechanism", "options"),
    [
        ("rsa-3072", "RSA-PKCS-PSS", ["--hash-algorithm", "SHA256"]),
        ("p256", "ECDSA", ["--signature-format", "openssl"]),
    ],
)
def test_a_digest_is_signed_as_it_is(
    workbench: Workbench,
    control_plane: ControlPlane,
    slots: dict[str, int],
    signer: str,
    mechanism: str,
    options: list[str],
) -> None:
    workbench.write("data", DATA)
    workbench.must("openssl", "dgst", "-sha256", "-binary", "-out", "digest", "data")
    files = ["--input-file", "digest", "--output-file", "signature"]
    signed = workbench.pkcs11_tool(slots[signer], "--sign", "-m", mechanism, *options, *files)
    assert signed.code == 0, signed.err
    key = public_key(workbench, control_plane, signer)
    padding = ["-sigopt", "rsa_padding_mode:pss"] if "PSS" in mechanism else []
    arguments = ["-sha256", *padding, "-verify", key, "-signature", "signature", "data"]
    assert workbench.must("openssl", "dgst", *arguments) == "Verified OK\n"


def test_a_cold_signature_costs_two_requests_on_one_connection(
    workbench: Workbench, control_plane: ControlPlane, slots: dict[str, int]
) -> None:
    workbench.write("data", b"short")
    with gateway_to(control_plane) as gateway:
        signed = workbench.with_variables(url=gateway.url).pkcs11_tool(
            slots["p256"],
            *("--sign", "-m", "ECDSA-SHA256", "--input-file", "data", "--output-file", "out"),
        )
        assert signed.code == 0, signed.err
        assert [(each.method, each.path) for each in gateway.requests] == [
            ("GET", "/v1/catalogue"),
            ("POST", "/v1/signers/p256/sign"),
        ]
        assert gateway.connections == 1


def test_a_key_given_as_the_pin_on_the_command_line_is_not_recorded(
    workbench: Workbench, control_plane: ControlPlane, slots: dict[str, int]
) -> None:
    key = control_plane.create_machine("careless")
    control_plane.client().add_member("p256", "careless", "operator")
    workbench.write("data", b"short")
    files = ["--input-file", "data", "--output-file", "signature"]
    signed = workbench.pkcs11_tool(
        slots["p256"], "--login", "--pin", key, "--sign", "-m", "ECDSA-SHA256", *files
    )
    assert signed.code == 0, signed.err
    newest = control_plane.signings("p256")[0]
    assert newest.actor == "careless"
    assert newest.client is not None
    assert newest.client.tool == "pkcs11-tool"
    assert newest.client.command is not None
    assert "--sign" in newest.client.command
    assert key not in newest.client.command
    assert key not in control_plane.log

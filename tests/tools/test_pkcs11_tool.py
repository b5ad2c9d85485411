"""OpenSC's pkcs11-tool: what it lists, and signatures that openssl verifies."""

import hashlib
import os
import re
from collections import Counter
from itertools import pairwise

import pytest
from cryptography import x509

from tests.gateway import gateway_to
from tests.server import ControlPlane
from tests.tools import openssl
from tests.tools.matrix import SIGNERS, ShellFor, every_access, every_signer
from tests.tools.recipes import WITH_LOGIN, Access, must_script, recipe
from tests.tools.summary import SignedWith, package_version
from tests.tools.tool import Ended, Workbench

TOOL = "pkcs11-tool"
LOGIN = "--login --pin env:PIN"
DATA = b"release 1.0\n" * 1000  # longer than one of the tool's parts


def test_each_signer_is_a_token(
    workbench: Workbench, control_plane: ControlPlane, slots: dict[str, int]
) -> None:
    listed = workbench.must("pkcs11-tool", "--module", workbench.module, "-L")
    found = re.findall(r"Slot \d+ \((0x\w+)\): .*\n  token label +: (\S+)\n", listed)
    assert {label: int(number, 16) for number, label in found} == slots
    assert set(re.findall(r"token flags +: (.*)", listed)) == {
        "rng, token initialized, PIN initialized"
    }


def test_all_interfaces_are_listed(shell_for: ShellFor) -> None:
    """It chooses one with C_GetInterface for all that it does."""
    bench = shell_for("rsa-3072", Access.CONFIGURED)
    listed = tool_in(bench, Access.CONFIGURED, "--list-interfaces")
    assert re.findall(r"'(.*)'\n +version: (\S+)", listed.out) == [
        ("PKCS 11", "3.0"),
        ("PKCS 11", "2.40"),
        ("Vendor Sealwright diagnosis", "1.0"),
    ]


@every_signer
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
    ids = re.findall(r"^ +ID: +(\w+)", listed.out, re.MULTILINE)
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


@pytest.mark.parametrize(("signer", "expected"), [("rsa-3072", RSA), ("p256", EC), ("p384", EC)])
def test_exactly_these_mechanisms_are_offered(
    workbench: Workbench, slots: dict[str, int], signer: str, expected: list[str]
) -> None:
    listed = workbench.pkcs11_tool(slots[signer], "-M").out.splitlines()
    assert listed[0] == "Supported mechanisms:"
    assert [line.strip() for line in listed[1:]] == expected + DIGESTS


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


# The recipes of docs/tools.md.


@every_access
@pytest.mark.parametrize(
    ("signer", "part"), [("rsa-3072", None), ("p256", "EC keys"), ("p384", "EC keys")]
)
def test_its_recipe_signs_a_file_that_openssl_verifies(
    shell_for: ShellFor, signed_with: SignedWith, signer: str, part: str | None, access: Access
) -> None:
    bench = shell_for(signer, access)
    bench.write("app.bin", DATA)
    script = recipe(TOOL, part)
    if access is not Access.CONFIGURED:
        listed = must_script(bench, recipe(TOOL, WITH_LOGIN))
        assert "Private Key Object" in listed
        script = script.replace('"$TOKEN"', f'"$TOKEN" {LOGIN}')
    assert "Verified OK" in must_script(bench, script)
    signed_with(TOOL, package_version("opensc"), f"files ({signer})")


def test_without_the_login_that_is_needed_it_sees_no_private_key(shell_for: ShellFor) -> None:
    bench = shell_for("p256", Access.LOGIN)
    listed = must_script(bench, recipe(TOOL, WITH_LOGIN).replace(LOGIN, ""))
    assert "Public Key Object" in listed
    assert "Private Key Object" not in listed


# Every mechanism that signs, on every size of file.

SIZES = {"nothing": 0, "one byte": 1, "10 MB": 10_000_000}
HASHING = [
    ("rsa-3072", "SHA{}-RSA-PKCS"),
    ("rsa-3072", "SHA{}-RSA-PKCS-PSS"),
    ("p256", "ECDSA-SHA{}"),
    ("p384", "ECDSA-SHA{}"),
]
RAW = [("rsa-3072", "RSA-PKCS"), ("rsa-3072", "RSA-PKCS-PSS"), ("p256", "ECDSA"), ("p384", "ECDSA")]
DIGEST_INFO = {  # DER up to the digest, RFC 8017 9.2
    256: bytes.fromhex("3031300d060960864801650304020105000420"),
    384: bytes.fromhex("3041300d060960864801650304020205000430"),
    512: bytes.fromhex("3051300d060960864801650304020305000440"),
}
LOGINS = [Access.CONFIGURED, Access.LOGIN]


def format_of(mechanism: str) -> list[str]:
    return ["--signature-format", "openssl"] if "ECDSA" in mechanism else []


def tool_in(bench: Workbench, access: Access, *arguments: str) -> Ended:
    login = [] if access is Access.CONFIGURED else LOGIN.split()
    token = ["--module", str(bench.module), "--token-label", bench.environment["TOKEN"]]
    return bench.run(TOOL, *token, *login, *arguments)


@pytest.mark.parametrize("access", LOGINS, ids=lambda access: access.value)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("bits", [256, 384, 512])
@pytest.mark.parametrize(("signer", "mechanism"), HASHING)
def test_a_file_of_any_size_is_signed_with_every_hashing_mechanism(
    shell_for: ShellFor,
    signed_with: SignedWith,
    signer: str,
    mechanism: str,
    bits: int,
    size: str,
    access: Access,
) -> None:
    bench = shell_for(signer, access)
    bench.write("data", os.urandom(SIZES[size]))
    name = mechanism.format(bits)
    how = ["--mechanism", name, *format_of(name), "--input-file", "data"]
    signed = tool_in(bench, access, "--sign", *how, "--output-file", "signature")
    assert signed.code == 0, signed.err
    options = openssl.PSS if "PSS" in name else ()
    openssl.must_verify(bench, bits, *options, signed="data", signature="signature")

    verified = tool_in(bench, access, "--verify", *how, "--signature-file", "signature")
    assert "Signature is valid" in verified.out
    bench.write("data", os.urandom(SIZES[size] + 1))
    verified = tool_in(bench, access, "--verify", *how, "--signature-file", "signature")
    assert "Invalid signature" in verified.out + verified.err
    signed_with(TOOL, package_version("opensc"), f"{name} ({signer})")


@pytest.mark.parametrize("access", LOGINS, ids=lambda access: access.value)
@pytest.mark.parametrize("bits", [256, 384, 512])
@pytest.mark.parametrize(("signer", "mechanism"), RAW)
def test_a_digest_made_elsewhere_is_signed_with_every_other_mechanism(
    shell_for: ShellFor,
    signed_with: SignedWith,
    signer: str,
    mechanism: str,
    bits: int,
    access: Access,
) -> None:
    bench = shell_for(signer, access)
    bench.write("data", DATA)
    digest = hashlib.new(f"sha{bits}", DATA).digest()
    bench.write("digest", (DIGEST_INFO[bits] if mechanism == "RSA-PKCS" else b"") + digest)
    pss = ["--hash-algorithm", f"SHA{bits}"] if "PSS" in mechanism else []
    how = ["--mechanism", mechanism, *pss, *format_of(mechanism), "--input-file", "digest"]
    signed = tool_in(bench, access, "--sign", *how, "--output-file", "signature")
    assert signed.code == 0, signed.err
    options = openssl.PSS if pss else ()
    openssl.must_verify(bench, bits, *options, signed="data", signature="signature")
    signed_with(TOOL, package_version("opensc"), f"{mechanism} ({signer})")


@pytest.mark.parametrize("bits", [256, 384, 512])
@pytest.mark.parametrize(
    ("signer", "mechanism"),
    [("rsa-2048", "SHA{}-RSA-PKCS"), ("rsa-2048", "SHA{}-RSA-PKCS-PSS"), ("p521", "ECDSA-SHA{}")],
)
def test_other_sizes_of_key_sign_as_well(
    shell_for: ShellFor, signed_with: SignedWith, signer: str, mechanism: str, bits: int
) -> None:
    bench = shell_for(signer, Access.CONFIGURED)
    bench.write("data", DATA)
    name = mechanism.format(bits)
    how = ["--sign", "--mechanism", name, *format_of(name), "--input-file", "data"]
    signed = tool_in(bench, Access.CONFIGURED, *how, "--output-file", "signature")
    assert signed.code == 0, signed.err
    options = openssl.PSS if "PSS" in name else ()
    openssl.must_verify(bench, bits, *options, signed="data", signature="signature")
    signed_with(TOOL, package_version("opensc"), f"{name} ({signer})")


def test_every_signing_mechanism_is_in_this_matrix(
    workbench: Workbench, slots: dict[str, int]
) -> None:
    tried = {
        kind: {
            mechanism.format(bits)
            for signer, mechanism in HASHING + RAW
            for bits in (256, 384, 512)
            if signer == kind
        }
        for kind in SIGNERS
    }
    for kind, expected in tried.items():
        listed = workbench.pkcs11_tool(slots[kind], "--list-mechanisms").out
        assert set(re.findall(r"^\s*([\w-]+), .*\bsign\b", listed, re.MULTILINE)) == expected


# What it does besides.


@pytest.mark.parametrize("access", LOGINS, ids=lambda access: access.value)
@every_signer
def test_its_own_tests_pass(shell_for: ShellFor, signer: str, access: Access) -> None:
    ended = tool_in(shell_for(signer, access), access, "--test")
    assert ended.code == 0, ended.err
    lines = [line.strip() for line in ended.out.splitlines()]
    assert lines[-1] == "No errors"
    assert "all 4 digest functions seem to work" in lines
    # It signs only with mechanisms that claim to be hardware, and verifies only RSA.
    assert "Signatures: not implemented" in lines
    assert ("RSA-PKCS: OK" in lines) is (signer == "rsa-3072")


@every_access
def test_a_child_of_a_fork_initialises_anew(shell_for: ShellFor, access: Access) -> None:
    ended = tool_in(shell_for("p256", access), access, "--test-fork")
    assert ended.code == 0, ended.err
    assert ended.out == "*** Calling C_Initialize in forked child process ***\n"
    assert "CKR_" not in ended.err


@pytest.mark.parametrize("access", LOGINS, ids=lambda access: access.value)
@every_signer
def test_it_signs_while_eight_threads_initialise_and_list(
    shell_for: ShellFor, signer: str, access: Access
) -> None:
    bench = shell_for(signer, access)
    bench.write("data", DATA)
    commands = "ILGISLT0T1SLGI"  # initialise, info, slots, tokens, and again
    threads = ["--test-threads", commands] * 8
    name = "SHA256-RSA-PKCS" if signer == "rsa-3072" else "ECDSA-SHA256"
    how = ["--sign", "--mechanism", name, *format_of(name), "--input-file", "data"]
    signed = tool_in(bench, access, *threads, *how, "--output-file", "signature")
    assert signed.code == 0, signed.err
    before_0_26 = re.findall(r"^test_threads all threads have ended with CKR_OK$", signed.err, re.M)
    assert (
        before_0_26
        or len(re.findall(r"^Test thread \d returning rv:CKR_OK$", signed.err, re.M)) == 8
    )
    started = re.findall(r"C_Initialize +returned (\w+)", signed.err)
    started += re.findall(r"Main C_Initialize.* rv:(\w+)", signed.err)
    assert Counter(started) == {"CKR_OK": 1, "CKR_CRYPTOKI_ALREADY_INITIALIZED": 8}
    assert len(re.findall(r"C_GetInfo returned CKR_OK", signed.err)) == 2 * 8
    openssl.must_verify(bench, 256, signed="data", signature="signature")


# What it cannot do.


@pytest.mark.parametrize(
    ("signer", "mechanism", "said"),
    [
        ("rsa-3072", "RSA-PKCS", "C_SignUpdate failed: rv = CKR_DATA_LEN_RANGE"),
        ("rsa-3072", "ECDSA-SHA256", "C_SignInit failed: rv = CKR_KEY_TYPE_INCONSISTENT"),
        ("rsa-3072", "SHA1-RSA-PKCS", "C_SignInit failed: rv = CKR_MECHANISM_INVALID"),
        ("p256", "ECDSA", "C_SignUpdate failed: rv = CKR_DATA_LEN_RANGE"),
        ("p256", "SHA256-RSA-PKCS", "C_SignInit failed: rv = CKR_KEY_TYPE_INCONSISTENT"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(
    shell_for: ShellFor, signer: str, mechanism: str, said: str
) -> None:
    bench = shell_for(signer, Access.CONFIGURED)
    bench.write("data", DATA)
    how = ["--sign", "--mechanism", mechanism, "--input-file", "data", "--output-file", "signature"]
    refused = tool_in(bench, Access.CONFIGURED, *how)
    assert refused.code == 1
    assert said in refused.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("--keypairgen --key-type EC:prime256v1", "Generate EC key mechanism 1040 not supported"),
        (
            "--write-object leaf.pem --type cert",
            "C_CreateObject failed: rv = CKR_TOKEN_WRITE_PROTECTED",
        ),
        ("--delete-object --type privkey --label p256", "C_DestroyObject() failed: rv = "),
        (
            "--init-token --label p256 --so-pin 1234",
            "C_InitToken failed: rv = CKR_FUNCTION_NOT_SUPPORTED",
        ),
    ],
)
def test_a_token_is_not_changed(shell_for: ShellFor, arguments: str, said: str) -> None:
    bench = shell_for("p256", Access.CONFIGURED)
    refused = tool_in(bench, Access.CONFIGURED, *arguments.split())
    assert refused.code == 1
    assert said in refused.err


def test_an_empty_pin_is_not_even_tried(shell_for: ShellFor) -> None:
    bench = shell_for("p256", Access.CONFIGURED)
    refused = tool_in(bench, Access.CONFIGURED, "--login", "--pin", "", "--list-objects")
    assert (refused.code, refused.out) == (1, "")

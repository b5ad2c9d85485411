"""GnuTLS: p11tool and certtool."""

import re
from dataclasses import replace

import pytest
from cryptography import x509

from tests.server import ControlPlane
from tests.tools.matrix import ShellFor, every_access, every_signer
from tests.tools.openssl import public_key, verified_request
from tests.tools.recipes import Access, must_script, recipe, run_script, with_login
from tests.tools.summary import SignedWith, package_version
from tests.tools.tool import Ended, Workbench

KINDS = {
    "rsa-3072": "RSA-3072",
    "p256": "EC/ECDSA-SECP256R1",
    "p384": "EC/ECDSA-SECP384R1",
}
SIGNATURES = [
    ("rsa-3072", "RSA-SHA256", ["--hash", "sha256"]),
    ("rsa-3072", "RSA-SHA384", ["--hash", "sha384"]),
    ("rsa-3072", "RSA-SHA512", ["--hash", "sha512"]),
    ("rsa-3072", "RSA-PSS-SHA256", ["--hash", "sha256", "--sign-params", "rsa-pss"]),
    ("rsa-3072", "RSA-PSS-SHA384", ["--hash", "sha384", "--sign-params", "rsa-pss"]),
    ("rsa-3072", "RSA-PSS-SHA512", ["--hash", "sha512", "--sign-params", "rsa-pss"]),
    ("p256", "ECDSA-SHA256", ["--hash", "sha256"]),
    ("p256", "ECDSA-SHA512", ["--hash", "sha512"]),
    ("p384", "ECDSA-SHA256", ["--hash", "sha256"]),
    ("p384", "ECDSA-SHA384", ["--hash", "sha384"]),
]


def private(signer: str) -> str:
    return f"pkcs11:token={signer};object={signer};type=private"


def p11tool(bench: Workbench, *arguments: str) -> Ended:
    return bench.run("p11tool", "--batch", "--provider", bench.module, *arguments)


def version() -> str:
    return package_version("gnutls-bin")


@every_access
@every_signer
def test_p11tool_lists_everything_and_its_own_tests_pass(
    shell_for: ShellFor, signer: str, access: Access, signed_with: SignedWith
) -> None:
    bench = shell_for(signer, access)
    said = must_script(bench, with_login("p11tool", access))
    authority = "X.509 Certificate (EC/ECDSA-SECP384R1)"
    assert re.findall(r"^\tType: (.*)$", said, re.MULTILINE) == [
        f"Private key ({KINDS[signer]})",
        f"Public key ({KINDS[signer]})",
        f"X.509 Certificate ({KINDS[signer]})",
        authority,
        authority,
    ]
    signed_with("p11tool", version(), f"its own test ({signer})")


@pytest.mark.parametrize(("signer", "algorithm", "options"), SIGNATURES)
def test_p11tool_verifies_each_algorithm(
    shell_for: ShellFor, signer: str, algorithm: str, options: list[str]
) -> None:
    tested = p11tool(shell_for(signer, Access.CONFIGURED), "--test-sign", *options, private(signer))
    assert tested.code == 0, tested.err
    assert tested.err.splitlines()[-3:] == [
        f"Signing using {algorithm}... ok",
        "Verifying against private key parameters... ok",
        "Verifying against public key in the token... ok",
    ]


@every_signer
def test_p11tool_exports_what_the_signer_has(shell_for: ShellFor, signer: str) -> None:
    bench = shell_for(signer, Access.CONFIGURED)
    must_script(bench, recipe("p11tool"))
    exported = x509.load_pem_x509_certificate((bench.folder / "exported.pem").read_bytes())
    assert exported == x509.load_pem_x509_certificate((bench.folder / "leaf.pem").read_bytes())
    assert p11tool(bench, "--export-pubkey", "--outfile", "key.pem", private(signer)).code == 0
    expected = (bench.folder / public_key(bench)).read_text()
    assert (bench.folder / "key.pem").read_text() == expected


def test_p11tool_finds_no_issuers_because_none_is_trusted(shell_for: ShellFor) -> None:
    bench = shell_for("p256", Access.CONFIGURED)
    chain = p11tool(bench, "--export-chain", "pkcs11:token=p256;object=p256;type=cert")
    assert chain.code == 0
    (alone,) = x509.load_pem_x509_certificates(chain.out.encode())
    assert alone == x509.load_pem_x509_certificate((bench.folder / "leaf.pem").read_bytes())
    trusted = p11tool(bench, "--list-all-trusted", "pkcs11:token=p256")
    assert "No matching objects found" in trusted.out + trusted.err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ("--generate-privkey ecdsa --outfile new.pem --label new", 1, "unsupported feature"),
        ("--write --load-certificate leaf.pem --label new", 1, "PKCS #11 error in token"),
        ("--initialize --label new --set-so-pin 1234", 1, "unsupported feature"),
        ("--delete", 0, "0 objects deleted"),
    ],
)
def test_p11tool_cannot_change_a_token(
    shell_for: ShellFor, arguments: str, code: int, said: str
) -> None:
    bench = shell_for("p256", Access.CONFIGURED)
    before = p11tool(bench, "--list-all", "pkcs11:token=p256").out
    changed = p11tool(bench, *arguments.split(), "pkcs11:token=p256")
    assert changed.code == code
    assert said in changed.out + changed.err
    assert p11tool(bench, "--list-all", "pkcs11:token=p256").out == before


@every_access
@every_signer
def test_a_file_signed_by_certtool_is_verified_by_certtool_and_openssl(
    shell_for: ShellFor, signer: str, access: Access, signed_with: SignedWith
) -> None:
    bench = shell_for(signer, access)
    bench.write("app.bin", b"release 1.0\n" * 1000)
    must_script(bench, with_login("certtool", access))

    certtool = ["certtool", "--p7-verify", "--load-ca-certificate", "root.pem"]
    certtool += ["--infile", "app.p7", "--load-data"]
    assert bench.run(*certtool, "app.bin").code == 0
    bench.write("changed.bin", b"release 1.1\n" * 1000)
    assert bench.run(*certtool, "changed.bin").code != 0

    openssl = ["openssl", "cms", "-verify", "-binary", "-inform", "PEM", "-in", "app.p7"]
    openssl += ["-CAfile", "root.pem", "-purpose", "any", "-out", "verified", "-content"]
    bench.must(*openssl, "app.bin")
    assert bench.run(*openssl, "changed.bin").code != 0
    signed_with("certtool", version(), f"PKCS#7 ({signer})")


@every_signer
def test_a_request_signed_by_certtool_is_verified_by_openssl(
    shell_for: ShellFor, signer: str, signed_with: SignedWith
) -> None:
    bench = shell_for(signer, Access.CONFIGURED)
    bench.write("template", b'cn = "Example Releases"\n')
    request = ["--generate-request", "--template", "template", "--outfile", "request.pem"]
    bench.must("certtool", "--provider", bench.module, *request, "--load-privkey", private(signer))
    assert (
        verified_request(bench, "request.pem", "-pubkey")
        == (bench.folder / public_key(bench)).read_text()
    )
    signed_with("certtool", version(), f"certificate request ({signer})")


def test_certtool_takes_no_certificate_from_the_token(shell_for: ShellFor) -> None:
    bench = shell_for("p256", Access.CONFIGURED)
    bench.write("app.bin", b"release")
    script = recipe("certtool").replace(
        "--load-certificate certificates.pem", '--load-certificate "pkcs11:token=$TOKEN;type=cert"'
    )
    refused = run_script(bench, script)
    assert refused.code != 0
    assert "Could not open pkcs11:token=p256;type=cert" in refused.err


@pytest.mark.parametrize(
    ("pin", "said"),
    [(None, "No PIN given."), ("swk_" + "A" * 43, "*** Wrong PIN has been provided!")],
    ids=["none", "wrong"],
)
@pytest.mark.parametrize("access", [Access.LOGIN, Access.PIN_ONLY], ids=lambda each: each.value)
def test_without_the_right_pin_nothing_is_signed(
    shell_for: ShellFor, control_plane: ControlPlane, access: Access, pin: str | None, said: str
) -> None:
    bench = shell_for("p256", access)
    before = control_plane.signings("p256")
    if pin is not None:
        bench = replace(bench, environment={**bench.environment, "GNUTLS_PIN": pin})
    tested = p11tool(bench, "--login", "--test-sign", private("p256"))
    assert tested.code != 0
    assert said in tested.out + tested.err
    assert control_plane.signings("p256") == before

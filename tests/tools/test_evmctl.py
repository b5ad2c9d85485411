"""evmctl: IMA signatures, through libp11's engine."""

import pytest

from tests.tools import openssl
from tests.tools.matrix import ShellFor
from tests.tools.recipes import Access, must_script, recipe, run_script, with_login
from tests.tools.summary import SignedWith, package_version

TOOL = "evmctl"
KEY_ID = "subjectKeyIdentifier"
HEADER = 9
"""Octets before the signature: type, version, hash, key id (4), length (2)."""


@pytest.mark.parametrize(
    ("signer", "access"),
    [("rsa-3072", access) for access in Access] + [("p256", Access.CONFIGURED)],
)
def test_openssl_verifies_what_evmctl_signed(
    shell_for: ShellFor, signed_with: SignedWith, signer: str, access: Access
) -> None:
    bench = shell_for(signer, access)
    bench.write("app.bin", b"an application\n" * 1000)
    must_script(bench, with_login(TOOL, access))
    signature = (bench.folder / "app.bin.sig").read_bytes()
    bench.write("app.sig", signature[HEADER:])
    openssl.must_verify(bench, 256, signed="app.bin", signature="app.sig")
    identifier = bench.must("openssl", "x509", "-in", "leaf.pem", "-noout", "-ext", KEY_ID)
    assert identifier.replace(":", "").strip().lower().endswith(signature[3:7].hex())
    signed_with(TOOL, package_version("ima-evm-utils"), f"file ({signer})")


def test_a_file_changed_after_signing_is_not_verified(shell_for: ShellFor) -> None:
    bench = shell_for("p256", Access.CONFIGURED)
    bench.write("app.bin", b"an application")
    must_script(bench, recipe(TOOL))
    bench.write("app.bin", b"another application")
    verify = ["--sigfile", "--key", "leaf.der", "app.bin"]
    assert bench.run(TOOL, "ima_verify", *verify).code != 0


def test_without_the_certificate_there_is_no_key_id(shell_for: ShellFor) -> None:
    bench = shell_for("p256", Access.CONFIGURED)
    bench.write("app.bin", b"an application")
    refused = run_script(bench, recipe(TOOL).replace("--keyid-from-cert leaf.pem", ""))
    assert refused.code != 0
    assert "you must provide the keyid" in refused.err
    assert not (bench.folder / "app.bin.sig").exists()

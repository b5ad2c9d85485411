"""An Ed25519 signer: tools that know such keys, and tools that know only the others."""

import os
import re
import sys
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.server import ControlPlane
from tests.tools import openssl
from tests.tools.matrix import ShellFor, every_access
from tests.tools.pdf import blank_page
from tests.tools.recipes import Access, must_script, recipe, run_script
from tests.tools.summary import SignedWith, package_version
from tests.tools.tool import Workbench

SIGNER = "ed25519"
KEYS = "Ed25519 keys"
DATA = b"release 1.0\n" * 1000  # longer than one of pkcs11-tool's parts
LONGEST = 65_536
GOOD = "Signature Verified Successfully"
LIBRARIES = ["python-pkcs11", "PyKCS11"]


@pytest.fixture
def bench_for(shell_for: ShellFor) -> ShellFor:
    """With app.bin, where `python3` and `pyhanko` are those of this environment."""

    def make(signer: str, access: Access) -> Workbench:
        bench = shell_for(signer, access)
        bench.write("app.bin", DATA)
        programs = f"{Path(sys.executable).parent}{os.pathsep}{bench.environment['PATH']}"
        return replace(bench, environment={**bench.environment, "PATH": programs})

    return make


@pytest.fixture
def bench(bench_for: ShellFor) -> Workbench:
    return bench_for(SIGNER, Access.CONFIGURED)


def must_verify(bench: Workbench, *, signed: str = "app.bin") -> None:
    """By openssl, with the key of a certificate that leads to the root; and nothing else is."""
    judge = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", openssl.public_key(bench)]
    judge += ["-rawin", "-sigfile", "app.sig", "-in"]
    assert bench.must(*judge, signed).strip() == GOOD
    bench.write("changed.bin", (bench.folder / signed).read_bytes() + b"!")
    assert bench.run(*judge, "changed.bin").code != 0


# Those that know it.


@every_access
def test_pkcs11_tool_signs_a_file(
    bench_for: ShellFor, signed_with: SignedWith, access: Access
) -> None:
    bench = bench_for(SIGNER, access)
    script = recipe("pkcs11-tool", KEYS)
    if access is not Access.CONFIGURED:
        script = script.replace('"$TOKEN"', '"$TOKEN" --login --pin env:PIN')
    assert GOOD in must_script(bench, script)
    must_verify(bench)
    signed_with("pkcs11-tool", package_version("opensc"), "files (ed25519)")


def test_pkcs11_tool_lists_the_key_and_its_mechanism(
    workbench: Workbench, slots: dict[str, int]
) -> None:
    objects = workbench.pkcs11_tool(slots[SIGNER], "-O").out
    assert "Private Key Object; EC_EDWARDS" in objects
    assert re.search(r"^Public Key Object; EC_EDWARDS +EC_POINT \d+ bits$", objects, re.MULTILINE)
    mechanisms = workbench.pkcs11_tool(slots[SIGNER], "-M").out
    signs = [line.strip() for line in mechanisms.splitlines() if "sign" in line]
    assert signs == ["EDDSA, keySize={255,255}, sign, verify, EC OID"]


def test_pkcs11_tool_verifies(workbench: Workbench, slots: dict[str, int]) -> None:
    workbench.write("app.bin", DATA)
    how = ["--mechanism", "EDDSA", "--input-file", "app.bin"]
    signed = workbench.pkcs11_tool(slots[SIGNER], "--sign", *how, "--output-file", "app.sig")
    assert signed.code == 0, signed.err
    verify = ["--verify", *how, "--signature-file", "app.sig"]
    assert "Signature is valid" in workbench.pkcs11_tool(slots[SIGNER], *verify).out
    workbench.write("app.bin", DATA + b"!")
    ended = workbench.pkcs11_tool(slots[SIGNER], *verify)
    assert "Invalid signature" in ended.out + ended.err


def test_a_file_of_64_kib_is_the_longest(bench: Workbench, control_plane: ControlPlane) -> None:
    script = recipe("pkcs11-tool", KEYS)
    bench.write("app.bin", bytes(LONGEST))
    must_script(bench, script)
    must_verify(bench)
    before = control_plane.signings(SIGNER)
    bench.write("app.bin", bytes(LONGEST + 1))
    refused = run_script(bench, script)
    assert refused.code == 1
    assert "CKR_DATA_LEN_RANGE" in refused.err
    assert control_plane.signings(SIGNER) == before


@every_access
@pytest.mark.parametrize("library", LIBRARIES)
def test_a_python_library_signs_a_file(
    bench_for: ShellFor, signed_with: SignedWith, library: str, access: Access
) -> None:
    bench = bench_for(SIGNER, access)
    assert GOOD in must_script(bench, recipe(library, KEYS))
    must_verify(bench)
    signed_with(library, version(library), "file (ed25519)")


def test_p11tool_lists_it_and_its_own_test_passes(
    bench: Workbench, signed_with: SignedWith
) -> None:
    ended = run_script(bench, recipe("p11tool", KEYS))
    assert ended.code == 0, ended.err
    kinds = re.findall(r"^\tType: (.*)$", ended.out, re.MULTILINE)
    assert kinds[:3] == [
        "Private key (EdDSA (Ed25519))",
        "Public key (EdDSA (Ed25519))",
        "X.509 Certificate (EdDSA (Ed25519))",
    ]
    assert ended.err.splitlines()[-3:] == [
        "Signing using EdDSA-Ed25519... ok",
        "Verifying against private key parameters... ok",
        "Verifying against public key in the token... ok",
    ]
    signed_with("p11tool", package_version("gnutls-bin"), "its own test (ed25519)")


def test_certtool_signs_a_file(bench: Workbench, signed_with: SignedWith) -> None:
    must_script(bench, recipe("certtool", KEYS))  # where certtool verifies
    verify = ["certtool", "--p7-verify", "--load-ca-certificate", "root.pem"]
    bench.write("changed.bin", DATA + b"!")
    assert bench.run(*verify, "--infile", "app.p7", "--load-data", "changed.bin").code != 0
    cms = ["openssl", "cms", "-verify", "-binary", "-inform", "PEM", "-in", "app.p7"]
    cms += ["-content", "app.bin", "-CAfile", "root.pem", "-purpose", "any", "-out", os.devnull]
    refused = bench.run(*cms)
    if refused.code != 0:  # 3.0 and 3.5
        assert re.search("not supported for this keytype|invalid eddsa instance", refused.err)
    signed_with("certtool", package_version("gnutls-bin"), "PKCS#7 (ed25519)")


def test_a_request_of_certtool_is_verified_by_openssl(bench: Workbench) -> None:
    bench.write("template", b'cn = "Example Releases"\n')
    key = f"pkcs11:token={SIGNER};object={SIGNER};type=private"
    request = ["--generate-request", "--template", "template", "--outfile", "request.pem"]
    bench.must("certtool", "--provider", bench.module, *request, "--load-privkey", key)
    assert (
        openssl.verified_request(bench, "request.pem", "-pubkey")
        == (bench.folder / openssl.public_key(bench)).read_text()
    )


def test_pyhanko_signs_a_pdf(bench: Workbench, signed_with: SignedWith) -> None:
    bench.write("app.pdf", blank_page())
    said = must_script(bench, recipe("pyHanko"))
    assert "The signature is judged VALID." in said
    assert "The signature mechanism used was 'ed25519'." in said
    signed_with("pyHanko", version("pyHanko"), "PDF (ed25519)")


# Those that do not.


def test_ssh_keygen_lists_all_signers_but_this(bench: Workbench, slots: dict[str, int]) -> None:
    listed = bench.run("ssh-keygen", "-D", bench.module)
    assert listed.code == 0, listed.err
    named = {line.split()[2] for line in listed.out.splitlines()}
    assert named & set(slots) == set(slots) - {SIGNER}
    assert "skipping unsupported key type" in listed.err


def test_java_lists_it_and_cannot_sign(
    workbench: Workbench, control_plane: ControlPlane, slots: dict[str, int]
) -> None:
    before = control_plane.signings(SIGNER)
    store = workbench.java_store(slots[SIGNER])
    listed = workbench.must("keytool", "-list", "-v", *store)
    assert re.findall(r"Alias name: (.*)", listed) == [SIGNER]
    assert re.findall(r"Certificate chain length: (\d+)", listed) == ["3"]
    refused = workbench.run("jarsigner", *store, workbench.jar("app"), SIGNER)
    assert refused.code != 0
    assert "unknown key type" in refused.out
    assert control_plane.signings(SIGNER) == before


@pytest.mark.parametrize("signer", ["rsa-3072", "p256"])
def test_the_engine_finds_every_key_but_this(bench_for: ShellFor, signer: str) -> None:
    """It goes through all tokens where none is named."""
    bench = bench_for(signer, Access.CONFIGURED)
    script = recipe("openssl")
    anywhere = script.replace("token=$TOKEN", "object=$TOKEN")
    assert anywhere != script
    assert "Verified OK" in must_script(bench, anywhere)
    refused = run_script(bench, f"export TOKEN={SIGNER}\n{script}")
    assert refused.code != 0
    assert f"The private key was not found at: pkcs11:token={SIGNER}" in refused.err


def test_nss_lists_it_and_cannot_sign(bench: Workbench, control_plane: ControlPlane) -> None:
    before = control_plane.signings(SIGNER)
    refused = run_script(bench, recipe("NSS"))
    assert refused.code != 0
    assert re.search(rf"^< 0> \(?null\)? +[0-9a-f]{{40}} +{SIGNER}$", refused.out, re.MULTILINE)
    assert "SEC_ERROR_INVALID_ALGORITHM" in refused.err
    assert control_plane.signings(SIGNER) == before

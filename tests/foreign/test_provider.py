"""pkcs11-provider: openssl's dgst and cms, and the kernel's sign-file, which loads it."""

import os
import re
import struct
from dataclasses import replace
from pathlib import Path

import pytest

from tests.foreign.needs import need_file
from tests.tools import openssl
from tests.tools.matrix import SIGNERS, ShellFor, every_access
from tests.tools.recipes import (
    WITH_LOGIN,
    Access,
    must_script,
    recipe,
    run_script,
    with_login,
)
from tests.tools.summary import SignedWith, package_version
from tests.tools.tool import Workbench

TOOL = "pkcs11-provider"
DATA = b"release 1.0\n" * 1000
MAGIC = b"~Module signature appended~\n"


@pytest.fixture
def provider_for(shell_for: ShellFor) -> ShellFor:
    """Where OPENSSL_MODULES does not name a folder, it is the one of Debian's package."""

    def make(signer: str, access: Access) -> Workbench:
        bench = shell_for(signer, access)
        if "OPENSSL_MODULES" not in os.environ:
            need_file("*/ossl-modules/pkcs11.so", "pkcs11-provider")
        bench.write("app.bin", DATA)
        return bench

    return make


@every_access
@pytest.mark.parametrize("signer", SIGNERS)
def test_dgst_signs_a_file(
    provider_for: ShellFor, signed_with: SignedWith, signer: str, access: Access
) -> None:
    bench = provider_for(signer, access)
    must_script(bench, with_login(TOOL, access))
    openssl.must_verify(bench, 256, signed="app.bin", signature="app.sig")
    version = "" if "OPENSSL_MODULES" in os.environ else package_version(TOOL)
    signed_with(TOOL, version, f"dgst ({signer})")


@pytest.mark.parametrize("signer", SIGNERS)
def test_cms_signs_a_file_and_embeds_the_chain(provider_for: ShellFor, signer: str) -> None:
    bench = provider_for(signer, Access.CONFIGURED)
    must_script(bench, recipe(TOOL))
    must_script(bench, recipe(TOOL, "CMS"))
    assert cms_error(bench, "app.p7s", "app.bin", "-CAfile", "root.pem") is None
    bench.write("other.bin", DATA + b"!")
    assert cms_error(bench, "app.p7s", "other.bin", "-CAfile", "root.pem") is not None


def cms_error(bench: Workbench, signature: str, content: str, *options: str) -> str | None:
    """What openssl, without any provider, has against it."""
    signed = ["-inform", "DER", "-in", signature, "-binary", "-content", content]
    verify = ["openssl", "cms", "-verify", *signed, *options, "-purpose", "any"]
    ended = bench.run(*verify, "-out", os.devnull)
    return None if ended.code == 0 else ended.err


def test_a_message_and_a_request_are_signed_with_an_ed25519_key(
    provider_for: ShellFor, signed_with: SignedWith
) -> None:
    bench = provider_for("ed25519", Access.CONFIGURED)
    settings = recipe(TOOL).partition("openssl dgst")[0]
    said = must_script(bench, settings + recipe(TOOL, "Ed25519 keys"))
    assert "Signature Verified Successfully" in said
    key = openssl.public_key(bench)
    verify = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", key, "-rawin"]
    bench.must(*verify, "-in", "app.bin", "-sigfile", "app.sig")
    bench.write("other.bin", DATA + b"!")
    assert bench.run(*verify, "-in", "other.bin", "-sigfile", "app.sig").code != 0
    request = 'openssl req -new -key "pkcs11:token=$TOKEN;type=private" -subj /CN=x -out app.csr\n'
    must_script(bench, settings + request)
    bench.must("openssl", "req", "-in", "app.csr", "-noout", "-verify")
    version = "" if "OPENSSL_MODULES" in os.environ else package_version(TOOL)
    signed_with(TOOL, version, "pkeyutl (ed25519)")


def test_dgst_and_cms_are_not_for_an_ed25519_key(provider_for: ShellFor) -> None:
    bench = provider_for("ed25519", Access.CONFIGURED)
    dgst = run_script(bench, recipe(TOOL))
    assert dgst.code != 0
    assert "Key type not supported for this operation" in dgst.err
    assert "invalid digest" in run_script(bench, recipe(TOOL, "CMS")).err


@pytest.mark.parametrize("source", ["uri", "settings"])
def test_a_pin_from_a_file_is_cut_to_less_than_an_api_key(
    provider_for: ShellFor, source: str
) -> None:
    bench = provider_for("p256", Access.LOGIN)
    script = recipe(TOOL, WITH_LOGIN)
    if source == "settings":
        script = script.replace("$ENV::PIN", "file:$ENV::PIN_FILE")
    else:
        script = re.sub(r"pkcs11-module-token-pin.*\n", "", script)
        script = script.replace("type=private", "type=private?pin-source=file:$PIN_FILE")
    assert "PIN_FILE" in script
    refused = run_script(bench, script)
    assert refused.code != 0
    assert "the PIN is no API key" in refused.err


def test_a_pin_in_the_uri_is_taken_whole(provider_for: ShellFor) -> None:
    bench = provider_for("p256", Access.LOGIN)
    script = recipe(TOOL).replace("type=private", "type=private?pin-value=$PIN")
    assert "pin-value" in script
    must_script(bench, script)


def test_without_its_variable_the_module_is_not_found(provider_for: ShellFor) -> None:
    bench = provider_for("p256", Access.CONFIGURED)
    script = recipe(TOOL).replace(" PKCS11_PROVIDER_MODULE=$MODULE", "")
    refused = run_script(bench, script)
    assert refused.code != 0
    assert "Could not read private key" in refused.err


# The kernel's sign-file.


def sign_file() -> Path:
    found = need_file("linux-kbuild-*/scripts/sign-file", "linux-kbuild-6.1, or a later one")
    if b"OSSL_PROVIDER_try_load" not in found.read_bytes():
        pytest.skip(f"{found} is of the time before providers")
    return found


def with_sign_file(bench: Workbench) -> Workbench:
    path = f"{sign_file().parent}{os.pathsep}{bench.environment['PATH']}"
    return replace(bench, environment={**bench.environment, "PATH": path})


def signature_of(module: bytes) -> bytes:
    """The CMS at the end of a signed kernel module, before length and magic."""
    assert module.endswith(MAGIC)
    (length,) = struct.unpack(">I", module[-len(MAGIC) - 4 : -len(MAGIC)])
    end = len(module) - len(MAGIC) - 12
    return module[end - length : end]


@every_access
@pytest.mark.parametrize("signer", ["rsa-3072", "p384"])
def test_a_kernel_module_is_signed_by_the_leaf(
    provider_for: ShellFor, signed_with: SignedWith, signer: str, access: Access
) -> None:
    bench = with_sign_file(provider_for(signer, access))
    bench.write("app.ko", DATA)
    must_script(bench, with_login("sign-file", access))
    signed = (bench.folder / "signed.ko").read_bytes()
    assert signed.startswith(DATA)
    bench.write("app.p7s", signature_of(signed))
    leaf_and_chain = ["-certfile", "leaf.pem", "-CAfile", "chain.pem"]
    assert cms_error(bench, "app.p7s", "app.ko", *leaf_and_chain) is None
    bench.write("other.ko", DATA + b"!")
    assert cms_error(bench, "app.p7s", "other.ko", *leaf_and_chain) is not None
    signed_with(
        "sign-file", package_version(sign_file().parents[1].name), f"kernel module ({signer})"
    )


def test_sign_file_takes_the_pin_from_the_providers_settings(provider_for: ShellFor) -> None:
    bench = with_sign_file(provider_for("rsa-3072", Access.LOGIN))
    bench.write("app.ko", DATA)
    must_script(bench, recipe(TOOL, WITH_LOGIN) + recipe("sign-file"))
    assert signature_of((bench.folder / "signed.ko").read_bytes())


def test_sign_file_does_not_read_kbuild_sign_pin_for_a_provider(provider_for: ShellFor) -> None:
    bench = with_sign_file(provider_for("rsa-3072", Access.LOGIN))
    bench.write("app.ko", DATA)
    refused = run_script(bench, "export KBUILD_SIGN_PIN=$PIN\n" + recipe("sign-file"))
    assert refused.code != 0
    assert not (bench.folder / "signed.ko").exists()

"""openssl's dgst, pkeyutl and cms, through libp11's engine."""

import os
import re

import pytest

from tests.tools import openssl
from tests.tools.matrix import SIGNERS, ShellFor, every_access, every_signer
from tests.tools.recipes import WITH_LOGIN, Access, must_script, recipe, run_script
from tests.tools.summary import SignedWith, package_version
from tests.tools.tool import Workbench

TOOL = "openssl"
DATA = os.urandom(300_000)
KEY = '"pkcs11:token=$TOKEN"'
PSS = openssl.PSS[1]


def version() -> str:
    engine = package_version("libengine-pkcs11-openssl")
    return f"{package_version('openssl')} with libp11 {engine}"


def logged_in(access: Access, part: str | None = None) -> str:
    """The recipe, after what it takes to log in."""
    before = "" if access is Access.CONFIGURED else recipe(TOOL, WITH_LOGIN)
    return before + recipe(TOOL, part)


def ready(shell_for: ShellFor, signer: str, access: Access) -> Workbench:
    bench = shell_for(signer, access)
    bench.write("app.bin", DATA)
    return bench


# The recipes of docs/tools.md.


@every_access
@every_signer
def test_dgst_signs_a_file(
    shell_for: ShellFor, signed_with: SignedWith, signer: str, access: Access
) -> None:
    bench = ready(shell_for, signer, access)
    assert "Verified OK" in must_script(bench, logged_in(access))
    openssl.must_verify(bench, 256, signed="app.bin", signature="app.sig")
    signed_with(TOOL, version(), f"dgst ({signer})")


@every_access
def test_dgst_signs_a_file_with_pss(
    shell_for: ShellFor, signed_with: SignedWith, access: Access
) -> None:
    bench = ready(shell_for, "rsa-3072", access)
    assert "Verified OK" in must_script(bench, logged_in(access, "PSS"))
    options = [*openssl.PSS, "-sigopt", "rsa_pss_saltlen:32"]
    openssl.must_verify(bench, 256, *options, signed="app.bin", signature="app.sig")
    signed_with(TOOL, version(), "dgst, PSS (rsa-3072)")


@every_access
@every_signer
def test_pkeyutl_signs_a_digest(
    shell_for: ShellFor, signed_with: SignedWith, signer: str, access: Access
) -> None:
    bench = ready(shell_for, signer, access)
    assert "Signature Verified Successfully" in must_script(bench, logged_in(access, "Digests"))
    openssl.must_verify(bench, 256, signed="app.bin", signature="app.sig")
    signed_with(TOOL, version(), f"pkeyutl ({signer})")


@every_access
@every_signer
def test_cms_signs_a_file_and_embeds_the_chain(
    shell_for: ShellFor, signed_with: SignedWith, signer: str, access: Access
) -> None:
    bench = ready(shell_for, signer, access)
    must_script(bench, logged_in(access, "CMS"))
    assert cms_is_valid(bench, "app.bin")
    bench.write("other.bin", DATA + b"!")
    assert not cms_is_valid(bench, "other.bin")
    signed_with(TOOL, version(), f"cms ({signer})")


def cms_is_valid(bench: Workbench, content: str) -> bool:
    """The root is all that it trusts, and all that it has."""
    trust = ["-CAfile", "root.pem", "-purpose", "any"]
    signed = ["-inform", "DER", "-in", "app.p7s", "-binary", "-content", content]
    ended = bench.run("openssl", "cms", "-verify", *signed, *trust, "-out", os.devnull)
    assert ("CMS Verification successful" in ended.err) is (ended.code == 0)
    return ended.code == 0


# Other hashes and paddings.


@pytest.mark.parametrize("bits", [256, 384, 512])
@every_signer
def test_dgst_signs_with_every_hash(
    shell_for: ShellFor, signed_with: SignedWith, signer: str, bits: int
) -> None:
    bench = ready(shell_for, signer, Access.CONFIGURED)
    said = must_script(bench, recipe(TOOL).replace("sha256", f"sha{bits}"))
    assert "Verified OK" in said
    openssl.must_verify(bench, bits, signed="app.bin", signature="app.sig")
    bench.write("app.bin", DATA + b"!")
    assert openssl.judge(bench, bits, signed="app.bin", signature="app.sig").code == 1
    signed_with(TOOL, version(), f"dgst, SHA-{bits} ({signer})")


@pytest.mark.parametrize(
    ("salt", "length"), [("digest", None), ("0", 0), ("20", 20), ("auto", None), ("max", None)]
)
@pytest.mark.parametrize("bits", [256, 384, 512])
def test_pss_takes_salts_by_length_and_by_name(
    shell_for: ShellFor, signed_with: SignedWith, bits: int, salt: str, length: int | None
) -> None:
    bench = ready(shell_for, "rsa-3072", Access.CONFIGURED)
    script = recipe(TOOL, "PSS").replace("sha256", f"sha{bits}").replace(":digest", f":{salt}")
    ended = run_script(bench, script)
    if salt == "max":  # the engine passes OpenSSL's -3 on as if it were a length
        assert ended.code == 1
        assert "Mechanism invalid" in ended.err
        return
    assert ended.code == 0, ended.err
    longest = 3072 // 8 - bits // 8 - 2
    expected = {"digest": bits // 8, "auto": longest}.get(salt, length)
    options = [*openssl.PSS, "-sigopt", f"rsa_pss_saltlen:{expected}"]
    openssl.must_verify(bench, bits, *options, signed="app.bin", signature="app.sig")
    signed_with(TOOL, version(), f"dgst, PSS, SHA-{bits} (rsa-3072)")


def test_pss_takes_another_hash_for_its_mask(shell_for: ShellFor) -> None:
    bench = ready(shell_for, "rsa-3072", Access.CONFIGURED)
    mask = f"{PSS} -sigopt rsa_mgf1_md:sha512"
    assert "Verified OK" in must_script(bench, recipe(TOOL, "PSS").replace(PSS, mask))


@pytest.mark.parametrize("bits", [256, 384, 512])
@pytest.mark.parametrize("signer", [*SIGNERS, "rsa-3072 with PSS"])
def test_pkeyutl_signs_digests_of_every_hash(
    shell_for: ShellFor, signed_with: SignedWith, signer: str, bits: int
) -> None:
    name, _, pss = signer.partition(" with ")
    bench = ready(shell_for, name, Access.CONFIGURED)
    script = recipe(TOOL, "Digests").replace("sha256", f"sha{bits}")
    if pss:
        script = script.replace("-pkeyopt", f"-pkeyopt {PSS} -pkeyopt")
    assert "Signature Verified Successfully" in must_script(bench, script)
    options = openssl.PSS if pss else ()
    openssl.must_verify(bench, bits, *options, signed="app.bin", signature="app.sig")
    signed_with(TOOL, version(), f"pkeyutl, SHA-{bits} ({signer})")


@every_signer
def test_pkeyutl_hashes_a_file_by_itself(shell_for: ShellFor, signer: str) -> None:
    bench = ready(shell_for, signer, Access.CONFIGURED)
    script = recipe(TOOL, "Digests").replace("app.digest", "app.bin")
    script = re.sub(r"openssl dgst .*\n", "", script)
    script = script.replace("-pkeyopt digest:sha256", "-rawin -digest sha256")
    assert "Signature Verified Successfully" in must_script(bench, script)
    openssl.must_verify(bench, 256, signed="app.bin", signature="app.sig")


@pytest.mark.parametrize("bits", [256, 384, 512])
def test_cms_signs_with_pss(shell_for: ShellFor, signed_with: SignedWith, bits: int) -> None:
    bench = ready(shell_for, "rsa-3072", Access.CONFIGURED)
    script = recipe(TOOL, "CMS").replace("sha256", f"sha{bits}")
    salt = f"-keyopt {PSS} -keyopt rsa_pss_saltlen:digest"
    must_script(bench, script.replace("-signer leaf.pem", f"-signer leaf.pem {salt}"))
    assert cms_is_valid(bench, "app.bin")
    printed = bench.must("openssl", "cms", "-cmsout", "-print", "-inform", "DER", "-in", "app.p7s")
    assert "algorithm: rsassaPss" in printed
    signed_with(TOOL, version(), f"cms, PSS, SHA-{bits} (rsa-3072)")


# What it cannot do.


@pytest.mark.parametrize(
    ("key", "said"),
    [
        (f'{KEY[:-1]};pin-value=$PIN"', "is not a valid PKCS#11 URI"),
        (f"{KEY} -passin env:PIN", "You must type in 4 to 32 characters"),
    ],
)
def test_the_engines_own_ways_to_a_pin_were_too_short_for_an_api_key(
    shell_for: ShellFor, key: str, said: str
) -> None:
    bench = ready(shell_for, "p256", Access.LOGIN)
    script = recipe(TOOL)
    assert KEY in script
    if openssl.takes_long_pins():
        must_script(bench, script.replace(KEY, key))
    else:
        refused = run_script(bench, script.replace(KEY, key))
        assert refused.code == 1
        assert said in refused.err


@pytest.mark.parametrize(
    ("key", "said"),
    [
        (f'{KEY[:-1]};pin-source=file:$PIN_FILE"', "PIN incorrect"),
        (KEY, "No PIN code was entered"),
    ],
)
def test_without_a_whole_pin_nothing_is_signed(shell_for: ShellFor, key: str, said: str) -> None:
    bench = ready(shell_for, "p256", Access.LOGIN)
    refused = run_script(bench, recipe(TOOL).replace(KEY, key))
    assert refused.code == 1
    assert said in refused.err


def test_it_decrypts_nothing(shell_for: ShellFor) -> None:
    bench = ready(shell_for, "rsa-3072", Access.CONFIGURED)
    script = recipe(TOOL, "Digests").replace("-sign -pkeyopt digest:sha256", "-decrypt")
    refused = run_script(bench, script)
    assert refused.code == 1
    assert "Function not supported" in refused.err


def test_a_token_that_is_not_there_is_not_found(shell_for: ShellFor) -> None:
    bench = ready(shell_for, "p256", Access.CONFIGURED)
    refused = run_script(bench, recipe(TOOL).replace("$TOKEN", "nobody"))
    assert refused.code == 1
    assert "No matching initialized token was found" in refused.err

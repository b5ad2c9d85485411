"""osslsigncode: Authenticode signatures in EXE, CAB and MSI files, through libp11's engine."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tools.artifacts import make_cab, make_exe, make_msi
from tests.tools.matrix import ShellFor, every_access, every_signer
from tests.tools.recipes import Access, must_script, recipe, run_script, with_login
from tests.tools.summary import SignedWith, package_version
from tests.tools.tool import Workbench

TOOL = "osslsigncode"
Make = Callable[[Workbench, str], Path]
KINDS: dict[str, Make] = {"exe": make_exe, "cab": make_cab, "msi": make_msi}
OK = "Signature verification: ok"
every_kind = pytest.mark.parametrize("kind", KINDS)


def script_for(kind: str, access: Access) -> str:
    """The recipe says EXE, and that the others are signed alike."""
    return with_login(TOOL, access).replace(".exe", f".{kind}")


@every_access
@every_signer
@every_kind
def test_the_recipe_signs_a_file_that_verifies_up_to_the_root(
    shell_for: ShellFor, signed_with: SignedWith, kind: str, signer: str, access: Access
) -> None:
    bench = shell_for(signer, access)
    KINDS[kind](bench, f"app.{kind}")
    said = must_script(bench, script_for(kind, access))
    assert OK in said
    assert "Number of verified signatures: 1" in said
    signed_with(TOOL, package_version(TOOL), f"{kind.upper()} ({signer})")


@pytest.mark.parametrize("bits", [384, 512])
@every_signer
@every_kind
def test_it_signs_with_the_longer_hashes(
    shell_for: ShellFor, signed_with: SignedWith, kind: str, signer: str, bits: int
) -> None:
    bench = shell_for(signer, Access.CONFIGURED)
    KINDS[kind](bench, f"app.{kind}")
    script = script_for(kind, Access.CONFIGURED)
    said = must_script(bench, script.replace("-h sha256", f"-h sha{bits}"))
    assert OK in said
    assert f"SHA{bits}" in said.upper()
    signed_with(TOOL, package_version(TOOL), f"{kind.upper()}, SHA-{bits} ({signer})")


@every_kind
def test_a_file_changed_after_signing_is_not_verified(shell_for: ShellFor, kind: str) -> None:
    bench = shell_for("p256", Access.CONFIGURED)
    unsigned = KINDS[kind](bench, f"app.{kind}").read_bytes()
    must_script(bench, script_for(kind, Access.CONFIGURED))
    signed = bench.folder / f"signed.{kind}"
    content = bytearray(signed.read_bytes())
    content[len(unsigned) // 2] ^= 1  # among what is inside
    signed.write_bytes(content)
    refused = bench.run(TOOL, "verify", "-CAfile", "root.pem", "-in", signed)
    assert refused.code == 1
    assert "MISMATCH!!!" in refused.out
    assert OK not in refused.out


def test_without_the_issuers_a_verifier_that_has_the_root_only_refuses(shell_for: ShellFor) -> None:
    bench = shell_for("p256", Access.CONFIGURED)
    make_exe(bench, "app.exe")
    refused = run_script(bench, recipe(TOOL).replace("-ac chain.pem", ""))
    assert refused.code == 1
    assert "unable to get local issuer certificate" in refused.out + refused.err
    assert OK not in refused.out


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("pkcs11:token=$TOKEN", "No PIN code was entered"),
        ("pkcs11:token=$TOKEN;pin-source=file:$PIN_FILE", "PIN incorrect"),
    ],
)
def test_without_the_login_that_is_needed_nothing_is_signed(
    shell_for: ShellFor, uri: str, said: str
) -> None:
    bench = shell_for("p256", Access.LOGIN)
    make_exe(bench, "app.exe")
    refused = run_script(bench, recipe(TOOL).replace("pkcs11:token=$TOKEN", uri))
    assert refused.code != 0
    assert said in refused.err
    assert not (bench.folder / "signed.exe").exists()


def test_it_overwrites_nothing(shell_for: ShellFor) -> None:
    bench = shell_for("p256", Access.CONFIGURED)
    make_exe(bench, "app.exe")
    bench.write("signed.exe", b"precious")
    assert run_script(bench, recipe(TOOL)).code != 0
    assert (bench.folder / "signed.exe").read_bytes() == b"precious"

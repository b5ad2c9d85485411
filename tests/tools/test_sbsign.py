"""sbsign and sbverify: EFI images for Secure Boot, through libp11's engine."""

import re

import pytest

from tests.tools.artifacts import make_efi
from tests.tools.matrix import SIGNERS, ShellFor, every_access
from tests.tools.recipes import WITH_LOGIN, Access, must_script, recipe, run_script
from tests.tools.summary import SignedWith, package_version
from tests.tools.tool import Workbench

TOOL = "sbsign"
OK = "Signature verification OK"


def script_for(access: Access) -> str:
    """With login: as the recipes of openssl have it."""
    return ("" if access is Access.CONFIGURED else recipe("openssl", WITH_LOGIN)) + recipe(TOOL)


@every_access
@pytest.mark.parametrize("signer", ["rsa-2048", *SIGNERS])
def test_the_recipe_signs_an_image_that_verifies_up_to_the_root(
    shell_for: ShellFor, signed_with: SignedWith, signer: str, access: Access
) -> None:
    bench = shell_for(signer, access)
    make_efi(bench, "app.efi")
    assert OK in must_script(bench, script_for(access))
    listed = bench.must("sbverify", "--list", "signed.efi")
    assert len(re.findall("subject:", listed)) == 3
    assert verifies(bench, "root.pem")
    signed_with(TOOL, package_version("sbsigntool"), f"EFI image ({signer})")


def verifies(bench: Workbench, trusted: str) -> bool:
    ended = bench.run("sbverify", "--cert", trusted, "signed.efi")
    assert (OK in ended.out) is (ended.code == 0)
    return ended.code == 0


def test_an_image_changed_after_signing_is_not_verified(shell_for: ShellFor) -> None:
    bench = shell_for("p256", Access.CONFIGURED)
    place = make_efi(bench, "app.efi").stat().st_size - 1
    must_script(bench, recipe(TOOL))
    signed = bench.folder / "signed.efi"
    content = bytearray(signed.read_bytes())
    content[place] ^= 1
    signed.write_bytes(content)
    assert not verifies(bench, "root.pem")


def test_another_root_does_not_verify_it(shell_for: ShellFor) -> None:
    bench = shell_for("p256", Access.CONFIGURED)
    make_efi(bench, "app.efi")
    must_script(bench, recipe(TOOL))
    subject = ["-subj", "/CN=Somebody else", "-days", "1", "-keyout", "other.key"]
    kind = ["-x509", "-newkey", "rsa:2048", "-nodes"]
    bench.must("openssl", "req", *kind, *subject, "-out", "other.pem")
    assert not verifies(bench, "other.pem")


def test_without_the_login_that_is_needed_nothing_is_signed(shell_for: ShellFor) -> None:
    bench = shell_for("p256", Access.LOGIN)
    make_efi(bench, "app.efi")
    refused = run_script(bench, recipe(TOOL))
    assert refused.code != 0
    assert "Login to token failed" in refused.err
    assert not (bench.folder / "signed.efi").exists()

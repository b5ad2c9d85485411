"""jsign: Authenticode signatures through SunPKCS11."""

import pytest

from tests.tools.artifacts import make_cab, make_exe, make_msi
from tests.tools.matrix import SIGNERS, ShellFor, every_access
from tests.tools.recipes import WITH_LOGIN, Access, must_script, recipe, run_script, with_login
from tests.tools.summary import SignedWith

TOOL, VERSION = "jsign", "7.4"
OK = "Signature verification: ok"
KINDS = {"cab": make_cab, "msi": make_msi}


@every_access
@pytest.mark.parametrize("signer", SIGNERS)
def test_an_exe_verifies_up_to_the_root(
    shell_for: ShellFor, signed_with: SignedWith, signer: str, access: Access
) -> None:
    bench = shell_for(signer, access)
    make_exe(bench, "app.exe")
    assert OK in must_script(bench, with_login(TOOL, access))
    signed_with(TOOL, VERSION, f"EXE ({signer})")


@pytest.mark.parametrize("kind", KINDS)
def test_cab_and_msi_are_signed_alike(
    shell_for: ShellFor, signed_with: SignedWith, kind: str
) -> None:
    bench = shell_for("p256", Access.CONFIGURED)
    KINDS[kind](bench, f"app.{kind}")
    assert OK in must_script(bench, recipe(TOOL).replace(".exe", f".{kind}"))
    signed_with(TOOL, VERSION, f"{kind.upper()} (p256)")


def test_a_second_signature_is_added_and_with_replace_it_is_the_only_one(
    shell_for: ShellFor,
) -> None:
    bench = shell_for("p256", Access.CONFIGURED)
    make_exe(bench, "app.exe")
    script = recipe(TOOL)
    assert "verified signatures: 1" in must_script(bench, script)
    assert "verified signatures: 2" in must_script(bench, script)
    replacing = script.replace("--alias", "--replace --alias")
    assert "verified signatures: 1" in must_script(bench, replacing)


def test_an_exe_gets_a_timestamp_that_osslsigncode_verifies(
    shell_for: ShellFor, signed_with: SignedWith
) -> None:
    bench = shell_for("p256", Access.CONFIGURED)
    make_exe(bench, "app.exe")
    said = must_script(bench, recipe("Timestamps", "jsign"))
    assert OK in said
    assert "Timestamp Server Signature verification: ok" in said
    signed_with(TOOL, VERSION, "EXE with timestamp (p256)")


def test_without_the_login_that_is_needed_nothing_is_signed(shell_for: ShellFor) -> None:
    bench = shell_for("p256", Access.LOGIN)
    unsigned = make_exe(bench, "app.exe").read_bytes()
    refused = run_script(bench, recipe(TOOL, WITH_LOGIN).replace("--storepass env:PIN", ""))
    assert refused.code != 0
    assert "no password provided" in refused.err
    assert (bench.folder / "app.exe").read_bytes() == unsigned

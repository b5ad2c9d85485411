"""relic: Authenticode signatures and JARs, through miekg/pkcs11."""

import pytest

from tests.tools.artifacts import make_exe
from tests.tools.matrix import SIGNERS, ShellFor, every_access
from tests.tools.recipes import Access, must_script, recipe, run_script, with_login
from tests.tools.summary import SignedWith

TOOL, VERSION = "relic", "8.2.0"
OK = "Signature verification: ok"


@every_access
@pytest.mark.parametrize("signer", SIGNERS)
def test_an_exe_verifies_up_to_the_root(
    shell_for: ShellFor, signed_with: SignedWith, signer: str, access: Access
) -> None:
    bench = shell_for(signer, access)
    make_exe(bench, "app.exe")
    assert OK in must_script(bench, with_login(TOOL, access))
    signed_with(TOOL, VERSION, f"EXE ({signer})")


@pytest.mark.parametrize("signer", SIGNERS)
def test_a_jar_verifies_where_the_issuer_is_trusted_and_not_by_the_root_alone(
    shell_for: ShellFor, signed_with: SignedWith, signer: str
) -> None:
    bench = shell_for(signer, Access.CONFIGURED)
    make_exe(bench, "app.exe")
    bench.jar("app")
    must_script(bench, recipe(TOOL))
    said = must_script(bench, recipe(TOOL, "JARs"))
    assert "jar verified.\n" in said
    bench.must("keytool", "-delete", "-alias", "issuer", *TRUSTED)
    by_root = bench.run("jarsigner", "-verify", "-strict", *TRUSTED, "app.jar")
    assert by_root.code != 0
    assert "not signed by alias in this keystore" in by_root.out
    signed_with(TOOL, VERSION, f"JAR ({signer})")


TRUSTED = ("-keystore", "trust.p12", "-storepass", "changeit")


def test_without_a_pin_in_its_file_it_asks_for_one(shell_for: ShellFor) -> None:
    bench = shell_for("p256", Access.CONFIGURED)
    make_exe(bench, "app.exe")
    script = recipe(TOOL)
    assert '    pin: ""\n' in script
    refused = run_script(bench, script.replace('    pin: ""\n', ""))
    assert refused.code != 0
    assert "PIN for token sealwright" in refused.err
    assert not (bench.folder / "signed.exe").exists()

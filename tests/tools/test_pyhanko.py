"""pyHanko: PDFs signed through python-pkcs11."""

import os
import sys
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.server import ControlPlane
from tests.tools.matrix import ShellFor, every_access, every_signer
from tests.tools.pdf import blank_page
from tests.tools.recipes import Access, must_script, recipe, run_script, with_login
from tests.tools.summary import SignedWith
from tests.tools.tool import Ended, Workbench

MECHANISMS = {"rsa-3072": "sha384_rsa", "p256": "sha256_ecdsa", "p384": "sha384_ecdsa"}
SETTINGS = """
validation-contexts:
  default:
    trust: root.pem
    trust-replace: true
"""
WRONG = "swk_" + "A" * 43
CODE = "    signer-key-usage: [digital_signature]\n"


@pytest.fixture
def pdf_shell_for(shell_for: ShellFor) -> ShellFor:
    """With app.pdf, where `pyhanko` is the one of this environment."""

    def make(signer: str, access: Access) -> Workbench:
        bench = shell_for(signer, access)
        bench.write("app.pdf", blank_page())
        programs = f"{Path(sys.executable).parent}{os.pathsep}{bench.environment['PATH']}"
        return replace(bench, environment={**bench.environment, "PATH": programs})

    return make


def validate(bench: Workbench, file: str, settings: str = SETTINGS + CODE) -> Ended:
    """With the root of the built-in CA and nothing else."""
    bench.write("pyhanko.yml", settings.encode())
    program = Path(sys.executable).with_name("pyhanko")
    return bench.run(program, "sign", "validate", "--pretty-print", file)


@every_access
@every_signer
def test_a_pdf_is_valid_to_the_validator(
    pdf_shell_for: ShellFor, signer: str, access: Access, signed_with: SignedWith
) -> None:
    bench = pdf_shell_for(signer, access)
    said = must_script(bench, with_login("pyHanko", access))
    if access is not Access.CONFIGURED:  # there the recipe validates
        valid = validate(bench, "signed.pdf")
        assert valid.code == 0
        said = valid.out
    assert "The signature is judged VALID." in said
    assert "The signer's certificate is trusted." in said
    assert "The signature covers the entire file." in said
    assert f"The signature mechanism used was '{MECHANISMS[signer]}'." in said
    signed_with("pyHanko", version("pyHanko"), f"PDF ({signer})")


def test_a_pdf_is_valid_with_pss(pdf_shell_for: ShellFor, signed_with: SignedWith) -> None:
    bench = pdf_shell_for("rsa-3072", Access.CONFIGURED)
    must_script(bench, recipe("pyHanko", "PSS"))
    valid = validate(bench, "signed.pdf")
    assert valid.code == 0
    assert "The signature mechanism used was 'rsassa_pss'." in valid.out
    signed_with("pyHanko", version("pyHanko"), "PDF, PSS (rsa-3072)")


def test_the_option_for_pss_does_not_reach_a_token(pdf_shell_for: ShellFor) -> None:
    bench = pdf_shell_for("rsa-3072", Access.CONFIGURED)
    script = recipe("pyHanko")
    assert "addsig --field Release" in script
    said = must_script(
        bench, script.replace("addsig --field Release", "addsig --prefer-pss --field Release")
    )
    assert f"The signature mechanism used was '{MECHANISMS['rsa-3072']}'." in said


@pytest.mark.parametrize("signer", ["rsa-3072", "p256"])
def test_a_pdf_is_valid_when_pyhanko_hashes_for_itself(
    pdf_shell_for: ShellFor, signer: str
) -> None:
    bench = pdf_shell_for(signer, Access.CONFIGURED)
    script = recipe("pyHanko").replace("--skip-user-pin", "--skip-user-pin --raw-mechanism")
    assert "The signature is judged VALID." in must_script(bench, script)


def test_the_validator_refuses_what_it_should(pdf_shell_for: ShellFor) -> None:
    bench = pdf_shell_for("p256", Access.CONFIGURED)
    must_script(bench, recipe("pyHanko"))

    signed = (bench.folder / "signed.pdf").read_bytes()
    assert signed.count(b"[0 0 200 200]") == 1
    bench.write("changed.pdf", signed.replace(b"[0 0 200 200]", b"[0 0 200 201]"))
    changed = validate(bench, "changed.pdf")
    assert changed.code != 0
    assert "The signature is judged INVALID." in changed.out

    for_contracts = validate(bench, "signed.pdf", SETTINGS)
    assert for_contracts.code != 0
    assert "non repudiation" in for_contracts.err

    certificate = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    files = ["-subj", "/CN=Another", "-keyout", "root.key", "-out", "root.pem"]
    bench.must("openssl", "req", *certificate, *files)
    distrusted = validate(bench, "signed.pdf")
    assert distrusted.code != 0
    assert "The signer's certificate is untrusted." in distrusted.out


@pytest.mark.parametrize(
    ("pin", "said"),
    [("unset PIN", "processing error"), (f"export PIN={WRONG}", "PinIncorrect")],
    ids=["none", "wrong"],
)
@pytest.mark.parametrize("access", [Access.LOGIN, Access.PIN_ONLY], ids=lambda each: each.value)
def test_without_the_right_pin_nothing_is_signed(
    pdf_shell_for: ShellFor, control_plane: ControlPlane, access: Access, pin: str, said: str
) -> None:
    bench = pdf_shell_for("p256", access)
    before = control_plane.signings("p256")
    script = recipe("pyHanko", "With login").replace("=$PIN", "=${PIN-}")
    script = script.replace("--cert-label", "--skip-user-pin --cert-label")
    refused = run_script(bench, f"{pin}\n{script}")
    assert refused.code != 0
    assert said in refused.err
    assert (
        not (bench.folder / "signed.pdf").exists() or not (bench.folder / "signed.pdf").read_bytes()
    )
    assert control_plane.signings("p256") == before

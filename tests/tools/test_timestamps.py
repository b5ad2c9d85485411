"""Timestamps, as the recipes of docs/tools.md have tools ask for them, and what they are worth ten
years later, when the signer's certificate has long ended."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.server import ControlPlane
from tests.tools.artifacts import make_exe
from tests.tools.matrix import ShellFor
from tests.tools.recipes import Access, must_script, recipe, run_script
from tests.tools.summary import SignedWith, jdk_version, package_version
from tests.tools.tool import Workbench

SECTION = "Timestamps"
JDKS = [Path("/usr/bin"), *sorted(Path("/usr/lib/jvm").glob("*-25-*/bin"))]
"""Debian's, and 25 where there is one: it asks with SHA-384."""
YEARS_LATER = "faketime -f +3653d "
OF_JDK_25 = "This jar contains signed entries that are not signed by alias in this keystore."
"""What it says of every JAR, timestamped or not."""


def with_jdk(bench: Workbench, jdk: Path) -> Workbench:
    variables = dict(bench.environment)
    return replace(bench, environment=variables | {"PATH": f"{jdk}:{variables['PATH']}"})


def jarsigner_says(bench: Workbench, command: str) -> list[str]:
    """Of a JAR that it verifies; -strict makes of each warning about the chain an exit code."""
    lines = [line.strip() for line in must_script(bench, command).splitlines() if line.strip()]
    if OF_JDK_25 in lines:
        lines = [each for each in lines if not each.startswith(("Warning:", OF_JDK_25, "Re-run "))]
    return lines


@pytest.mark.parametrize("jdk", JDKS, ids=["default", "25"][: len(JDKS)])
def test_a_jar_verifies_strictly_now_and_ten_years_later(
    shell_for: ShellFor, signed_with: SignedWith, jdk: Path
) -> None:
    bench = with_jdk(shell_for("p256", Access.CONFIGURED), jdk)
    bench.jar("app")
    signed = must_script(bench, recipe(SECTION, "jarsigner"))
    assert "jar signed." in signed
    assert "timestamp" not in signed.lower().replace("the timestamp will expire", "")
    *prepare, verify = recipe("jarsigner", "Verify").splitlines()
    must_script(bench, "\n".join(prepare))
    assert jarsigner_says(bench, verify) == ["jar verified."]
    assert jarsigner_says(bench, YEARS_LATER + verify) == ["jar verified."]
    if jdk == JDKS[0]:
        signed_with("jarsigner", jdk_version(), "JAR with timestamp (p256)")


def test_without_one_it_does_not(shell_for: ShellFor) -> None:
    bench = shell_for("p256", Access.CONFIGURED)
    bench.jar("app")
    must_script(bench, recipe("jarsigner"))
    *prepare, verify = recipe("jarsigner", "Verify").splitlines()
    must_script(bench, "\n".join(prepare))
    refused = run_script(bench, YEARS_LATER + verify)
    assert refused.code != 0
    assert "expired" in refused.out


def test_an_exe_verifies_now_and_ten_years_later(
    shell_for: ShellFor, signed_with: SignedWith
) -> None:
    bench = shell_for("rsa-3072", Access.CONFIGURED)
    make_exe(bench, "app.exe")
    script = recipe(SECTION, "osslsigncode")
    said = must_script(bench, script)
    assert "Signature verification: ok" in said
    assert "Timestamp Server Signature verification: ok" in said
    verify = script.splitlines()[-1]
    later = must_script(bench, YEARS_LATER + verify)
    assert "Signature verification: ok" in later
    must_script(bench, recipe("osslsigncode").replace("signed.exe", "bare.exe"))
    bare = run_script(bench, YEARS_LATER + verify.replace("signed.exe", "bare.exe"))
    assert bare.code != 0
    signed_with("osslsigncode", package_version("osslsigncode"), "EXE with timestamp (rsa-3072)")


class TestOpenssl:
    def test_verifies_one_of_any_file_now_and_ten_years_later(
        self, shell_for: ShellFor, signed_with: SignedWith
    ) -> None:
        bench = shell_for("p256", Access.CONFIGURED)
        bench.write("app.bin", b"app")
        script = recipe(SECTION, "openssl")
        assert "Verification: OK" in must_script(bench, script)
        verify = script.splitlines()[-1]
        assert "Verification: OK" in must_script(bench, YEARS_LATER + verify)
        assert run_script(bench, "faketime -f +5000d " + verify).code != 0
        signed_with("openssl ts", package_version("openssl"), "timestamp")

    @pytest.mark.parametrize("hash_", ["sha384", "sha512"])
    def test_verifies_one_without_its_chain_with_the_chain_at_hand(
        self, shell_for: ShellFor, hash_: str
    ) -> None:
        bench = shell_for("p256", Access.CONFIGURED)
        bench.write("app.bin", b"app")
        script = recipe(SECTION, "openssl").replace("-sha256", f"-{hash_}")
        must_script(bench, script)
        chain = "openssl ts -reply -in app.tsr -token_out | openssl pkcs7 -inform der -print_certs"
        must_script(bench, f"{chain} -out tsa.pem")
        bare = script.replace("-cert ", "").replace("-CAfile", "-untrusted tsa.pem -CAfile")
        assert "Verification: OK" in must_script(bench, bare)

    def test_does_not_verify_one_of_another_file(self, shell_for: ShellFor) -> None:
        bench = shell_for("p256", Access.CONFIGURED)
        bench.write("app.bin", b"app")
        must_script(bench, recipe(SECTION, "openssl"))
        bench.write("other.bin", b"other")
        refused = run_script(
            bench, "openssl ts -verify -data other.bin -in app.tsr -CAfile root.pem"
        )
        assert refused.code != 0
        assert "message imprint mismatch" in refused.err

    @pytest.mark.parametrize(
        ("asked", "said"),
        [
            ("-sha1", "unrecognized or unsupported algorithm identifier"),
            ("-sha256 -tspolicy 1.2.3.4", "the requested TSA policy is not supported by the TSA"),
        ],
    )
    def test_reads_why_there_is_none(self, shell_for: ShellFor, asked: str, said: str) -> None:
        bench = shell_for("p256", Access.CONFIGURED)
        bench.write("app.bin", b"app")
        ask, *_ = recipe(SECTION, "openssl").replace("-sha256", asked).split("openssl ts -verify")
        must_script(bench, ask)
        told = must_script(bench, "openssl ts -reply -in app.tsr -text")
        assert "Status: Rejected." in told
        assert f"Failure info: {said}" in told


def test_each_token_is_a_row(shell_for: ShellFor, control_plane: ControlPlane) -> None:
    bench = shell_for("p256", Access.CONFIGURED)
    bench.write("app.bin", b"a file that nothing else has timestamped")
    must_script(bench, recipe(SECTION, "openssl"))
    digest = must_script(bench, "sha256sum app.bin").split()[0]
    serial = must_script(bench, "openssl ts -reply -in app.tsr -text | grep '^Serial number'")
    newest = control_plane.client().operations(limit=1, kind="timestamp").value.items[0]
    assert newest.digest is not None
    assert newest.digest.hex() == digest
    assert f"0x{newest.object}" == serial.split()[-1].lower()

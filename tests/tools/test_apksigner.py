"""apksigner of the Android SDK, through SunPKCS11: APK signature schemes v1, v2 and v3."""

import re
import zipfile
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import pkcs7

from tests.server import ControlPlane
from tests.tools.artifacts import apk
from tests.tools.matrix import ShellFor, every_access, every_signer
from tests.tools.recipes import Access, must_script, recipe, run_script, with_login
from tests.tools.summary import SignedWith, package_version
from tests.tools.tool import PASSWORD, Workbench

TOOL = "apksigner"
SCHEMES = ("v1", "v2", "v3")
FIRST_LEVEL = {"v1": 18, "v2": 24, "v3": 28}
"""The first API level whose devices are content with this scheme alone (v1: without SHA-1)."""


def verified_schemes(said: str) -> list[str]:
    """Of what `apksigner verify --verbose` says."""
    assert said.splitlines()[0] == "Verifies"
    return re.findall(r"^Verified using (v[123]) scheme .*: true$", said, re.MULTILINE)


def script_for(scheme: str) -> str:
    """The recipe with this scheme alone."""
    switches = [f"--{name}-signing-enabled {str(name == scheme).lower()}" for name in SCHEMES]
    return recipe(TOOL).replace("--in app.apk", f"{' '.join(switches)} --in app.apk")


def leaf_of(bench: Workbench) -> x509.Certificate:
    """The signer's certificate, which leads to the root."""
    bench.must("openssl", "verify", "-CAfile", "root.pem", "-untrusted", "chain.pem", "leaf.pem")
    return x509.load_pem_x509_certificate((bench.folder / "leaf.pem").read_bytes())


def assert_signed_by_the_leaf(bench: Workbench, said: str) -> None:
    """By nobody else; `said` with --print-certs."""
    digests = re.findall(r"^Signer #\d+ certificate SHA-256 digest: (\w+)$", said, re.MULTILINE)
    assert digests == [leaf_of(bench).fingerprint(SHA256()).hex()]


@every_access
@every_signer
def test_the_recipe_signs_an_apk_with_each_scheme_that_its_devices_know(
    shell_for: ShellFor, signed_with: SignedWith, signer: str, access: Access
) -> None:
    bench = shell_for(signer, access)
    bench.write("app.apk", apk(min_sdk=21))
    said = must_script(bench, with_login(TOOL, access))
    assert verified_schemes(said) == ["v1", "v2", "v3"]
    assert_signed_by_the_leaf(bench, said)
    signed_with(TOOL, package_version(TOOL), f"APK ({signer})")


@pytest.mark.parametrize("scheme", SCHEMES)
@every_signer
def test_each_scheme_stands_alone(
    shell_for: ShellFor, signed_with: SignedWith, signer: str, scheme: str
) -> None:
    bench = shell_for(signer, Access.CONFIGURED)
    bench.write("app.apk", apk(FIRST_LEVEL[scheme]))
    said = must_script(bench, script_for(scheme))
    assert verified_schemes(said) == [scheme]
    assert_signed_by_the_leaf(bench, said)
    signed_with(TOOL, package_version(TOOL), f"APK {scheme} ({signer})")


@every_signer
def test_the_jar_signature_of_v1_leads_to_the_root(shell_for: ShellFor, signer: str) -> None:
    bench = shell_for(signer, Access.CONFIGURED)
    bench.write("app.apk", apk(min_sdk=18))
    must_script(bench, recipe(TOOL))
    trust = str(bench.trust_store((bench.folder / "root.pem").read_text()))
    verify = ["-verify", "-strict", "-keystore", trust, "-storepass", PASSWORD]
    said = bench.must("jarsigner", "-J-Duser.language=en", *verify, "signed.apk")
    assert "jar verified." in said.splitlines()
    with zipfile.ZipFile(bench.folder / "signed.apk") as archive:
        (block,) = [name for name in archive.namelist() if re.search(r"\.(RSA|EC)$", name)]
        embedded = pkcs7.load_der_pkcs7_certificates(archive.read(block))
    assert len(embedded) == 3
    assert leaf_of(bench) in embedded


@pytest.mark.parametrize("scheme", SCHEMES)
def test_an_apk_changed_after_signing_is_not_verified(shell_for: ShellFor, scheme: str) -> None:
    bench = shell_for("p256", Access.CONFIGURED)
    bench.write("app.apk", apk(FIRST_LEVEL[scheme]))
    must_script(bench, script_for(scheme))
    signed = bench.folder / "signed.apk"
    change_a_stored_byte(signed, "assets/data.bin")
    refused = bench.run(TOOL, "verify", "signed.apk")
    assert refused.code == 1
    assert "DOES NOT VERIFY" in refused.out + refused.err


def change_a_stored_byte(archive: Path, name: str) -> None:
    """In the middle of an entry that is not compressed."""
    with zipfile.ZipFile(archive) as opened:
        entry = opened.getinfo(name)
        assert entry.compress_type == zipfile.ZIP_STORED
    content = bytearray(archive.read_bytes())
    content[entry.header_offset + entry.file_size // 2] ^= 1
    archive.write_bytes(content)


def test_v1_for_devices_below_level_18_is_sha1_and_recorded_as_hash_none(
    shell_for: ShellFor, control_plane: ControlPlane
) -> None:
    bench = shell_for("rsa-3072", Access.CONFIGURED)
    bench.write("app.apk", apk(min_sdk=17))
    before = len(control_plane.signings("rsa-3072"))
    must_script(bench, recipe(TOOL))
    rows = control_plane.signings("rsa-3072")
    hashes = [row.hash for row in rows[: len(rows) - before]]
    assert hashes == ["sha256", "sha256", "none"]  # v3, v2, v1: newest first

    before = len(rows)
    must_script(bench, re.sub("(sign|verify) ", r"\1 --min-sdk-version 18 ", recipe(TOOL)))
    rows = control_plane.signings("rsa-3072")
    assert [row.hash for row in rows[: len(rows) - before]] == ["sha256"] * 3


def test_v1_for_devices_below_level_18_cannot_be_made_with_an_ec_key(shell_for: ShellFor) -> None:
    bench = shell_for("p256", Access.CONFIGURED)
    bench.write("app.apk", apk(min_sdk=17))
    refused = run_script(bench, recipe(TOOL))
    assert refused.code == 1
    assert "ECDSA signatures only supported for minSdkVersion 18 and higher" in refused.err


def test_without_the_login_that_is_needed_nothing_is_signed(shell_for: ShellFor) -> None:
    bench = shell_for("p256", Access.LOGIN)
    bench.write("app.apk", apk(min_sdk=24))
    refused = run_script(bench, recipe(TOOL))
    assert refused.code != 0
    assert "load failed" in refused.err
    assert not (bench.folder / "signed.apk").exists()

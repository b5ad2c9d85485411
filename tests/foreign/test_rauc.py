"""rauc: update bundles, through libp11's engine."""

import os

import pytest

from tests.foreign.needs import need
from tests.tools.matrix import SIGNERS, ShellFor, every_access
from tests.tools.recipes import Access, must_script, recipe, run_script, with_login
from tests.tools.summary import SignedWith, package_version
from tests.tools.tool import Workbench

TOOL = "rauc"
MANIFEST = b"""[update]
compatible=example
version=1.0

[bundle]
format=verity

[image.rootfs]
filename=rootfs.img
"""


@pytest.fixture
def bundle_for(shell_for: ShellFor) -> ShellFor:
    """With a folder of what is to be updated."""
    need("rauc", "rauc")
    need("mksquashfs", "squashfs-tools")

    def make(signer: str, access: Access) -> Workbench:
        bench = shell_for(signer, access)
        (bench.folder / "content").mkdir()
        bench.write("content/manifest.raucm", MANIFEST)
        bench.write("content/rootfs.img", os.urandom(100_000))
        return bench

    return make


@every_access
@pytest.mark.parametrize("signer", SIGNERS)
def test_a_bundle_verifies_up_to_the_root(
    bundle_for: ShellFor, signed_with: SignedWith, signer: str, access: Access
) -> None:
    bench = bundle_for(signer, access)
    said = must_script(bench, with_login(TOOL, access))
    assert f"Subject: CN = ACME {signer}" in said
    assert is_valid(bench)
    signed_with(TOOL, package_version(TOOL), f"bundle ({signer})")


def is_valid(bench: Workbench) -> bool:
    """Says openssl of the manifest, which is in a CMS at the end; its length stands last."""
    bundle = (bench.folder / "app.raucb").read_bytes()
    length = int.from_bytes(bundle[-8:])
    bench.write("app.p7s", bundle[-8 - length : -8])
    options = ["-inform", "DER", "-CAfile", "root.pem", "-purpose", "any"]
    verified = bench.run("openssl", "cms", "-verify", "-in", "app.p7s", *options)
    return verified.code == 0 and "rootfs.img" in verified.out


def test_a_changed_bundle_is_not_verified(bundle_for: ShellFor) -> None:
    bench = bundle_for("p256", Access.CONFIGURED)
    must_script(bench, recipe(TOOL))
    bundle = bytearray((bench.folder / "app.raucb").read_bytes())
    bundle[-100] ^= 1
    bench.write("app.raucb", bytes(bundle))
    assert bench.run(TOOL, "--conf", "system.conf", "info", "app.raucb").code != 0


@pytest.mark.parametrize(
    ("without", "said"),
    [
        ("check-purpose=codesign\n", "unsuitable certificate purpose"),
        ("--intermediate chain.pem", "unable to get local issuer certificate"),
    ],
)
def test_what_the_recipe_says_is_needed(bundle_for: ShellFor, without: str, said: str) -> None:
    bench = bundle_for("p256", Access.CONFIGURED)
    script = recipe(TOOL)
    assert without in script
    refused = run_script(bench, script.replace(without, ""))
    assert refused.code != 0
    assert said in refused.err

"""rpmsign, through gpg and gnupg-pkcs11-scd."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.foreign.needs import need
from tests.tools.matrix import ShellFor
from tests.tools.recipes import Access, must_script, recipe, run_script
from tests.tools.summary import SignedWith, package_version
from tests.tools.tool import Workbench

TOOL = "rpmsign"
SPECIFICATION = b"""
Name: app
Version: 1.0
Release: 1
Summary: An application
License: MIT
BuildArch: noarch
%description
An application.
%install
install -D -m 644 %{_sourcedir}/app.bin %{buildroot}/usr/share/app/app.bin
%files
/usr/share/app/app.bin
"""


@pytest.fixture
def bench(shell_for: ShellFor, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    """With app.rpm, and gpg's recipe followed in a GNUPGHOME whose path is short."""
    need("rpmbuild", "rpm")
    plain = shell_for("rsa-3072", Access.CONFIGURED)
    home = str(tmp_path_factory.mktemp("gpg") / "own")
    bench = replace(plain, environment={**plain.environment, "GNUPGHOME": home})
    bench.write("app.bin", b"an application\n" * 1000)
    bench.write("app.spec", SPECIFICATION)
    places = {"_topdir": "rpm", "_sourcedir": ".", "_rpmdir": "built"}
    defined = [f"--define={name} {bench.folder / at}" for name, at in places.items()]
    bench.must("rpmbuild", "--quiet", "-bb", *defined, "app.spec")
    (built,) = bench.folder.glob("built/*/*.rpm")
    built.rename(bench.folder / "app.rpm")
    must_script(bench, recipe("gpg"))
    yield bench
    bench.must("gpgconf", "--kill", "all")


def test_rpms_own_reader_verifies_the_package(bench: Workbench, signed_with: SignedWith) -> None:
    unsigned = (bench.folder / "app.rpm").read_bytes()
    said = must_script(bench, recipe(TOOL))
    assert said.splitlines()[-1] == "app.rpm: digests signatures OK"
    database = ["--dbpath", str(bench.folder / "rpmdb")]
    changed = bytearray((bench.folder / "app.rpm").read_bytes())
    changed[-1] ^= 1
    bench.write("changed.rpm", bytes(changed))
    assert bench.run("rpmkeys", *database, "--checksig", "changed.rpm").code != 0

    bench.write("unsigned.rpm", unsigned)
    strict = ["--define", "_pkgverify_level signature"]
    assert bench.run("rpmkeys", *database, *strict, "--checksig", "unsigned.rpm").code != 0
    assert bench.run("rpmkeys", *database, "--checksig", "unsigned.rpm").code == 0
    signed_with(TOOL, package_version("rpm"), "package (rsa-3072)")


def test_without_the_path_of_gpg_it_is_looked_for_under_another_name(bench: Workbench) -> None:
    if "gpg2" not in bench.must("rpm", "--eval", "%__gpg"):
        pytest.skip("this rpm knows where gpg is")
    script = recipe(TOOL).replace('--define "__gpg $(command -v gpg)"', "")
    refused = run_script(bench, script)
    assert refused.code != 0
    assert "Could not exec gpg" in refused.err

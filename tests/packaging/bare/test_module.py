"""The module's package in a Debian 11 that had nothing."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bare import Bare, a_copy
from tests.server import running

APT = "export DEBIAN_FRONTEND=noninteractive; apt-get -qq -y --no-install-recommends"
MODULE = "/usr/lib/x86_64-linux-gnu/pkcs11/libsealwright-pkcs11.so"


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Bare]:
    with a_copy("bullseye", tmp_path / "root") as bare:
        bare.must("apt-get -qq update", tmp_path)
        yield bare


def test_a_machine_signs_by_the_file_in_etc(
    bare: Bare, tmp_path: Path, module_package: Path
) -> None:
    folder = tmp_path / "packages"
    folder.mkdir()
    shutil.copy(module_package, folder / "module.deb")
    bare.must(f"{APT} install ./module.deb opensc p11-kit openssl", folder)

    listed = bare.run("p11-kit list-modules", folder)
    assert listed.returncode == 0
    assert "sealwright" in listed.stdout
    assert listed.stderr == ""

    with running(tmp_path / "plane") as plane:
        plane.create_signer("release", "p256")
        (bare.root / "etc/sealwright/api.key").write_text(plane.create_machine("builder"))
        (bare.root / "etc/sealwright/api.key").chmod(0o600)
        plane.client().add_member("release", "builder", "operator")
        with (bare.root / "etc/sealwright/pkcs11.toml").open("a") as settings:
            settings.write(f'url = "{plane.url}"\napi_key_file = "/etc/sealwright/api.key"\n')
        (folder / "leaf.pem").write_text(plane.client().certificate("release").value.certificate)
        bare.must(
            f"""
            p11-kit list-modules | grep 'token: release'
            echo hello > file
            pkcs11-tool --module {MODULE} --token-label release --sign \
              --mechanism ECDSA-SHA256 --signature-format openssl \
              --input-file file --output-file file.sig
            openssl x509 -in leaf.pem -noout -pubkey > public.pem
            openssl dgst -sha256 -verify public.pem -signature file.sig file | grep 'Verified OK'
            """,
            folder,
        )
        assert len(plane.signings("release")) == 1

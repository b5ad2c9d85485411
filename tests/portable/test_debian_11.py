"""The portable module in Debian 11's pkcs11-tool, with Debian 11's libraries and no others."""

import os
import re
from pathlib import Path

import pytest

from tests.controlplane.authority import Authority
from tests.portable.conftest import BROUGHT
from tests.server import ControlPlane
from tests.tools import openssl
from tests.tools.matrix import ShellFor
from tests.tools.recipes import Access
from tests.tools.tool import Workbench

ROOT = Path(os.environ.get(BROUGHT, "")).resolve()
LIBRARIES = [ROOT / "lib/x86_64-linux-gnu", ROOT / "usr/lib/x86_64-linux-gnu"]
LOADER: list[str | Path] = [
    LIBRARIES[0] / "ld-2.31.so",
    "--library-path",
    ":".join(map(str, LIBRARIES)),
]
TOOL: list[str | Path] = [*LOADER, ROOT / "usr/bin/pkcs11-tool"]


def test_the_c_library_is_debian_11s(workbench: Workbench) -> None:
    said = workbench.must(*LOADER, LIBRARIES[0] / "libc.so.6")
    assert said.startswith("GNU C Library (Debian GLIBC 2.31-13+deb11")


def test_all_that_the_module_needs_is_found_there(workbench: Workbench) -> None:
    found = workbench.must(*LOADER, "--list", workbench.module)
    files = re.findall(r"^\t(?:\S+ => )?(/\S+)", found, re.MULTILINE)
    assert str(LIBRARIES[0] / "libc.so.6") in files
    assert [file for file in files if not file.startswith(str(ROOT))] == []


@pytest.mark.parametrize(
    ("signer", "mechanism", "options"),
    [
        ("rsa-3072", "SHA256-RSA-PKCS", []),
        ("rsa-3072", "SHA384-RSA-PKCS-PSS", []),
        ("p256", "ECDSA-SHA256", ["--signature-format", "openssl"]),
    ],
)
def test_its_pkcs11_tool_signs_what_openssl_verifies(
    shell_for: ShellFor,
    slots: dict[str, int],
    signer: str,
    mechanism: str,
    options: list[str],
) -> None:
    bench = shell_for(signer, Access.CONFIGURED)
    bench.write("app.bin", b"release 1.0\n" * 1000)
    files = ["--input-file", "app.bin", "--output-file", "app.sig"]
    slot = str(slots[signer])
    signed = bench.run(
        *TOOL, "--module", bench.module, "--slot", slot, "--sign", "-m", mechanism, *options, *files
    )
    assert signed.code == 0, signed.err
    assert "sealwright:" not in signed.err
    bits = int(re.findall(r"SHA(\d+)", mechanism)[0])
    padding = openssl.PSS if mechanism.endswith("PSS") else ()
    openssl.must_verify(bench, bits, *padding, signed="app.bin", signature="app.sig")


def test_its_pkcs11_tool_lists_every_signer_over_tls(
    workbench: Workbench, own_plane: ControlPlane, tmp_path: Path
) -> None:
    """Names are resolved, time is told and certificates are judged with that C library."""
    authority = Authority(tmp_path)
    certificate, key = authority.issue("server", "127.0.0.1")
    machine = own_plane.create_machine("builder")
    own_plane.create_signer("release", "p256", builder="operator")
    own_plane.stop()
    own_plane.serve_options = ("--tls-cert", str(certificate), "--tls-key", str(key))
    own_plane.start()
    bench = workbench.with_variables(
        url=own_plane.url, api_key=machine, ca_file=str(authority.certificate)
    )
    listed = bench.must(*TOOL, "--module", bench.module, "-L")
    assert re.findall(r"token label +: (\S+)", listed) == ["release"]

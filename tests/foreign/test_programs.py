"""Programs of one's own: crypto11 and miekg/pkcs11 for Go, cryptoki for Rust."""

import os

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from tests.tools import openssl
from tests.tools.matrix import SIGNERS, ShellFor, every_access
from tests.tools.recipes import Access, must_script, recipe
from tests.tools.summary import SignedWith
from tests.tools.tool import Workbench

CRYPTO11, PKCS11, CRYPTOKI = "crypto11", "miekg/pkcs11", "cryptoki"
VERSIONS = {CRYPTO11: "1.6.2", PKCS11: "1.1.2", CRYPTOKI: "0.12.1"}


@every_access
@pytest.mark.parametrize("signer", SIGNERS)
@pytest.mark.parametrize("library", VERSIONS)
def test_openssl_verifies_what_the_program_signed(
    shell_for: ShellFor, signed_with: SignedWith, library: str, signer: str, access: Access
) -> None:
    bench = shell_for(signer, access)
    bench.write("app.bin", os.urandom(100_000))
    must_script(bench, recipe(library))
    signature = "app.sig" if library == PKCS11 else "app.bin.sig"
    if library != CRYPTO11 and signer.startswith("p"):
        in_der(bench, signature)
    openssl.must_verify(bench, 256, signed="app.bin", signature=signature)
    signed_with(library, VERSIONS[library], f"file ({signer})")


def in_der(bench: Workbench, name: str) -> None:
    """An ECDSA signature in r‖s, written anew as openssl wants it."""
    octets = (bench.folder / name).read_bytes()
    half = len(octets) // 2
    r, s = int.from_bytes(octets[:half]), int.from_bytes(octets[half:])
    bench.write(name, encode_dss_signature(r, s))

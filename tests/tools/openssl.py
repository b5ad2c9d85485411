"""openssl as the stranger that verifies, in a shell of `recipes.shell`."""

from tests.tools.summary import is_at_least
from tests.tools.tool import Ended, Workbench

PSS = ("-sigopt", "rsa_padding_mode:pss")


def takes_long_pins() -> bool:
    """Libp11's engine, by URI and prompt: an API key is longer than the 32 characters of before."""
    return is_at_least("libengine-pkcs11-openssl", "0.4.13")


def public_key(bench: Workbench) -> str:
    """PEM file of the leaf's public key, once the leaf itself leads to the root."""
    bench.must("openssl", "verify", "-CAfile", "root.pem", "-untrusted", "chain.pem", "leaf.pem")
    bench.must("openssl", "x509", "-in", "leaf.pem", "-noout", "-pubkey", "-out", "public.pem")
    return "public.pem"


def judge(bench: Workbench, bits: int, *options: str, signed: str, signature: str) -> Ended:
    """Verifies a detached signature with SHA-`bits`."""
    arguments = [f"-sha{bits}", *options, "-verify", public_key(bench), "-signature", signature]
    return bench.run("openssl", "dgst", *arguments, signed)


def verified_request(bench: Workbench, request: str, *shown: str) -> str:
    """What it shows of a certificate request, which has to verify by its own key."""
    shown_of_it = bench.must("openssl", "req", "-in", request, "-verify", "-noout", *shown)
    return shown_of_it.removeprefix("Certificate request self-signature verify OK\n")  # 3.5


def must_verify(bench: Workbench, bits: int, *options: str, signed: str, signature: str) -> None:
    ended = judge(bench, bits, *options, signed=signed, signature=signature)
    assert (ended.code, ended.out) == (0, "Verified OK\n"), ended.err

"""Programs of one's own in Java, on SunPKCS11."""

import os
from pathlib import Path

import pytest

from tests.server import ControlPlane
from tests.tools import openssl
from tests.tools.matrix import ShellFor, every_access, every_signer
from tests.tools.recipes import Access, must_script, recipe
from tests.tools.summary import SignedWith, jdk_cancels, jdk_version
from tests.tools.tool import Ended, Workbench

SIGN_FROM_THREADS = Path(__file__).parent / "SignFromThreads.java"
VERIFY_THROUGH_PROVIDER = Path(__file__).parent / "VerifyThroughProvider.java"
ABANDON_SIGNATURE = Path(__file__).parent / "AbandonSignature.java"
THREADS, EACH = 8, 5


def write_provider_file(bench: Workbench, slot: int) -> None:
    settings = f"name = Sealwright\nlibrary = {bench.module}\nslot = {slot}\n"
    bench.write("sealwright.cfg", settings.encode())


@every_access
@every_signer
def test_the_java_program_signs_a_file_that_openssl_verifies(
    shell_for: ShellFor, signed_with: SignedWith, signer: str, access: Access
) -> None:
    bench = shell_for(signer, access)
    bench.write("app.bin", os.urandom(1_000_000))
    assert "Verified OK" in must_script(bench, recipe("Java programs"))
    openssl.must_verify(bench, 256, signed="app.bin", signature="app.sig")
    signed_with("Java program", jdk_version(), f"file ({signer})")


@pytest.mark.parametrize("access", [Access.CONFIGURED, Access.LOGIN], ids=lambda each: each.value)
@pytest.mark.parametrize(
    ("signer", "algorithms"),
    [
        ("rsa-3072", ["SHA256withRSA", "SHA512withRSA", "PSS/256", "PSS/384", "PSS/512"]),
        ("p256", ["SHA256withECDSA", "SHA512withECDSA", "SHA256withECDSAinP1363Format"]),
        ("p384", ["SHA384withECDSA", "SHA256withECDSA", "SHA384withECDSAinP1363Format"]),
    ],
)
def test_eight_java_threads_share_a_key_and_each_signature_is_made_once(
    shell_for: ShellFor,
    slots: dict[str, int],
    control_plane: ControlPlane,
    signed_with: SignedWith,
    signer: str,
    algorithms: list[str],
    access: Access,
) -> None:
    bench = shell_for(signer, access)
    write_provider_file(bench, slots[signer])
    before = len(control_plane.signings(signer))
    numbers = [str(THREADS), str(EACH)]
    arguments = ["sealwright.cfg", signer, "root.pem", *numbers, *algorithms]
    ended = bench.run("java", SIGN_FROM_THREADS, *arguments)
    assert ended.code == 0, ended.err
    assert ended.out.splitlines() == [f"{algorithm} {THREADS * EACH}" for algorithm in algorithms]
    assert len(control_plane.signings(signer)) - before == THREADS * EACH * len(algorithms)
    for algorithm in algorithms:
        signed_with("Java program", jdk_version(), f"{algorithm}, 8 threads ({signer})")


@pytest.mark.parametrize(
    ("signer", "algorithm"), [("rsa-3072", "SHA256withRSA"), ("p256", "SHA256withECDSA")]
)
def test_the_jdk_17_finishes_a_signature_that_the_program_gives_up(
    shell_for: ShellFor,
    slots: dict[str, int],
    control_plane: ControlPlane,
    signer: str,
    algorithm: str,
) -> None:
    before = len(control_plane.signings(signer))
    ended = abandon(shell_for, slots, signer, algorithm, size=100)
    assert ended.code == 0, ended.err
    assert len(control_plane.signings(signer)) - before == (1 if jdk_cancels() else 2)


def test_the_jdk_17_cannot_give_up_a_raw_signature(
    shell_for: ShellFor, slots: dict[str, int], control_plane: ControlPlane
) -> None:
    """It would have more bytes signed, to be rid of it, than any digest has."""
    before = len(control_plane.signings("p256"))
    ended = abandon(shell_for, slots, "p256", "NONEwithECDSA", size=32)
    if jdk_cancels():
        assert ended.code == 0, ended.err
        before += 1  # the second signature, which is not given up
    else:
        assert ended.code == 1
        assert "java.security.ProviderException: cancel failed" in ended.err
        assert "CKR_DATA_LEN_RANGE" in ended.err
    assert len(control_plane.signings("p256")) == before


@pytest.mark.parametrize(
    ("signer", "algorithms"),
    [
        ("rsa-3072", ["SHA256withRSA", "SHA512withRSA", "PSS/256"]),
        ("p256", ["SHA256withECDSA", "SHA256withECDSAinP1363Format"]),
        ("p384", ["SHA384withECDSA"]),
    ],
)
def test_the_provider_verifies_by_the_key_of_a_certificate(
    shell_for: ShellFor, slots: dict[str, int], signer: str, algorithms: list[str]
) -> None:
    """SunPKCS11 brings the key to the token for it."""
    bench = shell_for(signer, Access.CONFIGURED)
    write_provider_file(bench, slots[signer])
    arguments = ["sealwright.cfg", signer, "leaf.pem", "3", *algorithms]
    ended = bench.run("java", VERIFY_THROUGH_PROVIDER, *arguments)
    assert ended.code == 0, ended.err
    assert ended.out.splitlines() == [f"{algorithm} 3 0" for algorithm in algorithms]


def abandon(
    shell_for: ShellFor, slots: dict[str, int], signer: str, algorithm: str, size: int
) -> Ended:
    bench = shell_for(signer, Access.CONFIGURED)
    write_provider_file(bench, slots[signer])
    return bench.run("java", ABANDON_SIGNATURE, "sealwright.cfg", signer, algorithm, str(size))

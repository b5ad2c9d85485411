"""Programs that stay, while the signer that they use is renewed."""

import select
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from subprocess import PIPE, Popen

import pytest

from tests.conftest import BUILDER
from tests.server import ControlPlane
from tests.tools import openssl
from tests.tools.recipes import shell
from tests.tools.tool import RUN_SECONDS, Workbench

ERROR = {"sign-with-crypto11": "CKR_FUNCTION_REJECTED", "sign-with-cryptoki": "rejected"}
"""What each program prints of the refusal, in its library's words."""


@dataclass(frozen=True)
class Host:
    """A program that signs each file whose name it reads."""

    process: "Popen[str]"

    def sign(self, name: str) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{name}\n")
        self.process.stdin.flush()
        answers, _, _ = select.select([self.process.stdout], [], [], RUN_SECONDS)
        assert answers, "it does not answer"
        assert self.process.stdout.readline() == f"{name}.sig\n"

    def end(self) -> str:
        """What it said on stderr until it ended well."""
        _, said = self.process.communicate(timeout=RUN_SECONDS)
        assert self.process.returncode == 0, said
        return said


@contextmanager
def running(bench: Workbench, program: str) -> Iterator[Host]:
    with Popen(
        ["bash", "-c", f"exec {program}"],  # found by the bench's PATH
        cwd=bench.folder,
        env=dict(bench.environment),
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        text=True,
    ) as process:
        try:
            yield Host(process)
        finally:
            process.kill()


@pytest.mark.parametrize("program", ERROR)
def test_a_renewed_signers_old_key_is_refused_and_the_next_search_finds_the_new_one(
    workbench: Workbench, control_plane: ControlPlane, builder_key: str, program: str
) -> None:
    signer = f"renewed-{program.rpartition('-')[2]}"
    number = control_plane.create_signer(signer, "rsa-2048", **{BUILDER: "operator"}).number
    bench = shell(workbench, signer, number)
    for name in ("before.bin", "after.bin", "later.bin"):
        bench.write(name, name.encode() * 1000)
    with running(bench, program) as host:
        host.sign("before.bin")
        control_plane.client().renew_signer(signer)
        host.sign("after.bin")
        host.sign("later.bin")
        said = host.end()

    assert f'signer "{signer}": the signer\'s certificate has changed' in said
    assert said.count(ERROR[program]) == 1
    assert [(row.outcome, row.reason) for row in control_plane.signings(signer)] == [
        ("succeeded", None),
        ("succeeded", None),
        ("denied", "certificate_changed"),
        ("succeeded", None),
    ]
    openssl.must_verify(bench, 256, signed="before.bin", signature="before.bin.sig")
    leaf = control_plane.client().certificate(signer).value.certificate
    bench.write("leaf.pem", leaf.encode())
    openssl.must_verify(bench, 256, signed="after.bin", signature="after.bin.sig")
    openssl.must_verify(bench, 256, signed="later.bin", signature="later.bin.sig")
    refused = openssl.judge(bench, 256, signed="before.bin", signature="before.bin.sig")
    assert refused.code != 0

"""Small programs in C that load the module and misbehave; what they said, checked by a stranger."""

import os
import re
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from tests.gateway import Gateway, Request, gateway_to
from tests.server import ControlPlane

SOURCES = Path(__file__).parent / "c"
PATIENCE = 150  # seconds; a host's own alarm ends it before
SAID = re.compile(r"^signature (\S+) ([0-9a-f]+)$", re.MULTILINE)


def build(folder: Path) -> None:
    """Every host, compiled as an executable of the same name."""
    headers = subprocess.run(
        ["pkg-config", "--cflags", "p11-kit-1"], capture_output=True, text=True, check=True
    ).stdout.split()
    for source in SOURCES.glob("*.c"):
        flags = ["-std=c11", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-pthread", *headers]
        command = ["cc", *flags, str(source), "-o", str(folder / source.stem)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str

    @property
    def signatures(self) -> dict[str, bytes]:
        """By what was signed; a host signs nothing twice."""
        made = signatures_in(self.out)
        assert len(made) == len(SAID.findall(self.out))
        return made

    @property
    def lines(self) -> list[str]:
        """What it said besides."""
        return [line for line in self.out.splitlines() if not line.startswith("signature ")]


@dataclass(frozen=True)
class Hosts:
    """Started with the module, a token, and an environment that names a control plane."""

    folder: Path  # of the executables
    module: Path
    environment: Mapping[str, str]

    def command(self, host: str, token: str, *arguments: str | Path) -> list[str]:
        given = [self.folder / host, self.module, token, *arguments]
        return [str(argument) for argument in given]

    def run(self, host: str, token: str, *arguments: str | Path, **variables: str) -> Ended:
        return self.run_command(self.command(host, token, *arguments), **variables)

    def run_command(self, command: list[str], **variables: str) -> Ended:
        """`variables`: SEALWRIGHT_ ones, named without their prefix, in lower case."""
        done = subprocess.run(
            command,
            env=self.with_variables(**variables),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    def start(self, command: list[str], **variables: str) -> "subprocess.Popen[str]":
        """With pipes for what it reads and says."""
        return subprocess.Popen(
            command,
            env=self.with_variables(**variables),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def with_variables(self, **variables: str) -> dict[str, str]:
        named = {f"SEALWRIGHT_{name.upper()}": value for name, value in variables.items()}
        return dict(os.environ) | dict(self.environment) | named


def signatures_in(text: str) -> dict[str, bytes]:
    """The last one over each text."""
    return {data: bytes.fromhex(octets) for data, octets in SAID.findall(text)}


def listen(host: "subprocess.Popen[str]", until: str) -> str:
    """What the host says before that line."""
    assert host.stdout is not None
    said = ""
    while (line := host.stdout.readline()) != f"{until}\n":
        assert line, said  # it ended
        said += line
    return said


def tell(host: "subprocess.Popen[str]", until: str) -> str:
    """Lets a host go on that waits for a line; what it says before that one of its own."""
    assert host.stdin is not None
    host.stdin.write("go on\n")
    host.stdin.flush()
    return listen(host, until)


@contextmanager
def held_answer(
    plane: ControlPlane,
) -> Iterator[tuple[Gateway, threading.Event, threading.Event]]:
    """A gateway that keeps the answer to the first call to sign: when it was asked for, and what
    releases it."""
    asked, released = threading.Event(), threading.Event()

    def hold(request: Request, answer: bytes) -> bytes:
        if request.path.endswith("/sign") and not asked.is_set():
            asked.set()
            released.wait(PATIENCE)
        return answer

    with gateway_to(plane, hold) as gateway:
        try:
            yield gateway, asked, released
        finally:
            released.set()


def verify(plane: ControlPlane, signer: str, signatures: Mapping[str, bytes]) -> None:
    """With the signer's certificate, by a library that knows nothing of us."""
    pem = plane.client().certificate(signer).value.certificate
    key = x509.load_pem_x509_certificate(pem.encode()).public_key()
    for data, signature in signatures.items():
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, data.encode(), padding.PKCS1v15(), hashes.SHA256())
            continue
        assert isinstance(key, ec.EllipticCurvePublicKey)
        half = len(signature) // 2
        pair = (int.from_bytes(signature[:half]), int.from_bytes(signature[half:]))
        key.verify(encode_dss_signature(*pair), data.encode(), ec.ECDSA(hashes.SHA256()))

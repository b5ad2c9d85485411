"""Signing processes that can be many, and that can be killed."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from controlplane.domain.model import MemberRole
from tests.postgresql import database, postgresql
from tests.world import World

__all__ = ["database", "postgresql"]

ROOT = Path(__file__).resolve().parents[2]

# Prints one line for each signature that was released: operation id, digest, signature.
_SIGN = """
import hashlib, sys, threading
from pathlib import Path
from controlplane.domain.model import *
from controlplane.service.installation import open_services
from controlplane.service.location import Location
data_dir, api_key, name, threads, calls = sys.argv[1:]
out = threading.Lock()
with open_services(Location(Path(data_dir))) as services:
    def work(thread):
        for number in range(int(calls)):
            text = f"{name}-{thread}-{number}"
            digest = hashlib.sha256(text.encode()).digest()
            call = SignCall(HashAlgorithm.SHA256, digest, None, None, EcdsaEncoding.DER,
                            Scheme("ecdsa"), "release", Client(), None, text)
            caller = services.identities.authenticate(api_key)
            signed = services.signing.sign(caller, call)
            with out:
                print(signed.operation_id, digest.hex(), signed.signature.hex(), flush=True)
    started = [threading.Thread(target=work, args=(n,)) for n in range(int(threads))]
    for thread in started: thread.start()
    for thread in started: thread.join()
"""


@dataclass(frozen=True)
class Released:
    operation_id: str
    digest: str
    signature: str


@dataclass
class SigningProcess:
    process: subprocess.Popen[str]

    def read_one(self) -> Released | None:
        """The next signature that it released; None at its end, or where it was cut off."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        return Released(*line.split()) if line.endswith("\n") else None

    def read_all(self) -> list[Released]:
        found = []
        while (released := self.read_one()) is not None:
            found.append(released)
        return found

    def end(self) -> int:
        assert self.process.stdout is not None
        self.process.stdout.close()
        return self.process.wait()


@pytest.fixture
def world(tmp_path: Path, database: str | None) -> Iterator[World]:
    world = World(tmp_path / "data", database)
    with world.services:
        yield world


Start = Callable[[str, int, int], SigningProcess]


@pytest.fixture
def start(world: World) -> Iterator[Start]:
    """Starts a process of this name that makes so many calls in each of so many threads."""
    api_key = world.machine_key("ci")
    world.signer(ci=MemberRole.OPERATOR)
    started: list[SigningProcess] = []

    def run(name: str, threads: int, calls: int) -> SigningProcess:
        arguments = [str(world.location.data_dir), api_key, name, str(threads), str(calls)]
        process = subprocess.Popen(
            [sys.executable, "-c", _SIGN, *arguments], stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        started.append(SigningProcess(process))
        return started[-1]

    yield run
    for each in started:
        if each.process.poll() is None:
            each.process.kill()
        each.end()

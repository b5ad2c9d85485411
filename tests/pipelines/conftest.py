"""A job of a pipeline: a folder, a shell with next to nothing in its environment, a signer."""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.server import ControlPlane, running
from tests.tools.tool import PASSWORD, Ended, Workbench

HERE = Path(__file__).parents[2]
SCRIPT = HERE / "docs" / "ci" / "sign"
SIGNER = "release"
JOB_SECONDS = 120
LATER = ("faketime", "-f", "+3653d")
TOOLS = "/usr/local/bin:/usr/bin:/bin"


@dataclass
class Job:
    """`variables`: all that the job's shell has, but for PATH, HOME and TMPDIR."""

    folder: Path
    api_key: str = field(repr=False)
    variables: dict[str, str]
    trust: Path
    """A Java trust store with the root that all certificates here lead to."""
    path: str = TOOLS

    @property
    def temporary(self) -> Path:
        return self.folder.parent / "tmp"

    def environment(self, **more: str) -> dict[str, str]:
        """`more`: SEALWRIGHT_ variables, named without their prefix, in lower case."""
        named = {f"SEALWRIGHT_{name.upper()}": value for name, value in more.items()}
        around = {
            "PATH": self.path,
            "HOME": str(self.folder.parent),
            "TMPDIR": str(self.temporary),
        }
        return around | self.variables | named

    def step(self, script: str, *, by: str = "sh", **more: str) -> Ended:
        """What this shell makes of the script."""
        return self._run([by, "-e", "-c", script], self.environment(**more))

    def sign(self, **more: str) -> Ended:
        """docs/ci/sign, with these variables too."""
        return self._run(["sh", str(SCRIPT)], self.environment(**more))

    def must_sign(self, **more: str) -> Ended:
        ended = self.sign(**more)
        assert ended.code == 0, ended.out + ended.err
        return ended

    def refused(self, **more: str) -> tuple[str, str]:
        """What is wrong, and what to do."""
        ended = self.sign(**more)
        assert ended.code == 1, ended.out + ended.err
        *_, said, next_step = ended.err.splitlines()
        assert said.startswith("sealwright: ")
        assert next_step.startswith("  -> ")
        return said.removeprefix("sealwright: "), next_step.removeprefix("  -> ")

    def bench(self) -> Workbench:
        """What makes and verifies files here."""
        return Workbench(self.folder, Path("/"), dict(os.environ) | {"LC_ALL": "C.UTF-8"})

    def jar(self, name: str) -> Path:
        return self.bench().jar(name)

    def verify_jar(self, name: str) -> str:
        """What jarsigner says ten years later, with the one root trusted."""
        store = ("-keystore", self.trust, "-storepass", PASSWORD)
        return self.bench().must(*LATER, "jarsigner", "-verify", "-strict", *store, name).strip()

    def receipts(self) -> list[Path]:
        return sorted((self.folder / "receipts").glob("*.tlog-proof"))

    def _run(self, command: list[str], environment: dict[str, str]) -> Ended:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            capture_output=True,
            text=True,
            timeout=JOB_SECONDS,
            check=False,
        )
        return Ended(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="session")
def pipeline_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """With a signer that is not the first, and machines that may do more or less with it."""
    with running(tmp_path_factory.mktemp("pipelines")) as plane:
        plane.create_signer("another", "p256")
        plane.create_signer(SIGNER, "p256")
        yield plane


@pytest.fixture(scope="session")
def root(pipeline_plane: ControlPlane) -> str:
    """PEM of the one that all certificates here lead to."""
    return pipeline_plane.client().certificate(SIGNER).value.chain[-1]


@pytest.fixture(scope="session")
def trust(tmp_path_factory: pytest.TempPathFactory, root: str) -> Path:
    folder = tmp_path_factory.mktemp("trust")
    return Workbench(folder, folder, dict(os.environ)).trust_store(root)


@pytest.fixture(scope="session")
def machine_key(pipeline_plane: ControlPlane) -> str:
    api_key = pipeline_plane.create_machine("pipeline")
    client = pipeline_plane.client()
    client.add_member("another", "pipeline", "operator")
    client.add_member(SIGNER, "pipeline", "operator")
    return api_key


@pytest.fixture
def job(
    tmp_path: Path, pipeline_plane: ControlPlane, machine_key: str, module_file: Path, trust: Path
) -> Job:
    """In a folder whose name has a blank in it, as Jenkins has them."""
    folder = tmp_path / "work space"
    folder.mkdir()
    (tmp_path / "tmp").mkdir()
    variables = {
        "SEALWRIGHT_URL": pipeline_plane.url,
        "SEALWRIGHT_API_KEY": machine_key,
        "SEALWRIGHT_SIGNER": SIGNER,
        "SEALWRIGHT_MODULE": str(module_file),
        "SEALWRIGHT_RECEIPTS_DIRECTORY": "receipts",
    }
    return Job(folder, machine_key, variables, trust)

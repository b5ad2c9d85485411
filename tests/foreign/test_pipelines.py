"""The recipes of docs/ci with the tools that they are for."""

import os
import shutil
import subprocess
from base64 import b64decode
from pathlib import Path

import pytest

from tests.foreign.conftest import PROGRAMS
from tests.foreign.needs import need
from tests.pipelines import conftest as pipelines
from tests.pipelines.conftest import HERE, Job

job = pipelines.job
machine_key = pipelines.machine_key
pipeline_plane = pipelines.pipeline_plane
root = pipelines.root
trust = pipelines.trust

RECIPES = HERE / "docs" / "ci"
REPOSITORY = PROGRAMS.parent / "maven"
BUILD_SECONDS = 600
GROOVY = """
import org.codehaus.groovy.control.*
def unit = new CompilationUnit()
unit.addSource(new File(args[0]))
unit.compile(Phases.CONVERSION)
"""


@pytest.fixture
def set_up(job: Job) -> Job:
    """The job with a small Java program, after docs/ci/sign has set it up."""
    shutil.copytree(RECIPES / "maven" / "src", job.folder / "src")
    folder = job.folder.parent / "sealwright"
    job.variables["SEALWRIGHT_FOLDER"] = str(folder)
    job.must_sign()
    key = job.variables.pop("SEALWRIGHT_API_KEY")
    assert (folder / "api-key").read_text() == f"{key}\n"
    job.variables["SEALWRIGHT_API_KEY_FILE"] = str(folder / "api-key")
    return job


def build(job: Job, *command: str | Path) -> str:
    done = subprocess.run(
        [str(each) for each in command],
        cwd=job.folder,
        env=job.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=BUILD_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_maven_signs_what_it_packages(set_up: Job) -> None:
    need("mvn", "maven")
    shutil.copy(RECIPES / "maven" / "pom.xml", set_up.folder)
    build(set_up, "mvn", "-q", "-B", f"-Dmaven.repo.local={REPOSITORY}", "package")
    assert set_up.verify_jar("target/app-1.0.jar").splitlines()[0] == "jar verified."
    assert len(set_up.receipts()) == 1


def test_gradle_signs_what_it_assembles(set_up: Job) -> None:
    need("gradle", "gradle")
    shutil.copy(RECIPES / "gradle" / "build.gradle", set_up.folder)
    (set_up.folder / "settings.gradle").write_text("rootProject.name = 'app'\n")
    home = set_up.folder.parent / "gradle"
    build(set_up, "gradle", "--offline", "--no-daemon", "-g", home, "assemble")
    assert set_up.verify_jar("build/libs/app.jar").splitlines()[0] == "jar verified."
    assert len(set_up.receipts()) == 1


def test_the_jenkinsfile_is_groovy(job: Job, tmp_path: Path) -> None:
    """No Jenkins can be had from a registry: what its shell runs, tests/pipelines runs."""
    need("groovy", "groovy")
    program = tmp_path / "parse.groovy"
    program.write_text(GROOVY)
    build(job, "groovy", program, RECIPES / "jenkins" / "Jenkinsfile")


def test_goreleaser_reads_how_cosign_signs(job: Job) -> None:
    read = PROGRAMS / "read-goreleaser"
    command = build(job, read, RECIPES / "goreleaser" / ".goreleaser.yaml").split()
    assert command[:2] == ["cosign", "sign-blob"]


def test_cosign_signs_as_goreleaser_has_it(set_up: Job) -> None:
    """Where somebody has built it: that takes longer than all else here."""
    if shutil.which("cosign", path=f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}") is None:
        pytest.skip(
            "no cosign: go install -tags pkcs11key github.com/sigstore/cosign/v2/cmd/cosign"
        )
    set_up.path = f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}"
    (set_up.folder / "checksums.txt").write_text("0  app\n")
    read = PROGRAMS / "read-goreleaser"
    words = build(set_up, read, RECIPES / "goreleaser" / ".goreleaser.yaml").strip()
    for name in ("SEALWRIGHT_SIGNER", "SEALWRIGHT_FOLDER"):
        words = words.replace(f"{{{{ .Env.{name} }}}}", set_up.variables[name])
    words = words.replace("${signature}", "checksums.txt.sig").replace(
        "${artifact}", "checksums.txt"
    )
    build(set_up, *words.split())
    bench = set_up.bench()
    leaf = Path(set_up.variables["SEALWRIGHT_FOLDER"]) / "leaf.pem"
    bench.write("key.pem", bench.must("openssl", "x509", "-in", leaf, "-noout", "-pubkey").encode())
    bench.write("raw.sig", b64decode((set_up.folder / "checksums.txt.sig").read_text()))
    verify = ("dgst", "-sha256", "-verify", "key.pem", "-signature", "raw.sig", "checksums.txt")
    assert bench.must("openssl", *verify) == "Verified OK\n"

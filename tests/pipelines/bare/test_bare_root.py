"""The job of the GitLab component as it stands there, in a machine that has nothing but apt: it
installs what it names, takes the module out of a wheel, and signs."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bare import Bare, a_copy
from tests.pipelines.conftest import SIGNER, Job
from tests.pipelines.gitlab import the_job
from tests.pipelines.wheel import wheel


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Bare]:
    """A copy, so that what a job installs is not there for the next one."""
    with a_copy("bookworm", tmp_path / "root") as bare:
        yield bare


def test_a_job_signs_a_jar(
    job: Job, root: str, bare: Bare, tmp_path: Path, module_file: Path
) -> None:
    job.jar("app")
    packed = wheel(job.folder, module_file)
    digest = hashlib.sha256(packed.read_bytes()).hexdigest()
    signing = the_job(
        url=job.variables["SEALWRIGHT_URL"],
        signer=SIGNER,
        files="*.jar",
        requirement=f"/srv/{packed.name} --hash=sha256:{digest}",
    )
    environment = signing["variables"] | {
        "SEALWRIGHT_API_KEY": job.api_key,
        "CI_JOB_URL": "https://gitlab.example.org/job/1",
    }
    script = "\n".join([*signing["before_script"], *signing["script"]])
    done = bare.run(script, job.folder, environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert job.api_key not in done.stdout + done.stderr
    assert job.verify_jar("app.jar") == "jar verified."
    assert len(job.receipts()) == 1

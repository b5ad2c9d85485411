"""The job of the GitLab component as it stands there, in a machine that has nothing but apt: it
installs what it names, takes the module out of a wheel, and signs."""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pipelines.bare.conftest import ROOT
from tests.pipelines.conftest import SIGNER, Job
from tests.pipelines.gitlab import the_job
from tests.pipelines.wheel import wheel

INSTALL_SECONDS = 900
ENTER = """
mount --make-rprivate /
mount --rbind /dev "$1/dev"
mount -t proc proc "$1/proc"
touch "$1/etc/resolv.conf" "$1/etc/hosts"
for file in resolv.conf hosts; do mount --bind "/etc/$file" "$1/etc/$file"; done
mount -t tmpfs tmp "$1/tmp"
mount --bind "$2" "$1/srv"
cd "$1"
exec chroot . bash -eo pipefail -c "cd /srv; $3"
"""


@pytest.fixture
def root_folder(tmp_path: Path) -> Iterator[Path]:
    """A copy, so that what a job installs is not there for the next one."""
    copy = tmp_path / "root"
    subprocess.run(["cp", "-a", "--reflink=auto", os.environ[ROOT], str(copy)], check=True)
    yield copy
    shutil.rmtree(copy)


def test_a_job_signs_a_jar(
    job: Job, root: str, root_folder: Path, tmp_path: Path, module_file: Path
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
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": "/root",
    }
    script = "\n".join([*signing["before_script"], *signing["script"]])
    inside = ("sh", "-euc", ENTER, "sh", str(root_folder), str(job.folder), script)
    done = subprocess.run(
        ["unshare", "--mount", "--pid", "--fork", "--kill-child", *inside],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=INSTALL_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert job.api_key not in done.stdout + done.stderr
    assert job.verify_jar("app.jar") == "jar verified."
    assert len(job.receipts()) == 1

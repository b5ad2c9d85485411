"""A machine on which nothing can be written, and one that hides its processes."""

import os
import shutil
from pathlib import Path

import pytest

from tests.capability import IN_NAMESPACE, Capability, as_user, needs
from tests.hosts.host import Hosts, verify
from tests.server import ControlPlane

NOBODY = 65_534
READ_ONLY = "mount --make-rprivate / && mount -o remount,bind,ro / && ! touch {folder}/x 2>&-"
WITHOUT_PROC = "mount --make-rprivate / && mount -t tmpfs none /proc"


@needs(Capability.MOUNTS)
@pytest.mark.parametrize("set_up", [READ_ONLY, WITHOUT_PROC], ids=["read-only", "without-proc"])
def test_it_signs_all_the_same(
    hosts: Hosts, control_plane: ControlPlane, tmp_path: Path, set_up: str
) -> None:
    prepared = set_up.format(folder=tmp_path)
    command = hosts.command("threads", "p256", "own", "2", "1")
    log = str(tmp_path / "module.log")
    ended = hosts.run_command(
        [*IN_NAMESPACE, "sh", "-c", f'{prepared} && exec "$@"', "sh", *command],
        log_file=log,
        log_level="debug",
    )
    assert (ended.code, ended.lines) == (0, [])
    told = ended.err.splitlines()
    if set_up == READ_ONLY:  # what would have gone to the log
        assert told.pop(0).endswith("Read-only file system; its lines go to stderr")
        told = [line for line in told if "signed [operation " not in line]
    assert told == []
    assert set(ended.signatures) == {"0-0", "1-0"}
    verify(control_plane, "p256", ended.signatures)


@needs(Capability.BECOMING_ANOTHER)
def test_a_user_without_a_home_signs(
    hosts: Hosts, control_plane: ControlPlane, tmp_path: Path
) -> None:
    """Nobody: may read the module, and write nothing."""
    open_to_all = Path("/var/tmp") / f"sealwright-hosts-{os.getpid()}"  # noqa: S108  # for nobody to read
    open_to_all.mkdir(mode=0o755)
    try:
        for file in (hosts.folder / "threads", hosts.module):
            shutil.copy(file, open_to_all)
        moved = Hosts(open_to_all, open_to_all / hosts.module.name, hosts.environment)
        command = moved.command("threads", "p256", "own", "2", "1")
        ended = moved.run_command([*as_user(NOBODY), *command])
    finally:
        shutil.rmtree(open_to_all)
    assert (ended.code, ended.lines, ended.err) == (0, [], "")
    verify(control_plane, "p256", ended.signatures)

"""A Debian that holds no more than apt, as tests/bare-root brings it; used as a copy."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOTS = "SEALWRIGHT_BARE_ROOTS"
"""The variable that names the folder of them, each by its suite."""

SECONDS = 900
PLAIN = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"}
_ENTER = """
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


@dataclass(frozen=True)
class Bare:
    root: Path

    def run(
        self, script: str, folder: Path, environment: Mapping[str, str] = {}
    ) -> "subprocess.CompletedProcess[str]":
        """bash in there, as root; this folder of ours is /srv, where it starts. Its processes end
        with it."""
        inside = ("sh", "-euc", _ENTER, "sh", str(self.root), str(folder), script)
        return subprocess.run(
            ["unshare", "--mount", "--pid", "--fork", "--kill-child", *inside],
            env=PLAIN | dict(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    def must(self, script: str, folder: Path, environment: Mapping[str, str] = {}) -> str:
        """What it says, on stdout and stderr; it must succeed."""
        done = self.run(script, folder, environment)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr


@contextmanager
def a_copy(suite: str, to: Path) -> Iterator[Bare]:
    bare = Path(os.environ[ROOTS], suite)
    subprocess.run(["cp", "-a", "--reflink=auto", str(bare), str(to)], check=True)
    try:
        yield Bare(to)
    finally:
        shutil.rmtree(to)

"""What some tests need of the machine and not every machine gives: tried once, never guessed.

A container is often run by root without some of its rights, or by a user on a kernel that gives no
namespaces. What cannot be tried there is skipped with its reason; where CI runs, nothing may be.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from enum import Enum
from functools import cache
from pathlib import Path

import pytest

STRANGER = 54_321
"""A user without an account, to whom nothing belongs."""


def as_user(user: int) -> list[str]:
    """Around a command, for which this user and no group is left."""
    return ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]


IN_NAMESPACE = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]
"""Around a command whose mounts nobody else sees."""


AS_NOBODY_KNOWN = ["unshare", "--user", f"--map-user={STRANGER}", f"--map-group={STRANGER}"]
"""Around a command: this user by another number, without an account; what was theirs still is."""


class Capability(Enum):
    """The value says what is missing, after the tests that are skipped for it."""

    GIVING_AWAY = "nothing can be given to another user here (CAP_CHOWN)"
    BECOMING_ANOTHER = "nobody can become another user here (CAP_SETUID)"
    SET_USER_ID = (
        "no program can change its user by its set-uid bit here (root, and no no-new-privs)"
    )
    MOUNTS = "no mount namespace can be had here (CAP_SYS_ADMIN, or user namespaces)"
    USER_NAMESPACES = "nobody can be a user without an account here (user namespaces)"
    FILE_SYSTEMS = "no file system can be mounted here (CAP_SYS_ADMIN)"

    @property
    def is_here(self) -> bool:
        return _is_here(self)


def needs(*capabilities: Capability) -> pytest.MarkDecorator:
    """Skips the test, or all of a module's as its `pytestmark`, where one cannot be had."""
    missing = [capability.value for capability in capabilities if not capability.is_here]
    return pytest.mark.skipif(bool(missing), reason="; ".join(missing))


@cache
def _is_here(capability: Capability) -> bool:
    with tempfile.TemporaryDirectory(prefix="sealwright-capability-") as folder:
        return _TRIED[capability](Path(folder))


def _gives_away(folder: Path) -> bool:
    try:
        os.chown(folder, STRANGER, STRANGER)
    except OSError:
        return False
    os.chown(folder, os.geteuid(), os.getegid())
    return True


def _becomes_another(_folder: Path) -> bool:
    return _succeeds([*as_user(STRANGER), "true"])


def _sets_user_id(folder: Path) -> bool:
    folder.chmod(0o755)
    program = shutil.which("id")
    assert program is not None
    copy = Path(shutil.copy(program, folder))
    copy.chmod(0o4755)
    command = [*as_user(STRANGER), str(copy), "-u"]
    return os.geteuid() == 0 and _said(command) == "0\n"


def _mounts(folder: Path) -> bool:
    script = 'mount --make-rprivate / && mount -t tmpfs none "$0"'
    return _succeeds([*IN_NAMESPACE, "sh", "-c", script, str(folder)])


def _takes_other_numbers(_folder: Path) -> bool:
    return _succeeds([*IN_NAMESPACE, *AS_NOBODY_KNOWN, "true"])


def _mounts_for_all(folder: Path) -> bool:
    if not _succeeds(["mount", "-t", "tmpfs", "tmpfs", str(folder)]):
        return False
    return _succeeds(["umount", str(folder)])


_TRIED = {
    Capability.GIVING_AWAY: _gives_away,
    Capability.BECOMING_ANOTHER: _becomes_another,
    Capability.SET_USER_ID: _sets_user_id,
    Capability.MOUNTS: _mounts,
    Capability.USER_NAMESPACES: _takes_other_numbers,
    Capability.FILE_SYSTEMS: _mounts_for_all,
}


def _succeeds(command: Sequence[str]) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _said(command: Sequence[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout

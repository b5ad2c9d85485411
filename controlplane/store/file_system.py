"""Where a SQLite file may lie: its locks and its shared memory hold on one machine."""

import os
import re
from pathlib import Path

from controlplane.errors import Code, Refused

# Types as the kernel names them. 9p and virtiofs are not among them: what they share is the disk
# of the machine itself, and within one guest locks and shared memory hold.
_NETWORK = frozenset(
    {
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs", "coda", "davfs"),
        *("ceph", "lustre", "gpfs", "beegfs", "orangefs", "pvfs2", "glusterfs", "panfs"),
        *("fuse.ceph", "fuse.ceph-fuse", "fuse.glusterfs", "fuse.sshfs", "fuse.davfs"),
        *("fuse.s3fs", "fuse.gcsfuse", "fuse.goofys", "fuse.rclone", "fuse.juicefs"),
        *("fuse.mount-s3", "fuse.blobfuse", "fuse.blobfuse2", "fuse.moosefs", "fuse.seaweedfs"),
        *("fuse.smbnetfs", "fuse.curlftpfs", "fuse.mfs", "fuse.lizardfs"),
    }
)
_MOUNTS = Path("/proc/self/mountinfo")
_ESCAPE = re.compile(r"\\([0-7]{3})")  # of blanks and the like


def find_type(mounts: str, path: str) -> str | None:
    """The type of the file system that an absolute path without links lies in. `mounts`: as
    /proc/self/mountinfo has them. None: it names none there."""
    longest, found = -1, None
    for line in mounts.splitlines():
        place, _, source = line.partition(" - ")
        fields = place.split(" ")
        if len(fields) < 5 or not source:
            continue
        point = _ESCAPE.sub(lambda escape: chr(int(escape[1], 8)), fields[4])
        # Of several at one place the last one hides the others.
        if len(point) >= longest and _is_within(path, point):
            longest, found = len(point), source.split(" ", 1)[0]
    return found


def is_network(file_system: str) -> bool:
    return file_system in _NETWORK


def require_local(path: Path) -> None:
    """Refused unsupported_file_system where a SQLite file at this path, which need not be there,
    would lie on the disk of another machine. Nothing where the kernel does not say."""
    try:
        mounts = _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return
    file_system = find_type(mounts, os.path.realpath(path))
    if file_system is not None and is_network(file_system):
        raise Refused(
            Code.UNSUPPORTED_FILE_SYSTEM,
            f"{path} lies on a network file system ({file_system}), where SQLite's locks do not "
            "hold and a store is lost. Put the data directory on a local disk, or use PostgreSQL "
            "(--database postgresql://USER@HOST/NAME).",
        )


def _is_within(path: str, point: str) -> bool:
    return point == "/" or path == point or path.startswith(f"{point}/")

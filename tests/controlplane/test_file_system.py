"""A SQLite store lies on a disk of its machine: where a path is, as the kernel lists mounts."""

from pathlib import Path

import pytest

from controlplane.store.file_system import find_type, is_network, require_local

SERVER = r"""
22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda1 rw,discard
31 27 0:28 / /srv rw,relatime shared:7 - nfs4 10.0.0.5:/export rw,vers=4.2,addr=10.0.0.5
32 31 254:3 / /srv/local rw,relatime shared:8 master:2 - xfs /dev/vdb rw,attr2
33 27 0:40 / /mnt/two\040words rw,relatime - cifs //nas/share rw,vers=3.1.1
34 27 0:41 / /home rw,relatime - fuse.sshfs ann@nas:/home rw,user_id=0
35 27 0:42 / /mnt/c rw,relatime - 9p C:\134 rw,dirsync,aname=drvfs
36 27 0:43 / /work rw,relatime - virtiofs share rw
37 27 0:44 / /data rw,relatime - nfs nas:/data rw,vers=3
38 37 254:4 / /data rw,relatime - ext4 /dev/vdc rw
39 27 0:45 / /ceph rw,relatime - ceph 10.0.0.6:6789:/ rw
"""
CONTAINER = """
401 328 0:56 / / rw,relatime master:151 - overlay overlay rw,lowerdir=/var/lib/docker/overlay2/l/A
402 401 0:59 / /proc rw,nosuid - proc proc rw
411 401 0:99 /exports/volume /var/lib/sealwright rw,relatime - nfs4 nas:/exports rw,vers=4.1
"""


@pytest.mark.parametrize(
    ("mounts", "path", "file_system"),
    [
        (SERVER, "/var/lib/sealwright/sealwright.db", "ext4"),
        (SERVER, "/srv/sealwright.db", "nfs4"),
        (SERVER, "/srv", "nfs4"),
        (SERVER, "/srvx/sealwright.db", "ext4"),
        (SERVER, "/srv/local/sealwright.db", "xfs"),
        (SERVER, "/mnt/two words/sealwright.db", "cifs"),
        (SERVER, "/home/ann/sealwright.db", "fuse.sshfs"),
        (SERVER, "/data/sealwright.db", "ext4"),
        (SERVER, "/ceph/a/b/sealwright.db", "ceph"),
        (CONTAINER, "/var/lib/sealwright/sealwright.db", "nfs4"),
        (CONTAINER, "/opt/sealwright.db", "overlay"),
        ("", "/opt/sealwright.db", None),
        ("no such line\n", "/opt/sealwright.db", None),
    ],
)
def test_a_path_lies_in_the_nearest_mount_that_is_not_hidden(
    mounts: str, path: str, file_system: str | None
) -> None:
    assert find_type(mounts, path) == file_system


@pytest.mark.parametrize("name", ["nfs", "nfs4", "cifs", "smb3", "ceph", "lustre", "fuse.sshfs"])
def test_disks_of_other_machines_are_known(name: str) -> None:
    assert is_network(name)


@pytest.mark.parametrize("name", ["ext4", "xfs", "btrfs", "zfs", "overlay", "tmpfs", "fuse.lxcfs"])
def test_disks_of_this_machine_are_fine(name: str) -> None:
    assert not is_network(name)


@pytest.mark.parametrize("name", ["9p", "virtiofs"])
def test_a_guest_may_use_what_its_machine_shares_with_it(name: str) -> None:
    assert not is_network(name)


def test_a_store_on_this_machine_is_not_refused(tmp_path: Path) -> None:
    require_local(tmp_path / "not-yet" / "sealwright.db")

"""A server on a machine on which nothing can be written but what it is told to use."""

import json
import os
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.server import ControlPlane

NAMESPACE = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]
# $1 stays as it is. The root comes last: nothing can be mounted where a mount is missing.
READ_ONLY = """
    set -e
    mount --make-rprivate /
    for each in /tmp /var/tmp /usr/tmp /dev/shm; do
        [ ! -d $each ] || { mount --bind $each $each; mount -o remount,bind,ro $each; }
    done
    mount -o remount,bind,ro /
    mount --bind "$1" "$1"
    mount -o remount,bind,rw "$1"
    shift
    exec "$@"
"""


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing names another place for temporary files."""
    for variable in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir("/")


def install(folder: Path, writable: Path, database: str | None = None) -> ControlPlane:
    """Of what the server sees, only the folder `writable` can be written to."""
    folder.mkdir()
    plane = ControlPlane.install(folder, database=database)
    plane.around = (*NAMESPACE, "sh", "-c", READ_ONLY, "sh", str(writable))
    return plane


def test_it_serves_where_its_data_directory_alone_can_be_written(tmp_path: Path) -> None:
    data = tmp_path / "plane" / "data"
    plane = install(tmp_path / "plane", data)
    plane.start()
    try:
        plane.client().create_signer("release", "p256", "ACME")
        with urlopen(f"{plane.url}/metrics") as metrics:  # noqa: S310  # our own URL
            assert b'route="/v1/signers",status="201"' in metrics.read()
        assert list(data.glob("sealwright-metrics-*/*.db"))
    finally:
        plane.stop()
    assert not list(data.glob("sealwright-metrics-*"))


def test_where_that_cannot_be_written_either_it_says_what_to_set(tmp_path: Path) -> None:
    store = tmp_path / "store"
    store.mkdir()
    plane = install(tmp_path / "plane", store, f"sqlite:///{store / 'sealwright.db'}")
    with pytest.raises(RuntimeError, match="did not start"):
        plane.start()
    assert json.loads(plane.log)["error"] == {
        "code": "no_temporary_folder",
        "title": f"Nothing can be written in {plane.folder / 'data'} (Read-only file system): "
        "set TMPDIR to a folder for temporary files.",
    }

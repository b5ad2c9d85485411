"""A server on a machine on which nothing can be written but what it is told to use."""

import json
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.capability import IN_NAMESPACE, Capability, needs
from tests.server import ControlPlane, surroundings

pytestmark = needs(Capability.MOUNTS)

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


A_LONG_SORT = """
import sys
from pathlib import Path
from controlplane.store.sqlite import SqliteStore
numbers = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)"
longest = f"{numbers} SELECT hex(randomblob(32)) AS a FROM n ORDER BY a || a"
store = SqliteStore(Path(sys.argv[1]))
with store.read() as database:
    print(*database.execute_sql(f"SELECT COUNT(*) FROM ({longest})").fetchone())
store.close()
"""


def with_only(writable: Path) -> tuple[str, ...]:
    """Around a command, for which nothing but this folder can be written to."""
    return (*IN_NAMESPACE, "sh", "-c", READ_ONLY, "sh", str(writable))


def install(folder: Path, writable: Path, database: str | None = None) -> ControlPlane:
    folder.mkdir()
    plane = ControlPlane.install(folder, database=database)
    plane.around = with_only(writable)
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
        "next_step": "Set TMPDIR to a folder that can be written.",
    }


def test_its_store_sorts_more_than_it_keeps_in_memory_elsewhere(tmp_path: Path) -> None:
    store = tmp_path / "sealwright.db"
    store.touch()
    sort = [*with_only(tmp_path), sys.executable, "-c", A_LONG_SORT, str(store)]
    ended = subprocess.run(sort, env=surroundings(tmp_path), capture_output=True, text=True)
    assert (ended.stdout, ended.stderr) == ("100000\n", "")

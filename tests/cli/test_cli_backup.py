"""Backup and restore as people run them, beside a server that runs."""

import json
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.conftest import Caller, run
from tests.postgresql import database, postgresql
from tests.server import ControlPlane

__all__ = ["database", "postgresql"]


@dataclass
class Served:
    """A control plane that runs, and its admin."""

    plane: ControlPlane
    database: str | None

    @property
    def admin(self) -> Caller:
        return Caller(self.plane.url, self.plane.folder / "admin.key")

    @property
    def data_dir(self) -> Path:
        return self.plane.folder / "data"


@pytest.fixture
def served(tmp_path: Path, database: str | None) -> Iterator[Served]:
    folder = tmp_path / "first"
    folder.mkdir()
    plane = ControlPlane.install(folder, database=database)
    key = folder / "admin.key"
    key.touch(mode=0o600)
    key.write_text(plane.admin_key)
    plane.start()
    try:
        yield Served(plane, database)
    finally:
        plane.stop()


def test_the_drill(served: Served, tmp_path: Path) -> None:
    """docs/operations.md: a backup, its loss, its restoration, and what is confirmed."""
    file, plane = tmp_path / "today.backup", served.plane
    key = plane.create_machine("ci")
    made = run("backup", file, "--data-dir", served.data_dir, "--json")
    assert made.code == 0, made.err
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    backup = made.json()
    verified = served.admin.json("audit", "verify", "--expect-head", backup["head"])
    assert verified["rows"] == backup["rows"]
    served.admin.json("identity", "disable", "ci")

    in_use = run("restore", file, "--data-dir", served.data_dir, "--yes")
    assert in_use.code == 1
    assert "A server runs on the store" in in_use.err
    plane.stop()
    for lost in served.data_dir.glob("sealwright.db*"):  # of a database server nothing is lost here
        lost.unlink()

    told = run("restore", file, "--data-dir", served.data_dir)
    assert told.code == 0, told.err
    assert "1 row more is lost" in told.err
    assert "sealwright recovery list" in told.err
    restored = run("restore", file, "--data-dir", served.data_dir, "--yes", "--json")
    assert restored.code == 0, restored.err
    said = restored.json()
    assert (said["rows"], said["head"]) == (backup["rows"], backup["head"])
    kept = Path(said["kept"])  # what was there is not gone
    assert (kept.parent, stat.S_IMODE(kept.stat().st_mode)) == (served.data_dir, 0o600)
    assert said["next"] == f"sealwright serve --data-dir {served.data_dir}"
    plane.start()
    environment = {"SEALWRIGHT_URL": plane.url, "SEALWRIGHT_API_KEY": key}
    suspended = run("whoami", environment=environment)
    assert suspended.code == 1
    assert "api_key_suspended" in suspended.err
    (waiting,) = served.admin.json("recovery", "list")["items"]
    assert (waiting["kind"], waiting["identity"]) == ("api_key", "ci")
    served.admin.json("identity", "disable", "ci")  # again, as it was in the lost row
    served.admin.json("recovery", "confirm", "--all")
    assert "identity_disabled" in run("whoami", environment=environment).err
    verified = served.admin.json("audit", "verify", "--state", "--expect-head", backup["head"])
    assert verified["intact"] is True


def test_a_store_moves_to_another_machine_and_database(tmp_path: Path) -> None:
    plane = ControlPlane.install(tmp_path)
    run("backup", tmp_path / "it.backup", "--data-dir", tmp_path / "data")
    key = tmp_path / "master.key"
    (tmp_path / "data" / "master.key").rename(key)
    lacking = run("restore", tmp_path / "it.backup", "--data-dir", tmp_path / "new")
    assert lacking.code == 1
    assert "--master-key-file" in lacking.err
    database = f"sqlite:///{tmp_path / 'elsewhere.db'}"
    moved = run(
        *("restore", tmp_path / "it.backup", "--data-dir", tmp_path / "new"),
        *("--database", database, "--master-key-file", key),
    )
    assert moved.code == 0, moved.err
    assert "There is no store in its place" in moved.err
    remembered = json.loads((tmp_path / "new" / "location.json").read_text())
    assert remembered == {"database": database, "master_key_file": str(key)}
    assert plane.admin_key not in moved.out + moved.err


def test_what_is_no_backup_is_refused_in_words(tmp_path: Path) -> None:
    ControlPlane.install(tmp_path)
    taken = run("backup", tmp_path / "data" / "master.key", "--data-dir", tmp_path / "data")
    assert taken.code == 1
    assert "left alone" in taken.err
    database = tmp_path / "data" / "sealwright.db"
    wrong = run("restore", database, "--data-dir", tmp_path / "data", "--yes", "--json")
    assert wrong.code == 1
    assert json.loads(wrong.err)["error"]["code"] == "backup_unreadable"

    bent = tmp_path / "bent.backup"
    run("backup", bent, "--data-dir", tmp_path / "data")
    with closing(sqlite3.connect(bent)) as file:
        file.execute("UPDATE audit_head SET used = 7")
        file.commit()
    altered = run("restore", bent, "--data-dir", tmp_path / "data", "--yes", "--json")
    assert (altered.code, altered.out) == (1, "")
    assert json.loads(altered.err.splitlines()[-1])["error"]["code"] == "backup_altered"


def test_the_drill_of_the_documentation_is_this_one() -> None:
    text = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
    for line in (
        "sealwright backup /backup/today.sealwright --data-dir /var/lib/sealwright",
        "sealwright restore /backup/today.sealwright --data-dir /var/lib/sealwright",
        "sealwright serve --data-dir /var/lib/sealwright",
    ):
        assert line in text

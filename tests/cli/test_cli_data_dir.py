"""`audit … --data-dir`: the log is read from the store, without a server and without its key."""

import json
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from controlplane.domain.model import MemberRole
from tests.capability import IN_NAMESPACE, Capability, needs
from tests.cli.conftest import NOWHERE, Caller, Run, ask
from tests.postgresql import PostgresqlServer, running_postgresql
from tests.server import COMMAND, ControlPlane, surroundings
from tests.world import World, a_call


@pytest.fixture(scope="module")
def postgresql() -> Iterator[PostgresqlServer]:
    with running_postgresql() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """Which signed once, and whose master key is lost."""
    database = None
    if request.param == "postgresql":
        database = request.getfixturevalue("postgresql").new_database()
    world = World(tmp_path / "data", database)
    caller = world.identity("ci")
    world.signer("release", ci=MemberRole.OPERATOR)
    world.services.signing.sign(caller, a_call())
    key = world.location.master_key_path
    key.rename(key.with_suffix(".lost"))
    yield world
    world.services.close()


def audit(folder: Path, *arguments: str) -> Run:
    return ask("", "audit", *arguments, "--data-dir", str(folder))


def test_each_question_is_answered_while_nothing_serves(world: World) -> None:
    """The URL of the database is the one that the folder remembers."""
    folder = world.location.data_dir
    head = world.last_row()
    listed = audit(folder, "list", "--json").json()["items"]
    exported = audit(folder, "export").out.splitlines()
    assert [json.loads(each) for each in exported] == listed[::-1]
    verdict = audit(folder, "verify", "--json").json()
    assert verdict == {
        "rows": head.sequence,
        "intact": True,
        "first_bad_sequence": None,
        "head": head.row_hash,
    }
    (signed,) = audit(folder, "report", "--json").json()["items"]
    assert audit(folder, "show", str(signed["sequence"]), "--json").json() == signed
    noted = listed[3]["row_hash"]
    assert audit(folder, "verify", "--since-head", noted, "--json").json()["rows"] == 3
    assert audit(folder, "verify", "--since-head", "f" * 64).code == 1
    assert audit(folder, "list", "--signer", "relese").code == 1


def test_what_decisions_rest_on_is_checked_with_the_master_key_alone(world: World) -> None:
    folder, key = world.location.data_dir, world.location.master_key_path
    without = audit(folder, "verify", "--state")
    assert (without.code, str(key) in without.err) == (1, True)
    key.with_suffix(".lost").rename(key)
    sound = audit(folder, "verify", "--state", "--json").json()
    assert (sound["intact"], sound["state"]["altered"]) == (True, [])
    if world.location.database is None:
        with closing(sqlite3.connect(world.location.store_path)) as database:
            database.execute("UPDATE identities SET role = 'admin' WHERE name = 'ci'")
            database.commit()
        bent = audit(folder, "verify", "--state", "--json")
        (altered,) = bent.json()["state"]["altered"]
        assert (bent.code, altered.partition("/")[0]) == (1, "identities")


def test_it_says_what_the_server_says_and_the_server_goes_on(
    control_plane: ControlPlane, admin: Caller
) -> None:
    folder = control_plane.folder / "data"
    before = audit(folder, "verify", "--json").json()
    admin.json("identity", "create", "read-beside", "--kind", "machine")
    after = audit(folder, "verify", "--json").json()
    assert after["rows"] == before["rows"] + 1
    said = admin.json("audit", "verify")
    assert after == {name: said[name] for name in after}
    query = ("list", "--actor", "admin", "--limit", "7", "--json")
    assert audit(folder, *query).json() == admin.json("audit", *query)


def on_read_only(folder: Path, *arguments: str) -> Run:
    """On a machine where nothing in the folder can be written."""
    return run([*IN_NAMESPACE, "sh", "-c", READ_ONLY, "sh"], folder, *arguments)


def run(around: list[str], folder: Path, *arguments: str) -> Run:
    command = [*COMMAND, "audit", *arguments, "--data-dir", str(folder)]
    ended = subprocess.run(
        [*around, *([str(folder)] if "sh" in around else []), *command],
        env=surroundings(NOWHERE),
        capture_output=True,
        check=False,
    )
    return Run(ended.returncode, ended.stdout.decode(), ended.stderr.decode())


READ_ONLY = """
    mount --make-rprivate / && mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" &&
    shift && exec "$@"
"""


@needs(Capability.MOUNTS)
@pytest.mark.parametrize("world", ["sqlite"], indirect=True)
class TestWhereNothingCanBeWritten:
    def test_it_is_read(self, world: World) -> None:
        world.services.close()
        ended = on_read_only(world.location.data_dir, "verify", "--json")
        assert (ended.code, ended.err) == (0, "")
        assert ended.json()["intact"]

    def test_a_store_whose_last_rows_cannot_be_seen_there_is_not_taken_for_whole(
        self, world: World, tmp_path: Path
    ) -> None:
        """They are in a log of SQLite's beside it, which it cannot use without writing."""
        folder = tmp_path / "copy"
        shutil.copytree(world.location.data_dir, folder)  # of a store that is in use
        (folder / "sealwright.db-shm").unlink()
        ended = on_read_only(folder, "verify")
        assert (ended.code, ended.out) == (1, "")
        assert "Copy it, with what is beside it (-wal)" in ended.err


@pytest.mark.parametrize("world", ["sqlite"], indirect=True)
def test_a_store_that_may_not_be_read_is_named(world: World) -> None:
    world.location.store_path.chmod(0)
    drop = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
    dropped = drop if os.access(world.location.store_path, os.R_OK) else []
    ended = run(dropped, world.location.data_dir, "verify")
    assert (ended.code, ended.out) == (1, "")
    assert "cannot be read: Permission denied. Read it as the user" in ended.err


@pytest.mark.parametrize("world", ["sqlite"], indirect=True)
class TestWhatIsNoStore:
    def test_a_folder_without_one(self, world: World, tmp_path: Path) -> None:
        ended = audit(tmp_path / "elsewhere", "verify")
        assert (ended.code, ended.out) == (1, "")
        assert "There is no store in" in ended.err

    def test_one_of_an_earlier_version(self, world: World) -> None:
        world.services.close()
        with closing(sqlite3.connect(world.location.store_path)) as database:
            database.execute("DELETE FROM schema_version WHERE version > 3")
            database.commit()
        ended = audit(world.location.data_dir, "verify")
        assert ended.code == 1
        assert "The store has schema 3, this version needs" in ended.err

    def test_something_else_under_its_name(self, world: World) -> None:
        world.services.close()
        world.location.store_path.write_bytes(b"no database" * 1000)
        ended = audit(world.location.data_dir, "verify")
        assert ended.code == 1
        assert "file is not a database" in ended.err

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            (["verify", "--database", "sqlite:///x"], "--database goes with --data-dir"),
            (["verify", "log.ndjson", "--data-dir", "."], "not both"),
        ],
    )
    def test_wrong_usage(
        self, world: World, tmp_path: Path, options: list[str], words: str
    ) -> None:
        (tmp_path / "log.ndjson").touch()
        options = [str(tmp_path / "log.ndjson") if "ndjson" in each else each for each in options]
        ended = ask("", "audit", *options)
        assert ended.code == 2
        assert words in ended.err

"""A log that somebody changed, in the database or in an export: the real commands find it, fail,
and name the first bad row."""

import json
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.audit.parallel import verify_export
from controlplane.domain.anchor import NAME
from controlplane.domain.tree import grow
from controlplane.keys.master_key import load_master_key
from controlplane.service.anchor_file import AnchorFile
from controlplane.service.anchors import read_standing, write_anew
from controlplane.service.installation import proven_store
from controlplane.service.location import Location
from controlplane.store.tables import OperationRow
from tests.cli.conftest import run_in_this_process
from tests.invariants.bent import BAD, BENDS, DROP_TRIGGERS, Bend
from tests.invariants.callers import sign
from tests.postgresql import PostgresqlServer
from tests.server import ControlPlane, running

SIGNINGS = 6


@dataclass(frozen=True)
class Log:
    """A stopped server's store, to be copied; `export`: all that it holds."""

    plane: ControlPlane
    postgresql: PostgresqlServer | None
    database: str | None
    export: bytes

    @property
    def rows(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.export.splitlines()]

    @property
    def head(self) -> str:
        return str(self.rows[-1]["row_hash"])

    @property
    def dialect(self) -> str:
        return "sqlite" if self.postgresql is None else "postgresql"

    @contextmanager
    def copied(self, folder: Path) -> Iterator["Copy"]:
        """A server on a copy."""
        shutil.copytree(self.plane.folder, folder)
        name = None
        if self.postgresql is not None:
            assert self.database is not None
            name = self.postgresql.copy_database(self.database.rpartition("/")[2])
            location = folder / "data" / "location.json"
            location.write_text(
                location.read_text().replace(self.database, self.postgresql.url(name))
            )
        _belongs_there(Location(folder / "data"))
        plane = ControlPlane(folder, self.plane.admin_key, ("--workers", "1"))
        plane.start()
        plane.client().operations_head()  # it has the store open, as it is
        try:
            yield Copy(plane, self.postgresql, name)
        finally:
            plane.kill()


def _belongs_there(location: Location) -> None:
    """A copy is noted as what it is, so that it is served."""
    store, key = proven_store(location), load_master_key(location.master_key_path)
    with store.closing(), store.read() as database:
        anchor = AnchorFile(location.data_dir / NAME, key)
        write_anew(database, anchor, read_standing(store, database))


@dataclass(frozen=True)
class Copy:
    plane: ControlPlane
    postgresql: PostgresqlServer | None
    database: str | None

    def run(self, statements: str) -> None:
        """In the database itself, behind the server's back."""
        if self.postgresql is not None:
            assert self.database is not None
            self.postgresql.run_when_nobody_reads(statements, database=self.database)
            return
        with closing(sqlite3.connect(self.plane.folder / "data" / "sealwright.db")) as connection:
            connection.executescript(statements)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def log(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Log]:
    postgresql = None
    if request.param == "postgresql":
        postgresql = request.getfixturevalue("postgresql")
    database = None if postgresql is None else postgresql.new_database()
    with running(tmp_path_factory.mktemp("log") / "plane", database=database) as plane:
        api_key = plane.create_machine("ci")
        plane.create_signer("release", "p256", ci="operator")
        for number in range(SIGNINGS):
            assert sign(plane.port, api_key, f"signing-{number}").status == 200
        export = b"".join(plane.client().export_operations())
        plane.stop()
        assert len(export.splitlines()) > BAD + 2
        yield Log(plane, postgresql, database, export)


@dataclass(frozen=True)
class Verdict:
    code: int
    intact: bool
    first_bad: int | None


def verify(plane: ControlPlane, *arguments: str) -> Verdict:
    """By the real command, which says the same to people and to machines."""
    named = {"SEALWRIGHT_URL": plane.url, "SEALWRIGHT_API_KEY": plane.admin_key}
    for_machines, for_people = (
        run_in_this_process("audit", "verify", *arguments, *how, environment=named)
        for how in (["--json"], [])
    )
    assert for_machines.out, for_machines.err
    verdict = for_machines.json()
    found = re.search(r"^first bad sequence +(\d+)$", for_people.out, re.MULTILINE)
    assert (int(found[1]) if found else None) == verdict["first_bad_sequence"]
    assert for_people.code == for_machines.code
    assert ("warning" in for_people.err) == ("warning" in for_machines.err)
    return Verdict(for_machines.code, verdict["intact"], verdict["first_bad_sequence"])


SOUND = Verdict(0, intact=True, first_bad=None)


def bad(sequence: int | None) -> Verdict:
    return Verdict(1, intact=False, first_bad=sequence)


def test_a_log_that_nobody_touched_is_intact(log: Log, tmp_path: Path) -> None:
    with log.copied(tmp_path / "copy") as copy:
        assert verify(copy.plane) == SOUND
        assert verify(copy.plane, "--expect-head", log.head) == SOUND


def test_a_head_that_was_noted_stays_good_as_the_log_grows(log: Log, tmp_path: Path) -> None:
    with log.copied(tmp_path / "copy") as copy:
        copy.plane.create_machine("another")
        assert verify(copy.plane, "--expect-head", log.head) == SOUND
        assert verify(copy.plane, "--expect-head", log.rows[2]["row_hash"].upper()) == SOUND
        assert verify(copy.plane, "--expect-head", "1" * 64) == bad(len(log.rows) + 2)


@pytest.mark.parametrize("bend", BENDS, ids=lambda bend: bend.name)
def test_whatever_is_done_in_the_database_is_found_and_named(
    log: Log, tmp_path: Path, bend: Bend
) -> None:
    expected = bend.expected
    if expected is not None and bend.from_end:
        expected += len(log.rows)
    with log.copied(tmp_path / "copy") as copy:
        copy.run(bend.statements(log.dialect))
        assert verify(copy.plane) == bad(expected)
        if expected is not None:
            assert verify(copy.plane, "--expect-head", log.head) == bad(expected)


def test_a_tail_that_was_cut_with_care_is_found_by_a_head_that_was_noted(
    log: Log, tmp_path: Path
) -> None:
    """Of rows, head and tree nothing tells that there was more; what decisions rest on does, so
    that the server shows neither its keys nor a checkpoint, which is no success."""
    left = log.rows[:-2]
    frontier = grow(0, b"", [row["row_hash"] for row in left]).frontier.hex()
    octets = f"x'{frontier}'" if log.dialect == "sqlite" else f"'\\x{frontier}'"
    with log.copied(tmp_path / "copy") as copy:
        copy.run(
            f"{DROP_TRIGGERS[log.dialect]}DELETE FROM operations WHERE sequence > {len(left)};"
            f"UPDATE audit_head SET sequence = {len(left)}, row_hash = '{left[-1]['row_hash']}',"
            f" size = {len(left)}, frontier = {octets}"
        )
        assert verify(copy.plane) == Verdict(1, intact=True, first_bad=None)
        assert verify(copy.plane, "--expect-head", log.head) == bad(len(left) + 1)


def test_a_change_of_any_column_is_found(log: Log, tmp_path: Path) -> None:
    """Also where what it says now means the same, or nothing."""
    columns = [name for name in OperationRow._meta.columns if name not in ("sequence", "row_hash")]
    with log.copied(tmp_path / "copy") as copy:
        copy.run(DROP_TRIGGERS[log.dialect])
        client = copy.plane.client()
        for column in columns:
            bytes_ = column in ("digest", "signature", "commitments")
            changed = CHANGED[log.dialect]["bytes" if bytes_ else "text"]
            if column in ("pss_salt_length", "version"):
                changed = "COALESCE({0}, 0) + 1"
            copy.run(
                "CREATE TABLE kept AS SELECT * FROM operations;"
                f"UPDATE operations SET {column} = {changed.format(column)}"
                f" WHERE sequence = {len(log.rows)};"
            )
            verification = verify_export(client.export_operations())
            assert verification.first_bad_sequence == len(log.rows), column
            copy.run(
                f"UPDATE operations SET {column} = (SELECT {column} FROM kept"
                f" WHERE sequence = {len(log.rows)}) WHERE sequence = {len(log.rows)};"
                "DROP TABLE kept;"
            )
        assert verify_export(client.export_operations()).intact


CHANGED = {
    "sqlite": {"text": "COALESCE({0}, '') || ' '", "bytes": "COALESCE({0}, X'') || X'00'"},
    "postgresql": {"text": "COALESCE({0}, '') || ' '", "bytes": "COALESCE({0}, '') || '\\x00'"},
}


@pytest.mark.parametrize("column", ["client", "details", "created_at", "credential"])
def test_a_value_that_means_the_same_is_another(log: Log, tmp_path: Path, column: str) -> None:
    spelled = {
        "client": "REPLACE(client, ':', ': ')",
        "details": "REPLACE(details, ':', ': ')",
        "credential": "REPLACE(credential, ':', ': ')",
        "created_at": "REPLACE(created_at, 'Z', '+00:00')",
    }
    (last,) = [row["sequence"] for row in log.rows if row[column] is not None][-1:]
    with log.copied(tmp_path / "copy") as copy:
        copy.run(
            DROP_TRIGGERS[log.dialect]
            + f"UPDATE operations SET {column} = {spelled[column]} WHERE sequence = {last};"
        )
        assert verify(copy.plane) == bad(last)


Lines = list[bytes]


def said_otherwise(line: bytes, **fields: object) -> bytes:
    return json.dumps(json.loads(line) | fields).encode() + b"\n"


@pytest.mark.parametrize(
    ("tamper", "expected"),
    [
        pytest.param(lambda ls: [*ls[:6], said_otherwise(ls[6], actor="m"), *ls[7:]], 7, id="edit"),
        pytest.param(lambda ls: [*ls[:6], *ls[7:]], 7, id="removed"),
        pytest.param(lambda ls: [*ls[:6], ls[7], ls[6], *ls[8:]], 7, id="reordered"),
        pytest.param(lambda ls: [*ls[:7], ls[6], *ls[7:]], 8, id="duplicated"),
        pytest.param(lambda ls: [*ls[:9], ls[9][:-20]], 10, id="last-line-truncated"),
        pytest.param(lambda ls: [*ls[:6], b"{" + ls[6], *ls[7:]], 7, id="invalid-json"),
        pytest.param(lambda ls: [*ls[:6], b"\xff\n", *ls[7:]], 7, id="no-utf8"),
        pytest.param(lambda ls: [*ls[:6], said_otherwise(ls[6], more=1), *ls[7:]], 7, id="added"),
        pytest.param(
            lambda ls: [*ls[:6], ls[6].replace(b"{", b'{"more":null,', 1), *ls[7:]],
            7,
            id="added-in-front",
        ),
        pytest.param(
            lambda ls: [*ls[:6], ls[6].replace(b'e":7,', b'e":7.0,', 1), *ls[7:]], 7, id="7.0"
        ),
        pytest.param(
            lambda ls: [*ls[:6], ls[6].replace(b'e":7,', b'e":7e0,', 1), *ls[7:]], 7, id="7e0"
        ),
        pytest.param(
            lambda ls: [*ls[:6], ls[6].replace(b'e":7,', b'e":"7",', 1), *ls[7:]], 7, id="a-text"
        ),
        pytest.param(lambda ls: [*ls[:6], b"x" * 3_000_000 + b"\n", *ls[7:]], 7, id="endless"),
    ],
)
@pytest.mark.parametrize("log", ["sqlite"], indirect=True)
def test_whatever_is_done_to_an_export_is_found_and_named_without_a_server(
    log: Log, tmp_path: Path, tamper: Callable[[Lines], Lines], expected: int
) -> None:
    lines = log.export.splitlines(keepends=True)
    bent = tamper(lines)
    assert bent != lines
    path = tmp_path / "log.ndjson"
    path.write_bytes(b"".join(bent))
    assert verify(log.plane, str(path)) == bad(expected)


@pytest.mark.parametrize("log", ["sqlite"], indirect=True)
def test_the_cut_tail_of_an_export_is_found_by_a_head_noted_before(
    log: Log, tmp_path: Path
) -> None:
    path = tmp_path / "log.ndjson"
    path.write_bytes(b"".join(log.export.splitlines(keepends=True)[:-2]))
    assert verify(log.plane, str(path)) == SOUND
    assert verify(log.plane, str(path), "--expect-head", log.head) == bad(len(log.rows) - 1)


@pytest.mark.parametrize("log", ["sqlite"], indirect=True)
def test_any_octet_of_an_export_that_is_changed_is_found_in_its_row(log: Log) -> None:
    """Unless the rows say what they said: the export's last line break can be another white space,
    and letters of an escape can be capitals."""
    rows = log.rows

    @settings(max_examples=1500, deadline=None)
    @given(st.integers(0, len(log.export) - 1), st.integers(1, 255))
    def check(place: int, difference: int) -> None:
        changed = bytearray(log.export)
        changed[place] ^= difference
        verification = verify_export([bytes(changed)])
        if verification.intact:
            assert [json.loads(line) for line in changed.splitlines()] == rows
        else:
            assert verification.first_bad_sequence == log.export.count(b"\n", 0, place) + 1

    check()

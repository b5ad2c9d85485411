"""SQLite keeps whatever somebody writes into a column: octets that are no text, a number where
octets belong. One row of these stops nobody but who wants that row."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from controlplane.domain.model import IdentityKind, MemberRole
from controlplane.errors import Altered
from controlplane.store.tiles import keep_full
from controlplane.store.witnesses import standings
from tests.controlplane.tampering import tampering
from tests.world import World, a_call

NO_TEXT = "CAST(x'ff80' AS TEXT)"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    world = World(tmp_path_factory.mktemp("world") / "data")
    with world.services:
        world.identity("ci", IdentityKind.MACHINE)
        world.signer("release", ci=MemberRole.OPERATOR)
        sign(world, 300)
        world.services.published_log.publish()
        yield world


def sign(world: World, times: int = 1) -> None:
    for _ in range(times):
        assert world.services.signing.sign(world.callers["ci"], a_call()).signature


def write(world: World, statement: str) -> None:
    with tampering(world.location) as tables:
        tables.ask(statement)


@pytest.mark.parametrize("column", ["note", "published_at"])
def test_a_checkpoint_that_is_no_text_is_published_anew(world: World, column: str) -> None:
    write(world, f"UPDATE checkpoints SET {column} = {NO_TEXT}")
    assert world.services.published_log.checkpoint().size > 300
    assert world.services.receipts.of_row(world.admin, "1")


def test_a_job_that_is_no_text_keeps_no_process_from_being_elected(world: World) -> None:
    values = f"('work', {NO_TEXT}, 1, '', 'node', 1, 0)"
    columns = "name, does, every_seconds, next_at, node, process, failures"
    write(world, f"INSERT INTO jobs ({columns}) VALUES {values}")
    assert world.services.jobs.on_record() == ()
    world.services.jobs.take_over([])
    with closing(sqlite3.connect(world.location.store_path)) as connection:
        assert connection.execute("SELECT count(*) FROM jobs").fetchone() == (0,)


def test_a_standing_that_is_no_text_hides_no_other(world: World) -> None:
    write(world, f"INSERT INTO witness_standings (witness_id, note) VALUES ('w', {NO_TEXT})")
    with world.services._store.read() as database:
        assert standings(database) == {}
    assert world.services.witnessing.find_witnessed(1) is None


def test_a_row_hash_that_is_no_text_stops_no_signature(tmp_path: Path) -> None:
    """Not even the one that fills its tile."""
    world = World(tmp_path / "data")
    with world.services:
        world.identity("ci", IdentityKind.MACHINE)
        world.signer("release", ci=MemberRole.OPERATOR)
        write(world, f"UPDATE operations SET row_hash = {NO_TEXT} WHERE sequence = 2")
        sign(world, 260)


@pytest.mark.parametrize("column", ["root", "hashes"])
@pytest.mark.parametrize("value", ["'text'", "5", "6000000000000", NO_TEXT, "x'00'"])
def test_a_tile_of_something_else_is_found_and_stops_nothing(
    world: World, column: str, value: str
) -> None:
    """Also not the filling of the tile above it."""
    with tampering(world.location) as tables:
        (before,) = tables.ask("SELECT root, hashes FROM tiles WHERE level = 0 AND position = 0")
        tables.ask(f"UPDATE tiles SET {column} = {value}")
    try:
        assert "tiles/0/0" in world.services.state.verify(world.admin).altered
        assert world.services.published_log.tile(0, 0, 256)  # off the rows
        if column == "root":
            with pytest.raises(Altered):
                world.services.published_log.tile(1, 0, 1)
        sign(world)
        with world.services._store.write() as database:
            keep_full(database, _ThatFills())  # type: ignore[arg-type]
    finally:
        with tampering(world.location) as tables:
            tables.ask("UPDATE tiles SET root = ?, hashes = ?", tuple(before.values()))


class _ThatFills:
    """The growth of 65,536 rows, as far as the tile of level 1 goes."""

    before, leaves, tiles = 0, (), ((1, 0, b""),)

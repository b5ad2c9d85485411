"""The log as a Merkle tree: as RFC 6962 has it, kept by every write, and held against the rows."""

import hashlib
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from controlplane.audit.log import append
from controlplane.domain.action import Action
from controlplane.domain.anchor import NAME
from controlplane.domain.instant import now
from controlplane.domain.tree import (
    TILE_WIDTH,
    Cover,
    consistency,
    frontier_at,
    grow,
    inclusion,
    is_included,
    leaf_hash,
    root_at,
)
from controlplane.errors import Refused
from controlplane.service import growing
from controlplane.service.changes import change
from controlplane.service.installation import open_services, proven_store, upgrade
from controlplane.service.start import make_ready
from controlplane.store.dialect import ask
from controlplane.store.state import read_root, row_hashes
from controlplane.store.tiles import Tiles
from tests.controlplane.golden import HEAD_V1
from tests.controlplane.test_upgrade import OLDER, Old, old
from tests.controlplane.tlog import open_note, verify_receipt
from tests.postgresql import PostgresqlServer, postgresql
from tests.world import World

__all__ = ["old", "postgresql"]

MOST = 70
ROWS = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(MOST)]
LEAVES = [hashlib.sha256(b"\0" + bytes.fromhex(row)).digest() for row in ROWS]


def node_over(leaves: list[bytes]) -> bytes:
    """RFC 6962 §2.1, word by word."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return leaves[0]
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return hashlib.sha256(b"\1" + node_over(leaves[:half]) + node_over(leaves[half:])).digest()


def path_to(index: int, leaves: list[bytes]) -> list[bytes]:
    """RFC 6962 §2.1.1, word by word."""
    if len(leaves) == 1:
        return []
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    if index < half:
        return [*path_to(index, leaves[:half]), node_over(leaves[half:])]
    return [*path_to(index - half, leaves[half:]), node_over(leaves[:half])]


def proof(old_size: int, leaves: list[bytes], *, is_known: bool = True) -> list[bytes]:
    """RFC 6962 §2.1.2, word by word."""
    if old_size == len(leaves):
        return [] if is_known else [node_over(leaves)]
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    if old_size <= half:
        return [*proof(old_size, leaves[:half], is_known=is_known), node_over(leaves[half:])]
    return [*proof(old_size - half, leaves[half:], is_known=False), node_over(leaves[:half])]


WHOLE = grow(0, b"", ROWS)


def node(level: int, index: int) -> bytes:
    return WHOLE.nodes[level, index]


@pytest.mark.parametrize("size", range(MOST + 1))
def test_root_frontier_and_paths_are_those_of_the_rfc(size: int) -> None:
    leaves = LEAVES[:size]
    root = node_over(leaves)
    at_once = grow(0, b"", ROWS[:size])
    assert at_once.root == root_at(size, node) == root
    assert at_once.frontier == frontier_at(size, node)
    for index in range(size):
        path = inclusion(index, size, node)
        assert path == path_to(index, leaves)
        assert is_included(LEAVES[index], index, size, path, root)
        assert not is_included(LEAVES[index - 1], index, size, path, root) or size == 1
        for before in range(0, index + 1, 7):
            grown = grow(before, frontier_at(before, node), ROWS[before:size])
            assert grown.frontier == at_once.frontier
            assert grown.inclusion(index) == path
    for before in range(1, size + 1):
        assert consistency(before, size, node) == proof(before, leaves)


@pytest.mark.parametrize("parts", [(1, 1, 70), (13, 14, 50, 70), (32, 64, 70), (69, 69, 70)])
def test_stretches_that_are_joined_cover_what_they_cover_together(
    parts: tuple[int, ...],
) -> None:
    cuts = (1, 33, 64, 69)
    joined, begin = Cover(cuts), 0
    for end in parts:
        stretch = Cover(cuts)
        for index in range(begin, end):
            stretch.add_leaf(index, ROWS[index])
        joined.join(stretch)
        begin = end
    assert joined.root_at(70) == WHOLE.root
    for size in (0, *cuts):
        assert joined.root_at(size) == grow(0, b"", ROWS[:size]).root


@pytest.fixture(params=["sqlite", "postgresql"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    url = None
    if request.param == "postgresql":
        server: PostgresqlServer = request.getfixturevalue("postgresql")
        url = server.new_database()
    world = World(tmp_path / "data", url)
    with world.services:
        yield world


def write_rows(world: World, *batches: int) -> None:
    """Rows that change nothing, so many in each batch."""
    store = proven_store(world.location)
    with store.closing():
        for rows in batches:
            with store.write() as database:
                append(database, [change(None, Action.LOG_KEY, "x", at=now()) for _ in range(rows)])


def test_every_batch_keeps_what_it_completes(world: World) -> None:
    write_rows(world, 1, 250, 1, 1, 1, 700, 64)
    store = proven_store(world.location)
    with store.closing(), store.read() as database:
        root = read_root(database)
        hashes = [leaf_hash(each) for each in row_hashes(database, 0, root.sequence)]
        assert root.size == root.sequence == len(hashes) > 3 * TILE_WIDTH
        tiles = Tiles(database, root.size)
        kept = ask(database, "SELECT level, position FROM tiles ORDER BY 1, 2").fetchall()
        assert [tuple(each) for each in kept] == [(0, 0), (0, 1), (0, 2)]
        for position in range(4):
            first = position * TILE_WIDTH
            assert tiles.tile(0, position) == hashes[first : first + TILE_WIDTH]
        assert tiles.tile(1, 0) == [
            node_over(hashes[first : first + TILE_WIDTH]) for first in range(0, 768, TILE_WIDTH)
        ]
        assert root_at(root.size, tiles.node) == node_over(hashes)
    assert world.services.state.verify(world.admin).altered == ()


def bend(world: World, *statements: str) -> None:
    with closing(sqlite3.connect(world.location.store_path)) as connection:
        connection.executescript(";".join(statements))


BENT = "UPDATE tiles SET hashes = zeroblob(8192) WHERE position = 0"


@pytest.mark.parametrize("world", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("guard", "statement", "named"),
    [
        ("updated", BENT, "tiles/0/0"),
        ("updated", "UPDATE tiles SET root = zeroblob(32) WHERE position = 1", "tiles/0/1"),
        ("deleted", "DELETE FROM tiles WHERE position = 1", "tiles/0/1"),
        ("inserted", "INSERT INTO tiles SELECT 0, 2, root, hashes FROM tiles LIMIT 1", "tiles/0/2"),
        ("inserted", "INSERT INTO tiles SELECT 1, 0, root, hashes FROM tiles LIMIT 1", "tiles/1/0"),
    ],
)
def test_a_tile_that_somebody_wrote_to_is_named(
    world: World, guard: str, statement: str, named: str
) -> None:
    write_rows(world, 2 * TILE_WIDTH + 9)
    bend(world, f"DROP TRIGGER IF EXISTS tiles_never_{guard}", statement)
    assert world.services.state.verify(world.admin).altered == (named,)


@pytest.mark.parametrize("world", ["sqlite"], indirect=True)
def test_nothing_is_proven_by_a_bent_tile_and_signing_goes_on(world: World) -> None:
    write_rows(world, TILE_WIDTH)
    bend(world, "DROP TRIGGER tiles_never_updated", BENT)
    with pytest.raises(Refused) as refused:
        world.services.receipts.of_row(world.admin, "3")
    assert refused.value.code == "state_altered"
    write_rows(world, TILE_WIDTH)
    assert world.services.state.verify(world.admin).altered == ("tiles/0/0",)


@pytest.mark.parametrize("world", ["sqlite"], indirect=True)
def test_a_tile_that_is_gone_keeps_nobody_from_a_proof(world: World) -> None:
    write_rows(world, TILE_WIDTH + 1)
    bend(world, "DROP TRIGGER tiles_never_deleted", "DELETE FROM tiles")
    (key,) = world.services.log_keys.list()
    verify_receipt(world.services.receipts.of_row(world.admin, "3"), key.text)
    assert world.services.state.verify(world.admin).altered == ("tiles/0/0",)


@pytest.mark.parametrize("world", ["sqlite"], indirect=True)
@pytest.mark.parametrize("said", ["'x'", "x'ff'", "replace(note, 'A', 'B')", "''"])
def test_a_checkpoint_that_somebody_wrote_is_not_published(world: World, said: str) -> None:
    (key,) = world.services.log_keys.list()
    note = world.services.published_log.checkpoint().note
    bend(world, f"UPDATE checkpoints SET note = {said}")
    assert open_note(world.services.published_log.checkpoint().note, key.text)
    bend(world, "UPDATE checkpoints SET published_at = 'never'")
    assert open_note(world.services.published_log.checkpoint().note, key.text)
    assert open_note(note, key.text)


@pytest.mark.parametrize("world", ["sqlite"], indirect=True)
def test_the_tree_in_the_head_cannot_be_written_to(world: World) -> None:
    write_rows(world, 5)
    bend(world, "UPDATE audit_head SET frontier = zeroblob(length(frontier))")
    with pytest.raises(Refused) as refused:
        open_services(world.location)
    assert refused.value.code == "state_altered"


class StoppedError(Exception):
    pass


def stop_after(parts: int) -> Callable[[int, int], None]:
    told: list[int] = []

    def tell(rows: int, of: int) -> None:
        told.append(rows)
        if len(told) == 2 * parts:  # each is told of before and after
            raise StoppedError

    return tell


@pytest.mark.parametrize("old", [("sqlite", OLDER[-1]), ("postgresql", OLDER[-1])], indirect=True)
def test_a_log_from_before_gets_its_tree_and_goes_on_where_it_was_stopped(
    old: Old, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(growing, "_ROWS", 4)
    (old.location.data_dir / NAME).unlink()  # such a store had none
    for accepted in (HEAD_V1, None):
        with pytest.raises(StoppedError):
            make_ready(old.location, None, accepted, stop_after(1))
    told: list[tuple[int, int]] = []
    make_ready(old.location, None, None, lambda rows, of: told.append((rows, of)))
    assert told[0][0] == 8
    with open_services(old.location) as services:
        admin = services.identities.authenticate(old.admin_key)
        (key,) = services.log_keys.list()
        for row in services.audit.export(admin):
            verify_receipt(services.receipts.of_row(admin, str(row.sequence)), key.text)
    told.clear()
    make_ready(old.location, None, None, lambda rows, of: told.append((rows, of)))
    assert told == []


@pytest.mark.parametrize("old", [("sqlite", OLDER[-1])], indirect=True)
def test_an_upgrade_alone_makes_no_tree(old: Old) -> None:
    """So that it is made in parts."""
    upgrade(old.location, HEAD_V1)
    store = proven_store(old.location)
    with store.closing(), store.read() as database:
        assert not read_root(database).has_tree

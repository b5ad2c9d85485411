"""Invariant 1: whatever happens to the processes that sign, a released signature has its row."""

import os
import random
import sqlite3
from contextlib import closing

import pytest

from controlplane.api.operations import line
from controlplane.audit.verification import verify_lines
from controlplane.domain.operation import Operation
from tests.invariants.conftest import Released, Start
from tests.world import World

ROUNDS = int(os.environ.get("SEALWRIGHT_ROUNDS", "3"))


def rows(world: World) -> dict[str, Operation]:
    """Sign rows by id, after the whole chain was verified."""
    everything = list(world.services.audit.export(world.admin))
    lines = (line(row) for row in everything)
    verification = verify_lines(lines)
    assert verification.intact, verification
    assert verification.head == world.services.audit.end(world.admin).row_hash
    read = [row for row in everything if isinstance(row, Operation)]
    return {row.entry.id: row for row in read if row.entry.signature is not None}


def assert_recorded(released: list[Released], recorded: dict[str, Operation]) -> None:
    for each in released:
        entry = recorded[each.operation_id].entry
        assert entry.digest is not None
        assert entry.signature is not None
        assert (entry.digest.hex(), entry.signature.hex()) == (each.digest, each.signature)


def test_many_threads_in_many_processes_lose_no_row(world: World, start: Start) -> None:
    processes = [start(f"p{number}", 32, 8) for number in range(3)]
    released = [each for process in processes for each in process.read_all()]
    assert [process.end() for process in processes] == [0, 0, 0]
    recorded = rows(world)
    assert len(released) == len(recorded) == 3 * 32 * 8
    assert_recorded(released, recorded)


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_killed_at_any_point_it_has_released_nothing_without_a_row(
    world: World, start: Start, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311
    survivor = start("survivor", 2, 20)
    victim = start("victim", 8, 10_000)
    released = [victim.read_one() for _ in range(chance.randrange(1, 120))]
    victim.process.kill()
    released += victim.read_all()
    released += survivor.read_all()
    assert survivor.end() == 0  # the lock of the dead is free
    assert len(released) > 40
    assert_recorded([each for each in released if each is not None], rows(world))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE operations SET digest = X'00' WHERE sequence = 5",
        "UPDATE operations SET actor = 'mallory' WHERE sequence = 5",
        "UPDATE operations SET created_at = '2020-01-01T00:00:00.000000Z' WHERE sequence = 5",
        "UPDATE operations SET idempotency_key = NULL WHERE sequence = 5",
        "DELETE FROM operations WHERE sequence = 5",
        "UPDATE operations SET sequence = 1000 WHERE sequence = 5",
    ],
)
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_who_gets_past_the_triggers_is_seen_by_the_chain(
    world: World, start: Start, statement: str
) -> None:
    process = start("p", 1, 5)
    process.read_all()
    with closing(sqlite3.connect(world.location.store_path)) as connection:
        for trigger in ("updated", "deleted"):
            connection.execute(f"DROP TRIGGER operations_never_{trigger}")
        connection.execute(statement)
        connection.commit()
    lines = (line(row) for row in world.services.audit.export(world.admin))
    verification = verify_lines(lines)
    assert not verification.intact
    assert verification.first_bad_sequence == 5

"""Invariant 3: one idempotency key, one row, one signature, whoever dies in between."""

from tests.invariants.conftest import Start
from tests.world import World


def test_two_processes_with_the_same_calls_release_the_same_signatures(
    world: World, start: Start
) -> None:
    processes = [start("same", 8, 20) for _ in range(2)]
    first, second = ({each.digest: each for each in run.read_all()} for run in processes)
    assert [process.end() for process in processes] == [0, 0]
    assert first == second
    assert len(first) == 160
    keys = [row.entry.idempotency_key for row in world.rows(actor="ci")]
    assert len(keys) == len(set(keys)) == 160


def test_what_was_done_before_a_kill_is_not_done_again(world: World, start: Start) -> None:
    victim = start("same", 4, 1_000)
    before = {each.digest: each for _ in range(50) if (each := victim.read_one()) is not None}
    victim.process.kill()
    before |= {each.digest: each for each in victim.read_all()}
    again = start("same", 4, 30)
    after = {each.digest: each for each in again.read_all()}
    assert again.end() == 0
    common = before.keys() & after.keys()
    assert common
    assert all(before[digest] == after[digest] for digest in common)
    keys = [row.entry.idempotency_key for row in world.rows(actor="ci")]
    assert len(keys) == len(set(keys))

"""Whose turn it is: fair to every lane, one start in each turn of the loop."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest

from controlplane.admission import turns as turns_module
from controlplane.admission.turns import Turns
from controlplane.api.refusals import status_of
from controlplane.errors import Refused


def turns(
    at_once: int = 2,
    of_a_lane: int = 1,
    waiting: int = 6,
    in_a_lane: int = 4,
    of_several: int | None = None,
) -> Turns:
    return Turns(
        at_once=at_once,
        of_a_lane=of_a_lane,
        of_several=of_a_lane if of_several is None else of_several,
        waiting=waiting,
        waiting_in_a_lane=in_a_lane,
    )


async def settled() -> None:
    """Until nothing is left for the loop to do."""
    for _ in range(50):
        await asyncio.sleep(0)


def in_loop(test: Callable[[], Awaitable[None]]) -> Callable[[], None]:
    def run() -> None:
        asyncio.run(test())  # type: ignore[arg-type]

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


class Entered:
    """Calls that wait for their turn, and in which order it came."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self.order: list[str] = []

    def call(self, name: str) -> "asyncio.Task[None]":
        """In the lane of its first letter."""
        return asyncio.create_task(self._enter(name))

    async def _enter(self, name: str) -> None:
        await self._turns.enter(name[0].encode())
        self.order.append(name)


@in_loop
async def test_a_lane_has_so_many_at_once_and_the_others_the_rest() -> None:
    entered = Entered(turns(at_once=3, of_a_lane=2))
    tasks = [entered.call(name) for name in ("a1", "a2", "a3", "b1", "b2")]
    await settled()
    assert entered.order == ["a1", "a2", "b1"]
    for task in tasks:
        task.cancel()


@in_loop
async def test_a_lane_that_is_alone_has_more_than_one_of_several() -> None:
    queue = turns(at_once=9, of_a_lane=3, of_several=1, waiting=9, in_a_lane=9)
    entered = Entered(queue)
    tasks = [entered.call(name) for name in ("a1", "b1", "a2", "a3")]
    await settled()
    assert entered.order == ["a1", "b1"]
    queue.leave(b"b")
    await asyncio.sleep(turns_module._ALONE_SECONDS)  # what is tested is the passing of time
    tasks.append(entered.call("a4"))
    await settled()
    assert entered.order == ["a1", "b1", "a2", "a3"]
    for task in tasks:
        task.cancel()


@in_loop
async def test_lanes_take_turns_whoever_called_first() -> None:
    queue = turns(at_once=1)
    entered = Entered(queue)
    names = ("a1", "a2", "a3", "b1", "c1", "b2")
    tasks = [entered.call(name) for name in names]
    for number in range(len(names)):
        await settled()
        assert len(entered.order) == number + 1
        queue.leave(entered.order[-1][0].encode())
    assert entered.order == ["a1", "a2", "b1", "c1", "a3", "b2"]
    await asyncio.gather(*tasks)


@in_loop
async def test_one_call_starts_in_a_turn_of_the_loop() -> None:
    queue = turns(at_once=3, of_a_lane=3)
    entered = Entered(queue)
    tasks = [entered.call(f"a{number}") for number in range(6)]
    await settled()
    for _ in range(3):
        queue.leave(b"a")
    seen = []
    for _ in range(20):
        before = len(entered.order)
        await asyncio.sleep(0)
        seen.append(len(entered.order) - before)
    assert max(seen) == 1
    assert len(entered.order) == 6
    await asyncio.gather(*tasks)


@in_loop
async def test_a_lane_in_which_too_many_wait_is_refused() -> None:
    entered = Entered(turns(at_once=1, in_a_lane=2))
    tasks = [entered.call(f"a{number}") for number in range(3)]
    await settled()
    with pytest.raises(Refused) as refused:
        await entered.call("a3")
    assert (status_of(refused.value.code), refused.value.code) == (503, "overloaded")
    assert refused.value.retry_after == 1
    for task in tasks:
        task.cancel()


@in_loop
async def test_where_too_many_wait_the_last_of_the_longest_lane_gives_way() -> None:
    queue = turns(at_once=1, waiting=6, in_a_lane=4)
    entered = Entered(queue)
    first = entered.call("z")
    waiting = {name: entered.call(name) for name in ("a1", "a2", "a3", "a4", "b1", "b2")}
    await settled()
    late = entered.call("c1")
    await settled()
    assert [name for name, task in waiting.items() if task.done()] == ["a4"]
    with pytest.raises(Refused, match="Too many calls"):
        await waiting.pop("a4")
    queue.leave(b"z")
    while len(entered.order) < 7:
        await settled()
        queue.leave(entered.order[-1][0].encode())
    assert Counter(entered.order) == Counter(["z", "a1", "a2", "a3", "b1", "b2", "c1"])
    await asyncio.gather(first, late, *waiting.values())


@in_loop
async def test_where_everybody_waits_as_much_who_comes_is_refused() -> None:
    entered = Entered(turns(at_once=1, waiting=2))
    tasks = [entered.call(name) for name in ("z", "a", "b")]
    await settled()
    with pytest.raises(Refused):
        await entered.call("c")
    for task in tasks:
        task.cancel()


@in_loop
async def test_who_has_gone_keeps_no_place() -> None:
    queue = turns(at_once=1, waiting=2, in_a_lane=2)
    entered = Entered(queue)
    first = entered.call("a1")
    for _ in range(10):  # they would be too many
        gone = [entered.call("a2"), entered.call("a3")]
        await settled()
        for task in gone:
            task.cancel()
        await settled()
    last = entered.call("a4")
    await settled()
    queue.leave(b"a")
    await asyncio.gather(first, last)
    assert entered.order == ["a1", "a4"]


@in_loop
async def test_who_goes_when_the_turn_has_come_gives_it_to_the_next() -> None:
    queue = turns(at_once=1)
    entered = Entered(queue)
    first, gone, last = (entered.call(name) for name in ("a", "b", "c"))
    await settled()
    queue.leave(b"a")
    queue._call_next()  # the turn of b, who has not heard of it
    gone.cancel()
    await settled()
    assert entered.order == ["a", "c"]
    await asyncio.gather(first, last)


@in_loop
async def test_room_is_asked_for_when_too_many_are_under_way() -> None:
    asked: list[bool] = []
    queue = Turns(
        at_once=2,
        of_a_lane=1,
        of_several=1,
        waiting=4,
        waiting_in_a_lane=4,
        make_room=lambda: asked.append(True),
    )
    entered = Entered(queue)
    tasks = [entered.call("a"), entered.call("a")]
    await settled()
    assert not asked  # the caller's own bound
    tasks.append(entered.call("b"))
    await settled()
    assert not asked
    tasks.append(entered.call("c"))
    await settled()
    assert asked
    for task in tasks:
        task.cancel()

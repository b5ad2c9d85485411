"""Work that waits goes to threads, in which callers take turns."""

import asyncio
import threading
from collections.abc import Iterator
from contextvars import ContextVar

import pytest

from controlplane.admission.threads import Threads, lane

PATIENCE = 20.0
_whose: ContextVar[str] = ContextVar("whose", default="nobody")


@pytest.fixture
def threads() -> Iterator[Threads]:
    made = Threads(2)
    yield made
    made.close()


def test_what_a_call_returns_or_raises_comes_back(threads: Threads) -> None:
    async def test() -> None:
        assert await threads.run(threading.get_ident) != threading.get_ident()
        with pytest.raises(KeyError):
            await threads.run({}.popitem)
        with pytest.raises(RuntimeError, match="StopIteration"):
            await threads.run(lambda: next(iter(())))
        assert await threads.run(lambda: 1) == 1

    asyncio.run(test())


def test_a_call_sees_the_context_of_who_asked_for_it(threads: Threads) -> None:
    async def ask(name: str) -> str:
        _whose.set(name)
        return await threads.run(_whose.get)

    async def test() -> None:
        names = [f"name-{number}" for number in range(20)]
        assert await asyncio.gather(*map(ask, names)) == names
        assert _whose.get() == "nobody"

    asyncio.run(test())


async def call_as(threads: Threads, whose: bytes, wait: threading.Event) -> bool:
    lane.set(whose)
    return await threads.run(lambda: wait.wait(PATIENCE))


def test_one_caller_leaves_a_thread_to_the_others(threads: Threads) -> None:
    async def test() -> None:
        end, ended = threading.Event(), threading.Event()
        ended.set()
        greedy = [asyncio.create_task(call_as(threads, b"a", end)) for _ in range(5)]
        await asyncio.sleep(0)
        assert await asyncio.create_task(call_as(threads, b"b", ended))
        assert not any(each.done() for each in greedy)
        end.set()
        assert all(await asyncio.gather(*greedy))

    asyncio.run(test())


def test_a_caller_who_has_gone_keeps_the_place_until_the_thread_is_done(threads: Threads) -> None:
    async def test() -> None:
        began, end, ended = threading.Event(), threading.Event(), threading.Event()
        ended.set()

        def wait() -> bool:
            began.set()
            return end.wait(PATIENCE)

        async def first() -> None:
            lane.set(b"a")
            await threads.run(wait)

        gone = asyncio.create_task(first())
        await asyncio.to_thread(began.wait, PATIENCE)
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        following = asyncio.create_task(call_as(threads, b"a", ended))
        assert await asyncio.create_task(call_as(threads, b"b", ended))  # others go on
        assert not following.done()
        end.set()
        assert await following

    asyncio.run(test())

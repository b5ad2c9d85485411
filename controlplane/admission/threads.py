"""Where work goes that waits: the store, slow keys, many rows. A bounded number of threads, in
which callers take turns."""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar, copy_context
from functools import partial
from typing import Any, TypeVar

from controlplane.admission.turns import Turns

T = TypeVar("T")

_MOST_WAITING = 1024
_MOST_WAITING_OF_A_CALLER = 256
_SHARE = 4  # of the threads, the part that one caller may have

lane: ContextVar[bytes] = ContextVar("lane", default=b"")
"""Of the call at hand: who makes it."""


class Threads:
    """Belongs to one event loop."""

    def __init__(self, number: int) -> None:
        self._executor = ThreadPoolExecutor(number, thread_name_prefix="service")
        self._turns = Turns(
            at_once=number,
            of_a_lane=max(1, number // _SHARE),
            of_several=max(1, number // _SHARE),
            waiting=_MOST_WAITING,
            waiting_in_a_lane=_MOST_WAITING_OF_A_CALLER,
        )

    async def run(self, call: Callable[[], T]) -> T:
        """What `call` returns or raises, from a thread. Refused 503 overloaded when too many wait.

        A caller who has gone does not stop the thread, which keeps its place until it is done.
        """
        whose = lane.get()
        await self._turns.enter(whose)
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        settle = partial(self._settle, whose, answer)
        try:
            self._executor.submit(copy_context().run, _carry_out, call, loop, settle)
        except BaseException:
            self._turns.leave(whose)
            raise
        return await answer

    def close(self) -> None:
        """Returns when everything under way is done."""
        self._executor.shutdown()

    def _settle(
        self, whose: bytes, answer: "asyncio.Future[Any]", value: Any, fault: Exception | None
    ) -> None:
        self._turns.leave(whose)
        if answer.done():  # the caller has gone
            return
        if fault is not None:
            answer.set_exception(fault)
        else:
            answer.set_result(value)


def _carry_out(
    call: Callable[[], Any], loop: asyncio.AbstractEventLoop, settle: Callable[..., None]
) -> None:
    value: Any = None
    fault: Exception | None = None
    try:
        value = call()
    except Exception as error:  # noqa: BLE001  # whoever waits for it gets it
        # A future takes no StopIteration, which would end its awaiting coroutine instead.
        fault = RuntimeError("StopIteration") if isinstance(error, StopIteration) else error
    if not loop.is_closed():
        loop.call_soon_threadsafe(settle, value, fault)


def keep_to_one_cpu(place: int, workers: int) -> None:
    """Where every CPU has a worker: threads that take turns do so at half the cost on one CPU."""
    cpus = sorted(os.sched_getaffinity(0))
    if workers >= len(cpus):
        os.sched_setaffinity(0, {cpus[place % len(cpus)]})

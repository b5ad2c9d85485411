"""Who may go next, so that nobody who calls a lot keeps the others waiting.

A lane is a caller. So many may be under way at once, of all lanes and of one (fewer where there are
several); what comes beyond waits in its lane, and lanes take turns: one call starts in each turn of
the loop, so that whoever arrives meanwhile is heard before the next. Where too many wait, those who
have most go first.
"""

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import Callable

from controlplane.errors import Code, Refused

_RETRY_AFTER = 1  # seconds
_ALONE_SECONDS = 1.0  # after which a lane counts as the only one


class Turns:
    """Belongs to one event loop. Whoever has entered leaves, once."""

    def __init__(
        self,
        *,
        at_once: int,
        of_a_lane: int,
        of_several: int,
        waiting: int,
        waiting_in_a_lane: int,
        make_room: Callable[[], None] = lambda: None,
    ) -> None:
        """`of_a_lane`: while it is the only one; else `of_several`. `make_room` is called when a
        call must wait because `at_once` are under way."""
        self._make_room = make_room
        self._at_once = at_once
        self._of_a_lane = of_a_lane
        self._of_several = of_several
        self._last_lane: bytes | None = None
        self._alone_from = 0.0  # a time of the loop
        self._most_waiting = waiting
        self._most_waiting_in_a_lane = waiting_in_a_lane
        self._under_way: Counter[bytes] = Counter()
        self._number_under_way = 0
        self._waiting: OrderedDict[bytes, deque[asyncio.Future[None]]] = OrderedDict()
        self._number_waiting = 0
        self._is_calling = False

    async def enter(self, lane: bytes) -> None:
        """Returns when it is this call's turn. Refused 503 overloaded when too many wait."""
        if lane != self._last_lane:
            if self._last_lane is not None:
                self._alone_from = asyncio.get_running_loop().time() + _ALONE_SECONDS
            self._last_lane = lane
        if not self._number_waiting and self._has_room(lane):
            self._start(lane)
            return
        if self._number_under_way >= self._at_once:
            self._make_room()
        in_lane = len(self._waiting.get(lane, ()))
        if in_lane >= self._most_waiting_in_a_lane:
            raise _overloaded()
        if self._number_waiting >= self._most_waiting:
            self._turn_away(in_lane)
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(lane, deque()).append(turn)
        self._number_waiting += 1
        self._call_soon()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._give_place_up(lane, turn)
            elif turn.exception() is None:
                self.leave(lane)  # it was called, and will not come
            raise

    def leave(self, lane: bytes) -> None:
        self._number_under_way -= 1
        self._under_way[lane] -= 1
        if not self._under_way[lane]:
            del self._under_way[lane]
        if self._number_waiting:
            self._call_soon()

    def _turn_away(self, fewer: int) -> None:
        """The last of the longest line, for somebody in whose lane `fewer` wait."""
        longest = max(self._waiting.values(), key=len)
        if len(longest) <= fewer + 1:
            raise _overloaded()
        turn = longest.pop()
        self._number_waiting -= 1
        if not turn.done():
            turn.set_exception(_overloaded())

    def _give_place_up(self, lane: bytes, turn: "asyncio.Future[None]") -> None:
        line = self._waiting.get(lane, deque())
        if turn not in line:
            return  # it was turned away, or its turn had come, meanwhile
        line.remove(turn)
        self._number_waiting -= 1
        if not line:
            del self._waiting[lane]

    def _has_room(self, lane: bytes) -> bool:
        is_alone = asyncio.get_running_loop().time() >= self._alone_from
        most = self._of_a_lane if is_alone else self._of_several
        return self._number_under_way < self._at_once and self._under_way[lane] < most

    def _start(self, lane: bytes) -> None:
        self._under_way[lane] += 1
        self._number_under_way += 1

    def _call_soon(self) -> None:
        if not self._is_calling:
            self._is_calling = True
            asyncio.get_running_loop().call_soon(self._call_next)

    def _call_next(self) -> None:
        self._is_calling = False
        for lane, line in self._waiting.items():
            if not self._has_room(lane):
                continue
            turn = line.popleft()
            self._number_waiting -= 1
            del self._waiting[lane]
            if line:
                self._waiting[lane] = line  # at the end: the others come first
            if not turn.cancelled():  # else it is about to give its place up
                self._start(lane)
                turn.set_result(None)
            if self._number_waiting:
                self._call_soon()
            return


def _overloaded() -> Refused:
    return Refused(
        Code.OVERLOADED,
        "Too many calls of yours are waiting; try again.",
        retry_after=_RETRY_AFTER,
    )

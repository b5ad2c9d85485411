"""Who may have a thread next, so that nobody who calls a lot keeps the others waiting.

A lane is a caller. One lane may have all threads but one; what comes beyond waits in its lane,
and lanes take turns.
"""

from collections import Counter, OrderedDict, deque
from threading import Lock
from typing import Generic, TypeVar

MOST_WAITING_IN_A_LANE = 256
MOST_WAITING = 512  # in all lanes; both stay below a process's connections

T = TypeVar("T")


class Lanes(Generic[T]):
    """Threads share it. Whoever entered a lane leaves it; then `next_in_turn` says who enters."""

    def __init__(self, threads: int) -> None:
        self._most_running = max(1, threads - 1)
        self._lock = Lock()
        self._running: Counter[bytes] = Counter()
        self._waiting: OrderedDict[bytes, deque[T]] = OrderedDict()
        self._number_waiting = 0

    def enter(self, lane: bytes) -> bool:
        """False: the lane has all that it may have, and the request must wait."""
        with self._lock:
            if self._running[lane] >= self._most_running:
                return False
            self._running[lane] += 1
            return True

    def leave(self, lane: bytes) -> None:
        with self._lock:
            self._running[lane] -= 1
            if not self._running[lane]:
                del self._running[lane]

    def has_room(self, lane: bytes) -> bool:
        """Whether one more may wait."""
        with self._lock:
            in_lane = len(self._waiting.get(lane, ()))
            return in_lane < MOST_WAITING_IN_A_LANE and self._number_waiting < MOST_WAITING

    def wait(self, lane: bytes, item: T) -> None:
        with self._lock:
            self._waiting.setdefault(lane, deque()).append(item)
            self._number_waiting += 1

    def next_in_turn(self) -> T | None:
        """The first of the lane whose turn it is, which has entered; None: nobody can."""
        with self._lock:
            for lane, items in self._waiting.items():
                if self._running[lane] >= self._most_running:
                    continue
                self._running[lane] += 1
                self._number_waiting -= 1
                item = items.popleft()
                del self._waiting[lane]
                if items:
                    self._waiting[lane] = items  # at the end: the others come first
                return item
            return None

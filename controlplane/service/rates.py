"""How fast one identity may make calls that do not sign: each leaves a row for ever, or costs the
others their time, and a loop of them must end."""

import math
import mmap
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from zlib import crc32

from controlplane.errors import Code, Refused

BURST = 512  # calls at once
A_SECOND = 10.0
_PLACES = 65_536  # two identities that share one share its bound
_OCTETS = 8


class Places(Protocol):
    """A list of numbers, or memory that is used as one."""

    def __len__(self) -> int: ...
    def __getitem__(self, place: int, /) -> float: ...
    def __setitem__(self, place: int, value: float, /) -> None: ...


@dataclass(frozen=True, slots=True)
class SharedPlaces:
    """Memory for `Rates`: of callers, and of strangers who want timestamps, by where they call from
    and all together. `seen` is for `Furthest`."""

    callers: Places
    strangers: Places
    timestamps: Places
    seen: Places


def shared_places() -> SharedPlaces:
    """That the processes forked from this one share."""
    memory = memoryview(mmap.mmap(-1, (2 * _PLACES + 3) * _OCTETS)).cast("d")
    callers, strangers = memory[:_PLACES], memory[_PLACES : 2 * _PLACES]
    return SharedPlaces(callers, strangers, memory[2 * _PLACES : -2], memory[-2:])


@dataclass(frozen=True, slots=True)
class Bound:
    """`burst`: calls at once. `title`: what somebody is told who made more."""

    burst: int
    a_second: float
    title: str


_OF_A_CALLER = Bound(
    BURST,
    A_SECOND,
    "Too many calls from here were refused, or changed something; find out why before you go on.",
)


class Rates:
    """Of each caller (an identity, or where a stranger calls from) the time at which its last calls
    will be paid off, a second for so many of them: one number, so that processes need no lock. A
    count that is lost between two of them lets one call more pass."""

    def __init__(self, places: Places | None = None, bound: Bound = _OF_A_CALLER) -> None:
        """`places`: of `shared_places`; None: this process's own."""
        self._places: Places = [0.0] * _PLACES if places is None else places
        self._bound = bound

    def check(self, caller: str, now: datetime) -> None:
        """Refused 429 too_many_calls."""
        self._debt(self._place(caller), now)

    def count(self, caller: str, now: datetime) -> None:
        """One more. Refused 429 too_many_calls, which does not count."""
        place = self._place(caller)
        self._places[place] = now.timestamp() + self._debt(place, now) + 1 / self._bound.a_second

    def _debt(self, place: int, now: datetime) -> float:
        """Seconds."""
        debt = max(0.0, self._places[place] - now.timestamp())
        # More than can be owed: the clock was set back.
        owed = debt * self._bound.a_second  # calls
        if owed > self._bound.burst + 1:
            return 0.0
        if owed > self._bound.burst - 0.5:
            one_more = math.ceil(1 / self._bound.a_second)
            raise Refused(Code.TOO_MANY_CALLS, self._bound.title, retry_after=one_more)
        return debt

    def _place(self, caller: str) -> int:
        return crc32(caller.encode()) % len(self._places)

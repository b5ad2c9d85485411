"""How fast one identity may make calls that do not sign: each leaves a row for ever, or costs the
others their time, and a loop of them must end."""

import mmap
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


def shared_places() -> Places:
    """Memory for `Rates` that the processes forked from this one share."""
    return memoryview(mmap.mmap(-1, _PLACES * _OCTETS)).cast("d")


class Rates:
    """Of each caller (an identity, or where a stranger calls from) the time at which its last calls
    will be paid off, a second for A_SECOND of them: one number, so that processes need no lock. A
    count that is lost between two of them lets one call more pass."""

    def __init__(self, places: Places | None = None) -> None:
        """`places`: of `shared_places`; None: this process's own."""
        self._places: Places = [0.0] * _PLACES if places is None else places

    def check(self, caller: str, now: datetime) -> None:
        """Refused 429 too_many_calls."""
        self._debt(self._place(caller), now)

    def count(self, caller: str, now: datetime) -> None:
        """One more. Refused 429 too_many_calls, which does not count."""
        place = self._place(caller)
        self._places[place] = now.timestamp() + self._debt(place, now) + 1 / A_SECOND

    def _debt(self, place: int, now: datetime) -> float:
        """Seconds."""
        debt = max(0.0, self._places[place] - now.timestamp())
        # More than can be owed: the clock was set back.
        if debt > (BURST + 1) / A_SECOND:
            return 0.0
        if debt > (BURST - 0.5) / A_SECOND:
            raise Refused(
                Code.TOO_MANY_CALLS,
                "Too many calls from here were refused, or changed something; find out why before "
                "you go on.",
                retry_after=1,
            )
        return debt

    def _place(self, caller: str) -> int:
        return crc32(caller.encode()) % len(self._places)

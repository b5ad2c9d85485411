"""How many connections each process of the server has, in memory that they share.

All of them wait at one listening socket, and the first to wake would take every caller that
stands there, while the others have nothing to do. So whoever has more lets the others go first.
"""

import mmap

_NOBODY = -1
_OCTETS = 4


class FairShare:
    """Made before the fork. Each process writes its own place only."""

    def __init__(self, processes: int) -> None:
        """`processes`: that may live at once, those included that are about to be replaced."""
        self._places = memoryview(mmap.mmap(-1, processes * _OCTETS)).cast("i")
        for place in range(processes):
            self._places[place] = _NOBODY

    @property
    def places(self) -> int:
        return len(self._places)

    def tell(self, place: int, connections: int) -> None:
        """`place`: of this process, from 0."""
        self._places[place] = connections

    def leave(self, place: int) -> None:
        self._places[place] = _NOBODY

    def others_have_fewer(self, place: int) -> bool:
        own = self._places[place]
        return any(_NOBODY < connections < own for connections in self._places)

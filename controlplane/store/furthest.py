"""How far the processes of a server have seen the store: where one of them saw rows, no other goes
on without them, however long it was idle."""

from typing import Protocol

Mark = tuple[int, int]
"""The last row, and the epoch."""


class Numbers(Protocol):
    """A list of two, or memory that is used as one."""

    def __getitem__(self, place: int, /) -> float: ...
    def __setitem__(self, place: int, value: float, /) -> None: ...


class Furthest:
    """Two processes that tell of rows at the same time need no lock: what one of them takes back
    so, it or the other tells again with their next look at the store, once a second at least."""

    def __init__(self, numbers: Numbers) -> None:
        """`numbers`: that the processes share."""
        self._numbers = numbers

    def tell(self, seen: Mark) -> Mark:
        """What any of them has seen, and this one tells that it has."""
        known = (int(self._numbers[0]), int(self._numbers[1]))
        if seen <= known:
            return known
        self._numbers[0], self._numbers[1] = seen
        return seen

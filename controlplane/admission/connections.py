"""Bounds for connections: who is waited for, and who goes where there are too many of them, or too
much that nobody takes."""

import asyncio
import mmap
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from typing import Protocol

MOST_CONNECTIONS = 1200  # of a process
MOST_UNSENT = 32 * 1024 * 1024  # octets of answers that nobody takes, in a process


class Client(Protocol):
    """Whoever is connected, or is about to be."""

    address: str | None  # None: a unix socket
    deadline: float  # until when it is waited for

    @property
    def unsent(self) -> int:
        """Octets of an answer that it does not take."""

    @property
    def is_silent(self) -> bool:
        """It has nothing under way, nor begun."""

    def give_up(self, *, is_late: bool) -> None:
        """It is waited for no longer: its deadline has passed, or somebody else needs its place."""


def address_of(peer: object) -> str | None:
    """As a socket names its peer."""
    return peer[0] if isinstance(peer, tuple) else None


class Guest:
    """Somebody who has connected, and not said yet what to speak."""

    unsent = 0
    is_silent = True

    def __init__(self, address: str | None, deadline: float) -> None:
        self.address = address
        self.deadline = deadline
        self.welcome: asyncio.Task[None] | None = None
        self.is_in = False  # its connection begins, and uvloop would never end it if stopped there

    def give_up(self, *, is_late: bool) -> None:
        if self.welcome is not None and not self.is_in:
            self.welcome.cancel()


class Connections:
    """Of one process. A client that we wait for, in whatever state, may be given up: the one that
    is waited for longest, of the address that has most."""

    def __init__(self, tell: Callable[[int], None]) -> None:
        """`tell` is told how many there are, whenever that changes."""
        self._tell = tell
        self._all: set[Client] = set()
        self._waiting: OrderedDict[Client, None] = OrderedDict()  # since when, in order

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Client]:
        return iter(list(self._all))

    def enter(self, client: Client) -> None:
        self._all.add(client)
        self._tell(len(self._all))

    def leave(self, client: Client) -> None:
        self._all.discard(client)
        self._waiting.pop(client, None)
        self._tell(len(self._all))

    def wait_for(self, client: Client) -> None:
        """From now on; until its deadline."""
        self._waiting[client] = None
        self._waiting.move_to_end(client)

    def work_for(self, client: Client) -> None:
        self._waiting.pop(client, None)

    def waiting(self) -> Iterator[Client]:
        return iter(list(self._waiting))

    def give_up_overdue(self, now: float) -> None:
        for client in [each for each in self._waiting if each.deadline <= now]:
            self._give_up(client, is_late=True)

    @property
    def is_full(self) -> bool:
        return len(self._all) >= MOST_CONNECTIONS

    def evict(self) -> None:
        held = Counter(each.address for each in self._waiting)
        if held:
            ((address, _),) = held.most_common(1)
            self._give_up(next(each for each in self._waiting if each.address == address))

    def make_room(self) -> None:
        """For a call, where those under way wait for clients that take no answers."""
        stalled = next((each for each in self._waiting if each.unsent), None)
        if stalled is not None:
            self._give_up(stalled)

    def bound_unsent(self) -> None:
        """Answers that nobody takes go where they are too much to keep."""
        unsent = {each: each.unsent for each in self._waiting if each.unsent}
        held = Counter[str | None]()
        for each, octets in unsent.items():
            held[each.address] += octets
        while held.total() > MOST_UNSENT:
            ((address, _),) = held.most_common(1)
            given_up = next(each for each in unsent if each.address == address)
            held[address] -= unsent.pop(given_up)
            self._give_up(given_up)

    def _give_up(self, client: Client, *, is_late: bool = False) -> None:
        self._waiting.pop(client, None)
        client.give_up(is_late=is_late)


class Shares:
    """How many connections each process has, in memory that they share. All of them wait at one
    listening socket, and the first to wake would take every caller that stands there: whoever has
    more lets the others go first."""

    _NOBODY = -1

    def __init__(self, processes: int) -> None:
        self._places = memoryview(mmap.mmap(-1, processes * 4)).cast("i")
        for place in range(processes):
            self._places[place] = self._NOBODY

    def __len__(self) -> int:
        return len(self._places)

    def tell(self, place: int, connections: int) -> None:
        """`place`: of this process, from 0."""
        self._places[place] = connections

    def leave(self, place: int) -> None:
        self._places[place] = self._NOBODY

    def lead(self, place: int) -> int:
        """How many more than whoever has fewest."""
        fewest = min(each for each in self._places if each != self._NOBODY)
        return self._places[place] - fewest

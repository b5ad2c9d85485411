"""How the workers of a server share its connections, and what one that is idle costs."""

import resource
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlsplit

from bench import systems
from bench.systems import System
from bench.table import Goal, Row, row

_SHARED = 16
_TRIES = 5
_SHARE_GOAL = Goal(10, at_least=False)
_IDLE = 1000
_IDLE_GOAL = Goal(_IDLE, at_least=True)
_MEMORY_GOAL = Goal(120, at_least=False)
_PER_ADDRESS = 100
_SECONDS = 10.0
_ESTABLISHED = "01"


def rows(two: System, one: System) -> Iterator[Row]:
    """`two` and `one`: by their workers."""
    largest = max(_largest_share(two) for _ in range(_TRIES))
    yield row(
        f"of {_SHARED} connections the larger share, worst of {_TRIES}",
        largest,
        "",
        goal=_SHARE_GOAL,
    )
    (worker,) = _workers(one)
    with _many_descriptors(), ExitStack() as stack:
        # From many addresses: one caller may not have so many.
        for number in range(_IDLE):
            try:
                stack.enter_context(_answered(one, f"127.0.1.{1 + number // _PER_ADDRESS}"))
            except (OSError, HTTPException):
                break
        held = _held(worker, _port(one))
        yield row("idle connections that a worker holds", held, "", goal=_IDLE_GOAL)
        yield row("its peak memory", systems.peak_mib(worker), "MiB", goal=_MEMORY_GOAL)


@contextmanager
def _many_descriptors() -> Iterator[None]:
    """For this process; servers that it started before have what is usual."""
    soft, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, most))


def _largest_share(system: System) -> int:
    """Of connections that are opened one after another, each once the one before has its answer."""
    with ExitStack() as stack:
        for _ in range(_SHARED):
            stack.enter_context(_answered(system, "127.0.0.1"))
        return max(_held(worker, _port(system)) for worker in _workers(system))


def _answered(system: System, source: str) -> "closing[HTTPConnection]":
    """A connection that is kept after its first answer."""
    connection = HTTPConnection(
        "127.0.0.1", _port(system), timeout=_SECONDS, source_address=(source, 0)
    )
    try:
        connection.request("GET", "/v1/health/live")
        connection.getresponse().read()
    except BaseException:
        connection.close()
        raise
    return closing(connection)


def _workers(system: System) -> list[int]:
    _, *workers = systems.processes(system.server)
    return workers


def _port(system: System) -> int:
    port = urlsplit(system.url).port
    if port is None:
        raise RuntimeError(f"{system.url} has no port")
    return port


def _held(process: int, port: int) -> int:
    """Connections to the port that the process has accepted, as proc(5) shows them."""
    accepted = set()
    for line in Path(f"/proc/{process}/net/tcp").read_text().splitlines()[1:]:
        _, local, _, state, _, _, _, _, _, inode, *_ = line.split()
        if state == _ESTABLISHED and int(local.rpartition(":")[2], 16) == port:
            accepted.add(f"socket:[{inode}]")
    count = 0
    for descriptor in Path(f"/proc/{process}/fd").iterdir():
        try:
            count += str(descriptor.readlink()) in accepted
        except FileNotFoundError:  # closed meanwhile
            continue
    return count

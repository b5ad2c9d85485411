"""Clients that behave badly, and what a server must not let them do to others."""

import select
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection
from itertools import count

from tests.server import ControlPlane

PATIENCE = 20.0  # seconds that others wait for an answer
SMALL_WINDOW = 2048  # octets that the kernel takes for somebody who reads nothing
_PATIENCE_TIMEVAL = struct.pack("ll", int(PATIENCE), 0)
_LOOK_SECONDS = 0.05
_GONE = select.POLLRDHUP | select.POLLHUP | select.POLLERR


@dataclass(frozen=True)
class Target:
    """Where a server listens."""

    plane: ControlPlane
    trust: ssl.SSLContext | None = None  # TLS is spoken there

    def dial(self, source: str | None = None, *, window: int | None = None) -> socket.socket:
        """Connected, and nothing said. `source`: an address of 127.0.0.0/8 to come from."""
        path = self.plane.url.removeprefix("unix:")
        is_unix = path != self.plane.url
        connection = socket.socket(socket.AF_UNIX if is_unix else socket.AF_INET)
        connection.settimeout(PATIENCE)
        try:
            if window is not None:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
            if is_unix:
                connection.settimeout(None)  # else a full queue would be refused, not waited for
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _PATIENCE_TIMEVAL)
                connection.connect(path)
                connection.settimeout(PATIENCE)
            else:
                if source is not None:
                    connection.bind((source, 0))
                connection.connect(("127.0.0.1", self.plane.port))
        except BaseException:
            connection.close()
            raise
        return connection

    def connect(self, source: str | None = None, *, window: int | None = None) -> socket.socket:
        """As `dial`, and past the handshake where TLS is spoken."""
        connection = self.dial(source, window=window)
        if self.trust is None:
            return connection
        try:
            return self.trust.wrap_socket(connection, server_hostname="127.0.0.1")
        except BaseException:
            connection.close()
            raise

    @contextmanager
    def http(self, source: str | None = None) -> Iterator[HTTPConnection]:
        connection = HTTPConnection("localhost")
        connection.sock = self.connect(source)
        try:
            yield connection
        finally:
            connection.close()


def head(
    method: str, path: str, *, key: str | None = None, length: int | None = None, spaces: int = 1
) -> bytes:
    """Of a request. `length`: of a JSON body; `spaces`: between `Bearer` and the key."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost"]
    if key is not None:
        lines.append(f"Authorization: Bearer{' ' * spaces}{key}")
    if length is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {length}"]
    return "\r\n".join([*lines, "", ""]).encode()


Open = Callable[[int], socket.socket]
"""A connection of an attacker in the state that is the attack; the number tells them apart."""


class Attack:
    """So many connections, renewed when they are dropped, until the end; `drip` is sent over each
    again and again."""

    def __init__(self, open_one: Open, number: int, *, drip: bytes = b"") -> None:
        self._open_one = open_one
        self._number = number
        self._drip = drip
        self._numbers = count()
        self._held: list[socket.socket] = []
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._go_on)
        self.dropped = 0  # by the server, and renewed

    def __enter__(self) -> "Attack":
        self._renew()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()
        for each in self._held:
            each.close()

    def held(self) -> int:
        """How many connections the server has not dropped."""
        with self._lock:
            return len(self._held) - len(gone(self._held))

    def must_be_on(self) -> None:
        assert self._thread.is_alive()
        assert self.dropped or self.held() > self._number / 2

    def await_drop(self) -> None:
        """Until the server has dropped one."""
        for _ in range(int(3 * PATIENCE / _LOOK_SECONDS)):
            if self.dropped:
                return
            self._stopping.wait(_LOOK_SECONDS)
        raise AssertionError("nobody is dropped")

    def _go_on(self) -> None:
        while not self._stopping.wait(_LOOK_SECONDS):
            with self._lock:
                for each in gone(self._held):
                    self._held.remove(each)
                    self.dropped += 1
                    each.close()
            self._renew()
            if self._drip:
                for each in self._held:
                    with suppress(OSError):
                        each.send(self._drip)

    def _renew(self) -> None:
        while len(self._held) < self._number and not self._stopping.is_set():
            try:
                opened = self._open_one(next(self._numbers))
            except OSError:  # dropped already
                self.dropped += 1
                return
            with self._lock:
                self._held.append(opened)


def gone(connections: list[socket.socket]) -> list[socket.socket]:
    """Those that the other side has closed, whatever can still be read from them."""
    poll = select.poll()
    known = {each.fileno(): each for each in connections}
    for descriptor in known:
        poll.register(descriptor, select.POLLRDHUP)
    return [known[descriptor] for descriptor, event in poll.poll(0) if event & _GONE]

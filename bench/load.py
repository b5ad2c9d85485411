"""A load generator that costs little CPU: keep-alive connections, raw sockets, one epoll.

It runs in a process of its own: `python -m bench.load`, with the load as JSON on stdin. Every
connection sends its next request as soon as it has its answer.
"""

import errno
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from bench.rate import Rate

_ROOT = Path(__file__).resolve().parents[1]
_KEY = b"Idempotency-Key: "
_OK = b"HTTP/1.1 200 "
_ROOM = 64 * 1024
_WARM_SECONDS = 0.3
_LOOK_SECONDS = 0.1


class Load(msgspec.Struct, frozen=True):
    """`body` None: a GET. With `keys` every request has an idempotency key of its own.

    Any answer but 200, or a connection that is closed, is an error, except to who is `greedy`: it
    asks again at once, on a new connection if need be.
    """

    url: str
    path: str
    connections: int
    seconds: float
    api_key: str = ""
    body: bytes | None = None
    keys: bool = False
    greedy: bool = False


class Loaded(Rate, frozen=True):
    """Of answers with status 200, after warming up."""

    refused: int  # of all: other answers, and connections that the server closed
    cpu_us: float  # that the load generator used itself, for each request


class Running:
    """A load that is under way."""

    def __init__(self, child: "subprocess.Popen[bytes]") -> None:
        self._child = child

    def await_open(self) -> None:
        """Until all its connections are open."""
        assert self._child.stdout is not None  # noqa: S101  # it was asked for
        self._child.stdout.readline()

    def stop(self) -> None:
        """Before its time is over."""
        self._child.send_signal(signal.SIGTERM)

    def result(self) -> Loaded:
        """Waits for its end; CalledProcessError if it failed."""
        said, _ = self._child.communicate()
        if self._child.returncode != 0:
            raise subprocess.CalledProcessError(self._child.returncode, self._child.args)
        return msgspec.json.decode(said, type=Loaded)


@contextmanager
def running(load: Load) -> Iterator[Running]:
    with subprocess.Popen(
        [sys.executable, "-m", "bench.load"],
        cwd=_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as child:
        try:
            assert child.stdin is not None  # noqa: S101  # it was asked for
            child.stdin.write(msgspec.json.encode(load))
            child.stdin.close()
            child.stdin = None  # it is not there to be written to any more
            yield Running(child)
        finally:
            child.kill()


def measure(load: Load) -> Loaded:
    with running(load) as one:
        return one.result()


class _Request:
    """All of it is ready, but for the idempotency key."""

    def __init__(self, load: Load) -> None:
        method = "GET" if load.body is None else "POST"
        head = f"{method} {load.path} HTTP/1.1\r\nHost: {urlsplit(load.url).netloc}\r\n"
        if load.api_key:
            head += f"Authorization: Bearer {load.api_key}\r\n"
        if load.body is not None:
            head += f"Content-Type: application/json\r\nContent-Length: {len(load.body)}\r\n"
        self._before = head.encode()
        self._after = b"\r\n" + (load.body or b"")
        self._keys = load.keys
        chance = int.from_bytes(os.urandom(10), "big")
        self._middle = b"-7%03x-%04x-" % (chance & 0xFFF, 0x8000 | chance >> 12 & 0x3FFF)
        self._last = chance >> 32 & 0xFFFFFFFF

    def next(self) -> bytes:
        if not self._keys:
            return self._before + self._after
        return b"%s%s%s\r\n%s" % (self._before, _KEY, self._new_key(), self._after)

    def _new_key(self) -> bytes:
        """UUID version 7: ordered by time, as the module's."""
        stamp = time.time_ns() // 1_000_000
        self._last += 1
        return b"%08x-%04x%s%012x" % (stamp >> 16, stamp & 0xFFFF, self._middle, self._last)


class _Connection:
    def __init__(self, address: tuple[str, int]) -> None:
        """Opened once it can be written to."""
        self._socket = socket.socket()
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        _check(self._socket.connect_ex(address))
        self._answer = b""
        self.descriptor = self._socket.fileno()
        self.is_open = False
        self.sent = 0

    def open(self) -> None:
        _check(self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
        self.is_open = True

    def send(self, request: bytes, now: int) -> None:
        self.sent = now
        self._socket.sendall(request)

    def receive(self) -> bytes | None:
        """The answer once it is complete."""
        data = self._socket.recv(_ROOM)
        if not data:
            raise ConnectionError("the server closed a connection")
        answer = self._answer = self._answer + data if self._answer else data
        head = answer.find(b"\r\n\r\n")
        if head < 0:
            return None
        at = answer.lower().find(b"content-length: ", 0, head) + 16
        if len(answer) < head + 4 + int(answer[at : answer.find(b"\r", at)]):
            return None
        self._answer = b""
        return answer

    def close(self) -> None:
        self._socket.close()  # which takes it out of the poller, too


def _check(code: int) -> None:
    if code not in (0, errno.EINPROGRESS):
        raise OSError(code, os.strerror(code))


class _Generator:
    def __init__(self, load: Load) -> None:
        url = urlsplit(load.url)
        self._address = (url.hostname or "", url.port or 80)
        self._load = load
        self._request = _Request(load)
        self._poller = select.epoll()
        self._connections: dict[int, _Connection] = {}
        self._answers = 0
        self._refused = 0
        self._stopped = False

    def stop(self) -> None:
        self._stopped = True

    def open(self) -> None:
        """All connections; nothing is sent yet."""
        for _ in range(self._load.connections):
            self._connect()
        while not all(connection.is_open for connection in self._connections.values()):
            for descriptor, _ in self._poller.poll():
                self._open(self._connections[descriptor])

    def run(self) -> Loaded:
        taken: list[int] = []
        cpu = time.process_time_ns()
        now = time.perf_counter_ns()
        start = now + int(_WARM_SECONDS * 1e9)
        end = start + int(self._load.seconds * 1e9)
        for connection in self._connections.values():
            connection.send(self._request.next(), now)
        while now < end and not self._stopped:
            for descriptor, _ in self._poller.poll(_LOOK_SECONDS):
                now = time.perf_counter_ns()
                sent = self._turn(self._connections[descriptor], now)
                if sent is not None and now >= start:
                    taken.append(now - sent)
            now = time.perf_counter_ns()
        asked = max(self._answers + self._refused, 1)
        return Loaded(
            **msgspec.structs.asdict(self._rate(taken, now - start)),
            refused=self._refused,
            cpu_us=(time.process_time_ns() - cpu) / asked / 1e3,
        )

    def _rate(self, taken: list[int], nanoseconds: int) -> Rate:
        if len(taken) > 1:
            return Rate.of(self._answers, len(taken) * 1e9 / nanoseconds, taken)
        if self._load.greedy:
            return Rate(self._answers, 0.0, 0.0, 0.0)
        raise TimeoutError(f"{len(taken)} answers in {self._load.seconds} s")

    def _connect(self) -> None:
        connection = _Connection(self._address)
        self._connections[connection.descriptor] = connection
        self._poller.register(connection.descriptor, select.EPOLLOUT)

    def _open(self, connection: _Connection) -> None:
        connection.open()
        self._poller.modify(connection.descriptor, select.EPOLLIN)

    def _turn(self, connection: _Connection, now: int) -> int | None:
        """When what is answered with 200 was asked; what is next is asked at once."""
        try:
            if not connection.is_open:
                self._open(connection)
                connection.send(self._request.next(), now)
                return None
            answer = connection.receive()
            if answer is None:
                return None
            sent = connection.sent
            connection.send(self._request.next(), now)
        except OSError:
            if not self._load.greedy:
                raise
            self._refused += 1
            del self._connections[connection.descriptor]
            connection.close()
            self._connect()
            return None
        if answer.startswith(_OK):
            self._answers += 1
            return sent
        if not self._load.greedy:
            raise ValueError(answer.decode(errors="replace"))
        self._refused += 1
        return None


def main() -> None:
    generator = _Generator(msgspec.json.decode(sys.stdin.buffer.read(), type=Load))
    signal.signal(signal.SIGTERM, lambda *_: generator.stop())
    generator.open()
    sys.stdout.buffer.write(b"\n")
    sys.stdout.buffer.flush()
    sys.stdout.buffer.write(msgspec.json.encode(generator.run()))


if __name__ == "__main__":
    main()

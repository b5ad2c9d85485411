"""A load generator that costs little CPU: keep-alive connections, raw sockets, one epoll.

`measure` runs it in a process of its own: `python -m bench.load`, with the load as JSON on stdin.
Every connection sends its next request as soon as it has its answer.
"""

import os
import select
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

import msgspec

from bench.rate import Rate

_ROOT = Path(__file__).resolve().parents[1]
_KEY = b"Idempotency-Key: "
_OK = b"HTTP/1.1 200 "
_ROOM = 64 * 1024
_WARM_SECONDS = 0.3


class Load(msgspec.Struct, frozen=True):
    """`body` None: a GET. With `keys` every request has an idempotency key of its own."""

    url: str
    path: str
    connections: int
    seconds: float
    api_key: str = ""
    body: bytes | None = None
    keys: bool = False


def measure(load: Load) -> Rate:
    """Of answers with status 200, after warming up; CalledProcessError at any other."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.load"],
        input=msgspec.json.encode(load),
        cwd=_ROOT,
        stdout=subprocess.PIPE,
        check=True,
    )
    return msgspec.json.decode(done.stdout, type=Rate)


class _Client:
    def __init__(self, address: tuple[str, int], before: bytes, after: bytes | None) -> None:
        self._socket = socket.create_connection(address)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._before = before
        self._after = after
        self._answer = b""
        self.descriptor = self._socket.fileno()
        self.sent = 0

    def send(self) -> None:
        after = self._after
        request = self._before if after is None else self._before + _new_key() + after
        self.sent = time.perf_counter_ns()
        self._socket.sendall(request)

    def receive(self) -> bool:
        """True when the answer is complete."""
        data = self._socket.recv(_ROOM)
        if not data:
            raise ConnectionError("the server closed a connection")
        self._answer += data
        head = self._answer.find(b"\r\n\r\n")
        if head < 0:
            return False
        if not self._answer.startswith(_OK):
            raise ValueError(self._answer.decode(errors="replace"))
        at = self._answer.lower().find(b"content-length: ") + 16
        length = int(self._answer[at : self._answer.find(b"\r", at)])
        if len(self._answer) < head + 4 + length:
            return False
        self._answer = b""
        return True


def _new_key() -> bytes:
    """Ordered by time, as the module's."""
    stamp = time.time_ns() // 1_000_000 << 80 | 0x7 << 76 | 0b10 << 62
    return str(UUID(int=stamp | int.from_bytes(os.urandom(7), "big"))).encode()


def _request(load: Load) -> tuple[bytes, bytes | None]:
    """What stands before the idempotency key, and after it; None: there is none."""
    method = "GET" if load.body is None else "POST"
    head = f"{method} {load.path} HTTP/1.1\r\nHost: {urlsplit(load.url).netloc}\r\n"
    if load.api_key:
        head += f"Authorization: Bearer {load.api_key}\r\n"
    if load.body is not None:
        head += f"Content-Type: application/json\r\nContent-Length: {len(load.body)}\r\n"
    end = b"\r\n" + (load.body or b"")
    if load.keys:
        return head.encode() + _KEY, b"\r\n" + end
    return head.encode() + end, None


def run(load: Load) -> Rate:
    url = urlsplit(load.url)
    address = (url.hostname or "", url.port or 80)
    before, after = _request(load)
    clients = [_Client(address, before, after) for _ in range(load.connections)]
    waiting = {client.descriptor: client for client in clients}
    poller = select.epoll()
    for client in clients:
        poller.register(client.descriptor, select.EPOLLIN)
        client.send()
    start = time.perf_counter_ns() + int(_WARM_SECONDS * 1e9)
    end = start + int(load.seconds * 1e9)
    taken: list[int] = []
    now = 0
    answers = 0
    while now < end:
        for descriptor, _ in poller.poll():
            client = waiting[descriptor]
            if client.receive():
                now = time.perf_counter_ns()
                answers += 1
                if now >= start:
                    taken.append(now - client.sent)
                client.send()
    return Rate.of(answers, len(taken) * 1e9 / (now - start), taken)


if __name__ == "__main__":
    result = run(msgspec.json.decode(sys.stdin.buffer.read(), type=Load))
    sys.stdout.buffer.write(msgspec.json.encode(result))

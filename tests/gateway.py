"""A stand-in for the network between a module and its control plane: it counts, and it meddles."""

import http.client
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from tests.server import ControlPlane

Answer = Callable[["Request", bytes], bytes | None]
"""From what was asked and the control plane's whole answer to what is sent instead, as it goes
over the wire; None: nothing, and the connection stays open."""


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: dict[str, str]  # names in lower case
    body: bytes
    connection: int  # counted from 1


@dataclass
class Gateway:
    upstream: int  # port
    listener: socket.socket
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    answer: Answer = lambda _, answer: answer
    stopped: threading.Event = field(default_factory=threading.Event)
    _open: list[socket.socket] = field(default_factory=list)
    _threads: list[threading.Thread] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    @property
    def signings(self) -> list[Request]:
        return [each for each in self.requests if each.path.endswith("/sign")]

    def drop_connections(self) -> None:
        """Closes those that are open, as a router that forgot them does."""
        for connection in list(self._open):  # not those that are opened meanwhile
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            self._start(self._serve, connection, self.connections)

    def _start(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments)
        self._threads.append(thread)
        thread.start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        upstream = http.client.HTTPConnection("127.0.0.1", self.upstream, timeout=60)
        with connection, connection.makefile("rb") as stream, suppress(OSError):
            while (request := read_request(stream.readline, stream.read, number)) is not None:
                self.requests.append(request)
                sent = self.answer(request, forward(upstream, request))
                if sent is None:
                    self.stopped.wait()
                    break
                connection.sendall(sent)
                if b"connection: close" in sent.partition(b"\r\n\r\n")[0].lower():
                    break
        upstream.close()

    def _stop(self) -> None:
        self.stopped.set()
        with suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.drop_connections()
        for thread in self._threads:
            thread.join()


def read_request(
    line: Callable[[], bytes], read: Callable[[int], bytes], connection: int
) -> Request | None:
    start = line().decode("ascii", "replace").split()
    if len(start) != 3:
        return None
    headers: dict[str, str] = {}
    while (header := line().decode("latin-1").strip()) != "":
        name, _, value = header.partition(":")
        headers[name.lower()] = value.strip()
    body = read(int(headers.get("content-length", "0")))
    return Request(start[0], start[1], headers, body, connection)


def forward(upstream: http.client.HTTPConnection, request: Request) -> bytes:
    """The control plane's answer as one message of known length; 502 if there is none."""
    headers = {
        name: value
        for name, value in request.headers.items()
        if name not in ("host", "connection", "content-length")
    }
    try:
        upstream.request(request.method, request.path, request.body or None, headers)
        answer = upstream.getresponse()
        kept = [
            (name, value)
            for name, value in answer.getheaders()
            if name.lower() not in ("connection", "transfer-encoding", "content-length")
        ]
        return message(answer.status, answer.read(), *kept)
    except (OSError, http.client.HTTPException):
        upstream.close()
        return message(502, b"")


def message(status: int, body: bytes, *headers: tuple[str, str]) -> bytes:
    """An HTTP/1.1 answer that keeps the connection."""
    given = "".join(f"{name}: {value}\r\n" for name, value in headers)
    head = f"HTTP/1.1 {status} Whatever\r\n{given}Content-Length: {len(body)}\r\n\r\n"
    return head.encode("latin-1") + body


def json_message(status: int, body: bytes) -> bytes:
    return message(status, body, ("Content-Type", "application/json"))


@contextmanager
def gateway_to(plane: ControlPlane, answer: Answer | None = None) -> Iterator[Gateway]:
    """On a free loopback port, until the block ends."""
    gateway = Gateway(plane.port, socket.create_server(("127.0.0.1", 0)))
    if answer is not None:
        gateway.answer = answer
    gateway._start(gateway._accept)
    try:
        yield gateway
    finally:
        gateway._stop()

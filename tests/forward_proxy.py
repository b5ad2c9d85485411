"""A stand-in for a company's HTTP proxy: it opens tunnels to one server, whatever was asked for."""

import base64
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from tests.gateway import read_request

_CHUNK = 1 << 16


@dataclass
class ForwardProxy:
    upstream: int  # port
    listener: socket.socket
    credentials: str | None
    """NAME:PASSWORD; None: everybody may."""
    refusal: bytes | None = None
    """What it says to everybody in the place of a tunnel."""
    asked: list[str] = field(default_factory=list)
    """HOST:PORT of each tunnel that was opened, in order."""
    _open: list[socket.socket] = field(default_factory=list)
    _threads: list[threading.Thread] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.listener.getsockname()[1]}"

    def _start(self, thread: threading.Thread) -> None:
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self._open.append(connection)
            self._start(threading.Thread(target=self._serve, args=(connection,)))

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            request = read_request(lambda: _line(connection), lambda _: b"", 1)
            if request is None or request.method != "CONNECT":
                return
            if self.refusal is not None:
                connection.sendall(self.refusal)
                return
            if not self._lets_in(request.headers.get("proxy-authorization")):
                connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
                return
            self.asked.append(request.path)
            with socket.create_connection(("127.0.0.1", self.upstream)) as server:
                self._open.append(server)
                connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                back = threading.Thread(target=_pump, args=(server, connection))
                self._start(back)
                _pump(connection, server)
                back.join()

    def _lets_in(self, given: str | None) -> bool:
        if self.credentials is None:
            return True
        return given == "Basic " + base64.b64encode(self.credentials.encode()).decode()

    def _stop(self) -> None:
        for each in (self.listener, *self._open):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for thread in self._threads:
            thread.join()


def _line(connection: socket.socket) -> bytes:
    """Octet by octet: what follows the head is the tunnel's."""
    line = b""
    while not line.endswith(b"\n") and (octet := connection.recv(1)):
        line += octet
    return line


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while octets := source.recv(_CHUNK):
            sink.sendall(octets)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


@contextmanager
def forward_proxy_to(upstream: int, credentials: str | None = None) -> Iterator[ForwardProxy]:
    proxy = ForwardProxy(upstream, socket.create_server(("127.0.0.1", 0)), credentials)
    proxy._start(threading.Thread(target=proxy._accept))
    try:
        yield proxy
    finally:
        proxy._stop()

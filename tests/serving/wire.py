"""HTTP/1.1 by the octet: what a client says, and how the server's answers are framed."""

import json
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PATIENCE = 20  # seconds until what must come counts as missed
LIVE = b"GET /v1/health/live HTTP/1.1\r\nHost: x\r\n\r\n"
NOTHING_QUEUED = "00000000:00000000"  # to be sent, and received: proc(5)


@dataclass(frozen=True)
class Answer:
    status: int
    version: str
    fields: tuple[tuple[str, str], ...]  # names in lower case
    body: bytes

    def field(self, name: str) -> str | None:
        """None: it is not there. It may be there once."""
        found = [value for each, value in self.fields if each == name]
        assert len(found) < 2, f"{name} came {len(found)} times"
        return found[0] if found else None

    @property
    def code(self) -> str | None:
        """Of a problem document; None for any other answer."""
        if self.field("content-type") != "application/problem+json" or not self.body:
            return None
        problem = json.loads(self.body)
        assert problem["status"] == self.status
        assert problem["request_id"] == self.field("x-request-id")
        return str(problem["code"])


class Conversation:
    """Over one connection."""

    def __init__(self, connection: socket.socket) -> None:
        connection.settimeout(PATIENCE)
        self.socket = connection
        self._heard = b""

    def __enter__(self) -> "Conversation":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def say(self, octets: bytes) -> "Conversation":
        """As much of it as the other side takes."""
        with suppress(BrokenPipeError, ConnectionResetError):
            self.socket.sendall(octets)
        return self

    def say_no_more(self) -> "Conversation":
        self.socket.shutdown(socket.SHUT_WR)
        return self

    def hear(self, *, without_body: bool = False) -> Answer:
        """The next answer. `without_body`: to HEAD."""
        while b"\r\n\r\n" not in self._heard:
            self._hear_more()
        head, _, self._heard = self._heard.partition(b"\r\n\r\n")
        status_line, *lines = head.decode("ascii").split("\r\n")
        version, status, _ = status_line.split(" ", 2)
        named = [line.partition(": ") for line in lines]
        fields = tuple((name.lower(), value) for name, _, value in named)
        bare = Answer(int(status), version, fields, b"")
        if without_body or bare.status in (100, 204, 304):
            return bare
        return Answer(bare.status, version, fields, self._hear_body(bare))

    def ends(self) -> bool:
        """Nothing comes any more but the end, as it should: not cut off."""
        assert self._heard == b"", f"more came: {self._heard!r}"
        return self.socket.recv(1) == b""

    def goes_on(self) -> bool:
        """The next request is answered, and nothing came before its answer."""
        return self.say(LIVE).hear().body == b'{"status":"live"}'

    def is_silent(self) -> bool:
        """Nothing has come so far."""
        self.socket.setblocking(False)
        try:
            self.socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        finally:
            self.socket.settimeout(PATIENCE)
        return False

    def is_heard(self) -> bool:
        """What was said has left the kernel: the server has it. Over TCP, IPv4."""
        here = _as_in_proc_net_tcp(self.socket.getsockname())
        there = _as_in_proc_net_tcp(self.socket.getpeername())
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            _, local, remote, _, queues, *_ = line.split()
            if (local, remote) in ((here, there), (there, here)) and queues != NOTHING_QUEUED:
                return False
        return True

    def _hear_body(self, bare: Answer) -> bytes:
        length = bare.field("content-length")
        if length is not None:
            return self._take(int(length))
        if bare.field("transfer-encoding") is None:
            assert bare.field("connection") == "close", "nothing says where the body ends"
            return self._hear_to_the_end()
        body = b""
        while size := int(self._take_line(), 16):
            body += self._take(size)
            assert self._take_line() == b""
        assert self._take_line() == b""
        return body

    def _take(self, size: int) -> bytes:
        while len(self._heard) < size:
            self._hear_more()
        taken, self._heard = self._heard[:size], self._heard[size:]
        return taken

    def _take_line(self) -> bytes:
        while b"\r\n" not in self._heard:
            self._hear_more()
        line, _, self._heard = self._heard.partition(b"\r\n")
        return line

    def _hear_to_the_end(self) -> bytes:
        while piece := self.socket.recv(65536):
            self._heard += piece
        taken, self._heard = self._heard, b""
        return taken

    def _hear_more(self) -> None:
        piece = self.socket.recv(65536)
        assert piece, f"the connection ended after {self._heard!r}"
        self._heard += piece


def _as_in_proc_net_tcp(address: tuple[str, int]) -> str:
    host, port = address
    return f"{int.from_bytes(socket.inet_aton(host), sys.byteorder):08X}:{port:04X}"


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)

"""A loopback server that answers in turn with octets given beforehand, and hangs up each time."""

import json
import socket
import threading
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

HEAD_END = b"\r\n\r\n"


@dataclass(frozen=True)
class Received:
    """A request as it came: `json` is None where there was no body."""

    method: str
    path: str
    json: Any


class ScriptedServer:
    """`heads` are the request heads that came, in order, `received` the same as values. The last
    answer serves for all requests after it too."""

    def __init__(self, *answers: bytes) -> None:
        self._answers = list(answers)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve)
        self.heads: list[bytes] = []
        self.received: list[Received] = []
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                octets = b""
                while not _is_whole(octets) and (more := connection.recv(65536)):
                    octets += more
                self._note(octets)
                connection.sendall(
                    self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
                )

    def _note(self, octets: bytes) -> None:
        head, end, body = octets.partition(HEAD_END)
        self.heads.append(head + end)
        if end:
            method, path, _ = head.split(b"\r\n")[0].decode().split(" ")
            self.received.append(Received(method, path, json.loads(body) if body else None))


def _is_whole(octets: bytes) -> bool:
    head, end, body = octets.partition(HEAD_END)
    lengths = [
        int(line.split(b":")[1])
        for line in head.split(b"\r\n")[1:]
        if line.lower().startswith(b"content-length:")
    ]
    return bool(end) and len(body) >= sum(lengths)


def answer(status: str, body: bytes, kind: str = "application/json", *more: str) -> bytes:
    """A whole HTTP answer with its length."""
    head = [
        f"HTTP/1.1 {status}",
        f"Content-Type: {kind}",
        f"Content-Length: {len(body)}",
        "Connection: close",
        *more,
    ]
    return "\r\n".join(head).encode() + HEAD_END + body


def ok(value: object, status: str = "200 OK") -> bytes:
    """`value` as the JSON of an answer."""
    return answer(status, json.dumps(value, ensure_ascii=False).encode())


def refusal(code: str, title: str = "No.", status: str = "409 Conflict", **more: str) -> bytes:
    """A problem document."""
    problem = {"type": "about:blank", "code": code, "title": title} | more
    body = json.dumps(problem, ensure_ascii=False).encode()
    return answer(status, body, "application/problem+json")

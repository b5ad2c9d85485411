"""A loopback server that answers every request with the same octets and hangs up."""

import socket
import threading
from types import TracebackType
from typing import Self

HEAD_END = b"\r\n\r\n"


class ScriptedServer:
    """`heads` are the request heads that came, in order."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve)
        self.heads: list[bytes] = []
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
                head = b""
                while HEAD_END not in head and (more := connection.recv(65536)):
                    head += more
                self.heads.append(head)
                connection.sendall(self._answer)


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

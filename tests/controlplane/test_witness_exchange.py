"""One exchange with a witness ends, whatever it does."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from controlplane.witnesses import exchange


@contextmanager
def answering(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """Its URL."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            connection, _ = server.accept()
            with connection, suppress(OSError):
                connection.recv(65536)
                answer(connection)

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        thread.join()


def trickle(connection: socket.socket) -> None:
    """A header without end, until the other side hangs up."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-More: ")
    while True:
        connection.sendall(b"x")


def say_nothing(connection: socket.socket) -> None:
    while connection.recv(65536):
        pass


def hang_up(connection: socket.socket) -> None:
    """Before an answer."""


def say_no_http(connection: socket.socket) -> None:
    connection.sendall(b"220 mail.example ESMTP\r\n")


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (trickle, "does not speak HTTP, or broke off"),
        (say_nothing, "in time"),
        (hang_up, "does not speak HTTP, or broke off"),
        (say_no_http, "does not speak HTTP, or broke off"),
    ],
)
def test_whatever_it_does_is_an_error_in_words(
    monkeypatch: pytest.MonkeyPatch, answer: Callable[[socket.socket], None], told: str
) -> None:
    monkeypatch.setattr(exchange, "_WAIT_SECONDS", 0.2)
    monkeypatch.setattr(exchange, "_WHOLE_SECONDS", 0.5)
    with answering(answer) as url, pytest.raises(OSError, match=told):
        exchange.post(url, b"old 0\n\n")


def test_a_part_that_comes_in_time_does_not_make_the_whole_longer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each octet of the body comes in time."""
    monkeypatch.setattr(exchange, "_WHOLE_SECONDS", 0.3)
    over = threading.Event()

    def answer(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n")
        while not over.wait(0.05):
            connection.sendall(b"x")

    with answering(answer) as url:
        with pytest.raises(OSError, match="broke off"):
            exchange.post(url, b"")
        over.set()


def test_tls_is_of_who_the_system_trusts() -> None:
    def answer(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")

    with answering(answer) as url, pytest.raises(OSError, match="SSL"):
        exchange.post(url.replace("http:", "https:"), b"")

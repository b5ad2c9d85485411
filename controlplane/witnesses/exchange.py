"""One HTTP exchange with a witness: in bounded time and memory, and nowhere else than to it."""

import ssl
from contextlib import suppress
from dataclasses import dataclass
from socket import SHUT_RDWR, socket
from threading import Timer
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from http.client import HTTPConnection

_WAIT_SECONDS = 5.0  # for a connection, and for each part of an answer
_WHOLE_SECONDS = 15.0
_MOST_OCTETS = 64 * 1024  # of an answer


@dataclass(frozen=True, slots=True)
class Answered:
    status: int
    body: bytes


def post(url: str, body: bytes) -> Answered:
    """Over TLS as the system trusts others. Redirects are answers like others, proxies of the
    environment are not asked. OSError, in words."""
    # Not at the top: it takes some megabytes of each process, and one has witnesses to ask.
    from http.client import HTTPConnection, HTTPException, HTTPSConnection

    parts = urlsplit(url)
    host = parts.hostname or ""
    connection: HTTPConnection
    if parts.scheme == "https":
        context = ssl.create_default_context()
        connection = HTTPSConnection(host, parts.port, timeout=_WAIT_SECONDS, context=context)
    else:
        connection = HTTPConnection(host, parts.port, timeout=_WAIT_SECONDS)
    try:
        connection.connect()
        return _exchange(connection, parts.path or "/", body)
    except TimeoutError:
        raise OSError("it does not answer in time") from None
    except (HTTPException, ConnectionAbortedError, ConnectionResetError, BrokenPipeError):
        raise OSError("it does not speak HTTP, or broke off") from None
    finally:
        connection.close()


def _exchange(connection: "HTTPConnection", path: str, body: bytes) -> Answered:
    """Each part of a trickle comes in time: so the whole has an end of its own."""
    link: socket = connection.sock
    end = Timer(_WHOLE_SECONDS, _cut, (link,))
    end.daemon = True
    end.start()
    try:
        connection.request("POST", path, body, {"Content-Type": "text/plain; charset=utf-8"})
        answer = connection.getresponse()
        content = answer.read(_MOST_OCTETS + 1)
        if len(content) > _MOST_OCTETS:
            raise OSError("its answer is too large")
        if answer.length:
            raise OSError("it broke off")
        return Answered(answer.status, content)
    finally:
        end.cancel()


def _cut(link: socket) -> None:
    with suppress(OSError):
        link.shutdown(SHUT_RDWR)

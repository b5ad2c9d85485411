"""Handshakes of clients: whether they begin one, and why it fails. Event loops close the connection
on the TLS alert that names the reason, and all that the client hears is that it was reset."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

CLIENT_HELLO = b"\x16"  # RFC 8446 §5.1: the first octet
_LINGER_SECONDS = 2.0  # for the client to read the alert: RFC 9112 §9.6
_DRAINED_AT_ONCE = 4096  # octets


class _Handshake(ssl.SSLObject):
    outgoing: ssl.MemoryBIO

    def do_handshake(self) -> None:
        """A failure carries, as `alert`, what is still to be sent (RFC 8446 §6)."""
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError as fault:
            fault.alert = self.outgoing.read()  # type: ignore[attr-defined]
            raise


class ServerContext(ssl.SSLContext):
    sslobject_class = _Handshake

    def wrap_bio(
        self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, *args: Any, **named: Any
    ) -> ssl.SSLObject:
        made = super().wrap_bio(incoming, outgoing, *args, **named)
        if isinstance(made, _Handshake):
            made.outgoing = outgoing
        return made


async def speaks_tls(sock: socket.socket) -> bool:
    """By its first octet, which stays where it is. The socket does not block."""
    loop = asyncio.get_running_loop()
    readable: asyncio.Future[None] = loop.create_future()
    loop.add_reader(sock.fileno(), partial(_settle, readable))
    try:
        await readable
    finally:
        loop.remove_reader(sock.fileno())
    return sock.recv(1, socket.MSG_PEEK) in (CLIENT_HELLO, b"")


def _settle(readable: "asyncio.Future[None]") -> None:
    if not readable.done():
        readable.set_result(None)


@asynccontextmanager
async def saying_why_not(sock: socket.socket) -> AsyncIterator[None]:
    """Around the handshake of a ServerContext on `sock`, which does not block."""
    with sock.dup() as spare:  # the loop closes its own
        try:
            yield
        except ssl.SSLError as fault:
            with suppress(OSError, TimeoutError):
                spare.send(getattr(fault, "alert", b""))
                spare.shutdown(socket.SHUT_WR)
                async with asyncio.timeout(_LINGER_SECONDS):
                    await _drain(spare)
            raise


async def _drain(sock: socket.socket) -> None:
    """Octets that nobody reads would reset the connection, and the alert with it."""
    loop = asyncio.get_running_loop()
    while await loop.sock_recv(sock, _DRAINED_AT_ONCE):
        pass

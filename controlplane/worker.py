"""gunicorn's threaded worker, made safe against clients that are slow to speak.

A thread is spent on a connection only when a whole request is there: handshake, head and body are
gathered without blocking while the poller waits, under one deadline. So no number of slow clients
keeps a signature waiting, and closing lingers in the poller as well. A request that is there enters
the lane of its API key, or waits in it without a thread (`lanes`).
"""

import errno
import re
import selectors
import socket
import ssl
import time
from collections import deque
from functools import partial
from typing import Any

import structlog
from gunicorn import http
from gunicorn.http.errors import (
    InvalidHeader,
    LimitRequestHeaders,
    LimitRequestLine,
    NoMoreData,
    ParseException,
)
from gunicorn.workers.gthread import _DEFER, TConn, ThreadWorker

from controlplane.api import problems
from controlplane.lanes import Lanes

GATHER_SECONDS = 10.0  # from the first byte (or the connection) to the end of the request
SEND_SECONDS = 30.0  # without progress on an answer, or on a body too long to gather
LINGER_SECONDS = 2.0  # RFC 9112 §9.6
MOST_HEAD = 16 * 1024  # bytes
MOST_GATHERED = 64 * 1024  # bytes of body; longer ones are read, or refused, by the thread

_CONTENT_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,18})[ \t]*\r\n", re.IGNORECASE)
_AUTHORIZATION = re.compile(rb"\r\nauthorization:[ \t]*([^\r\n]*)", re.IGNORECASE)
_RETRY_AFTER = 1  # seconds
_RECEIVE = 64 * 1024
_WAIT = object()  # the request is there, and its lane is full
_log = structlog.get_logger()


class Connection(TConn):  # type: ignore[misc]  # gunicorn has no types
    """One client; `gather` collects its next request."""

    parser: Any  # gunicorn's, once the handshake is over
    lane: bytes = b""  # of the request at hand: who calls
    has_entered: bool = False  # its lane

    def __init__(
        self, cfg: Any, sock: socket.socket, client: Any, server: Any, tls: ssl.SSLContext | None
    ) -> None:
        super().__init__(cfg, sock, client, server)
        self._inbox = bytearray()
        self._ended = False
        if tls is not None:
            self.sock = tls.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        self._handshaken = tls is None
        self.timeout = time.monotonic() + GATHER_SECONDS

    def gather(self) -> bool:
        """True once the next request can be served, or refused, without waiting for the client.

        Raises:
            LimitRequestHeaders: the head is longer than MOST_HEAD.
            OSError: the connection broke, or the handshake failed.
        """
        self.sock.setblocking(False)
        try:
            if not self._handshaken:
                self.sock.do_handshake()
                self._handshaken = True
            if self.parser is None:
                self.parser = http.get_parser(self.cfg, self.sock, self.client)
                self.initialized = True
            self._inbox += self.parser.unreader.take_buffered()
            while not self._is_complete():
                data = self.sock.recv(_RECEIVE)
                if not data:
                    self._ended = True
                self._inbox += data
            self._read_decrypted()
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return False
        who = _AUTHORIZATION.search(self._inbox)
        self.lane = who[1] if who is not None else b""
        self.parser.unreader.unread(bytes(self._inbox))
        self._inbox.clear()
        return True

    def _is_complete(self) -> bool:
        if self._ended:
            return True
        head = self._inbox.find(b"\r\n\r\n")
        if head < 0:
            if len(self._inbox) > MOST_HEAD:
                raise LimitRequestHeaders("the head")
            return False
        length = _CONTENT_LENGTH.search(self._inbox, 0, head + 2)
        if length is None or int(length[1]) > MOST_GATHERED:
            return True
        return len(self._inbox) >= head + 4 + int(length[1])

    def _read_decrypted(self) -> None:
        """What OpenSSL has decrypted already no longer makes the socket readable."""
        while isinstance(self.sock, ssl.SSLSocket) and (waiting := self.sock.pending()):
            self._inbox += self.sock.recv(waiting)


class GatheringWorker(ThreadWorker):  # type: ignore[misc]
    """`tls` is set by the server on a subclass: a class is all that gunicorn takes."""

    tls: ssl.SSLContext | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lingering: deque[Connection] = deque()
        self._lanes: Lanes[Connection] = Lanes(self.cfg.threads)

    def accept(self, listener: socket.socket) -> None:
        try:
            sock, client = listener.accept()
        except OSError as fault:
            if fault.errno in (errno.EAGAIN, errno.ECONNABORTED):
                return
            if fault.errno in (errno.EMFILE, errno.ENFILE):
                _log.error("out_of_file_descriptors")
                return
            raise
        try:
            connection = Connection(self.cfg, sock, client, listener.getsockname(), self.tls)
        except OSError:  # reset before we looked
            sock.close()
            return
        self.nr_conns += 1
        self._await(connection)

    def handle(self, conn: Connection) -> object:
        """Runs in a thread; tells `finish_request` whether to wait, to keep or to close."""
        try:
            if not conn.has_entered:
                if not conn.gather():
                    return _DEFER
                conn.has_entered = self._lanes.enter(conn.lane)
            if not conn.has_entered:
                if self._lanes.has_room(conn.lane):
                    return _WAIT
                self._refuse_as_overloaded(conn)
                return False
            conn.sock.settimeout(SEND_SECONDS)
            request = next(conn.parser)
            if _has_unread_body(request):
                request.force_close()
            return self.handle_request(request, conn) and not request.should_close()
        except (StopIteration, NoMoreData):
            return False
        except ParseException as fault:
            self._refuse(conn, fault)
        except OSError as fault:
            _log.debug("connection_lost", error=str(fault))
        except Exception:  # noqa: BLE001  # one broken request must not take the thread along
            _log.exception("request_broke")
        return False

    def finish_request(self, conn: Connection, fs: Any) -> None:
        result = False if fs.cancelled() else fs.result()
        if result is _WAIT:
            self._lanes.wait(conn.lane, conn)
        elif conn.has_entered:
            conn.has_entered = False
            self._lanes.leave(conn.lane)
        while (following := self._lanes.next_in_turn()) is not None:
            following.has_entered = True
            self.enqueue_req(following)
        if result is not _WAIT:
            self._dismiss(conn, fs, result)

    def _dismiss(self, conn: Connection, fs: Any, result: object) -> None:
        try:
            if result is _DEFER:
                self._await(conn)
            elif result:
                super().finish_request(conn, fs)
            else:
                self._linger(conn)
        except OSError:
            self._drop(conn)

    def on_client_socket_readable(self, conn: Connection, client: socket.socket) -> None:
        conn.timeout = time.monotonic() + GATHER_SECONDS
        self.poller.unregister(client)
        self.keepalived_conns.remove(conn)
        self.enqueue_req(conn)

    def _cap_keepalive(self, deadline: float) -> None:
        """A stopping worker waits no longer for those who have only begun to speak, either."""
        super()._cap_keepalive(deadline)
        for conn in self.pending_conns:
            conn.timeout = min(conn.timeout, deadline)

    def murder_pending(self) -> None:
        now = time.monotonic()
        for waiting in (self.pending_conns, self._lingering):
            for conn in [each for each in waiting if each.timeout <= now]:
                waiting.remove(conn)
                self.poller.unregister(conn.sock)
                self._drop(conn)

    def _await(self, conn: Connection) -> None:
        conn.sock.setblocking(False)
        self.pending_conns.append(conn)
        self.poller.register(
            conn.sock, selectors.EVENT_READ, partial(self.on_pending_socket_readable, conn)
        )

    def _linger(self, conn: Connection) -> None:
        """Ends our side and swallows the client's rest, so that it gets to read our answer."""
        conn.sock.setblocking(False)
        conn.sock.shutdown(socket.SHUT_WR)
        conn.timeout = time.monotonic() + LINGER_SECONDS
        self._lingering.append(conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._swallow, conn))

    def _swallow(self, conn: Connection, sock: socket.socket) -> None:
        try:
            if sock.recv(_RECEIVE):
                return
        except BlockingIOError:
            return
        except OSError:
            pass
        self._lingering.remove(conn)
        self.poller.unregister(sock)
        self._drop(conn)

    def _drop(self, conn: Connection) -> None:
        self.nr_conns -= 1
        conn.close()

    def _refuse(self, conn: Connection, fault: ParseException) -> None:
        """A request that is no HTTP: answered here, because no application could see it."""
        self._answer(conn, *_explain(fault))

    def _refuse_as_overloaded(self, conn: Connection) -> None:
        title = "Too many calls with this API key are waiting; try again."
        self._answer(conn, 503, "overloaded", title, f"Retry-After: {_RETRY_AFTER}\r\n")

    def _answer(
        self, conn: Connection, status: int, code: str, title: str, fields: str = ""
    ) -> None:
        request_id, body = problems.outside_a_request(status, code, title)
        _log.warning("request_refused", code=code, status=status, request_id=request_id)
        head = (
            f"HTTP/1.1 {status} {title.rstrip('.')}\r\nContent-Type: {problems.MEDIA_TYPE}\r\n"
            f"Content-Length: {len(body)}\r\nX-Request-ID: {request_id}\r\n{fields}"
            "Connection: close\r\n\r\n"
        )
        try:
            conn.sock.settimeout(LINGER_SECONDS)
            conn.sock.sendall(head.encode("ascii") + body)
        except OSError as gone:
            _log.debug("connection_lost", error=str(gone))


def _has_unread_body(request: Any) -> bool:
    """Its rest would have to be drained before the connection could be used again."""
    length = getattr(request.body.reader, "length", None)  # chunked bodies have none
    return length is None or length > MOST_GATHERED


def _explain(fault: ParseException) -> tuple[int, str, str]:
    if isinstance(fault, LimitRequestLine):
        return 414, "uri_too_long", "The request line is too long."
    if isinstance(fault, LimitRequestHeaders):
        return 431, "headers_too_large", "The request's headers are too large."
    if isinstance(fault, InvalidHeader):
        return 400, "invalid_request", "A header is malformed, repeated or contradicts another."
    return 400, "invalid_request", "This is not a valid HTTP/1.1 request."

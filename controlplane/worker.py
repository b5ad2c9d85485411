"""gunicorn's threaded worker, made safe against clients that are slow to speak, and quick.

A thread is spent on a connection only when a whole request is there: head and body are gathered
without blocking by the main thread, under one deadline. So no number of slow clients keeps a
signature waiting, and closing lingers in the poller as well. A request that is there enters the
lane of its API key, or waits in it without a thread (`lanes`).

Threads that hand over to each other are what costs in Python, since each waits for the interpreter
in turn. So a thread that has answered puts the connection back into the poller itself, and goes on
with the next request that is there.
"""

import errno
import os
import re
import selectors
import signal
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable
from functools import lru_cache, partial
from queue import SimpleQueue
from threading import Thread
from typing import Any

import structlog
from gunicorn import http, util
from gunicorn.http import wsgi
from gunicorn.http.errors import (
    InvalidHeader,
    LimitRequestHeaders,
    LimitRequestLine,
    NoMoreData,
    ParseException,
)
from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER, TConn, ThreadWorker

from controlplane.api import problems
from controlplane.fair_share import FairShare
from controlplane.lanes import Lanes

STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
GATHER_SECONDS = 10.0  # from the first byte (or the connection) to the end of the request
SEND_SECONDS = 30.0  # without progress on an answer, or on a body too long to gather
YIELD_SECONDS = 0.005  # to other processes, for a connection that may as well be theirs
LINGER_SECONDS = 2.0  # RFC 9112 §9.6
MOST_HEAD = 16 * 1024  # bytes
MOST_UNSENT = 4 * 1024 * 1024  # bytes of an answer
MOST_GATHERED = 64 * 1024  # bytes of body; longer ones are read, or refused, by the thread

_CONTENT_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,18})[ \t]*\r\n", re.IGNORECASE)
_AUTHORIZATION = re.compile(rb"\r\nauthorization:[ \t]*([^\r\n]*)", re.IGNORECASE)
_RETRY_AFTER = 1  # seconds
_RECEIVE = 64 * 1024
_LOOK_SECONDS = 0.25  # how often deadlines are looked at
_ALIVE_SECONDS = 1.0  # how often the main process is told that this one lives
_log = structlog.get_logger()


class Connection(TConn):  # type: ignore[misc]  # gunicorn has no types
    """One client; `gather` collects its next request."""

    parser: Any  # gunicorn's, once the handshake is over
    lane: bytes = b""  # of the request at hand: who calls

    def __init__(
        self, cfg: Any, sock: socket.socket, client: Any, server: Any, tls: ssl.SSLContext | None
    ) -> None:
        super().__init__(cfg, sock, client, server)
        self._inbox = bytearray()
        self._ended = False
        if tls is not None:
            self.sock = tls.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        self.handshaken = tls is None
        self.unsent = bytearray()
        self.timeout = time.monotonic() + GATHER_SECONDS

    def gather(self) -> bool:
        """True once the next request can be served, or refused, without waiting for the client.
        The socket does not block.

        Raises:
            LimitRequestHeaders: the head is longer than MOST_HEAD.
            OSError: the connection broke, or the handshake failed.
        """
        try:
            if not self.handshaken:
                self.sock.do_handshake()
                self.handshaken = True
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

    def has_more(self) -> bool:
        """Whether the client has begun the next request in what was read so far."""
        return bool(self.parser.unreader.buf.getvalue())

    def send(self, data: bytes) -> None:
        """What the client does not take now stays in `unsent`, so that a client who does not read
        holds no thread. An answer beyond MOST_UNSENT, which only streams for auditors are, waits.

        Raises:
            OSError: the connection broke, or SEND_SECONDS went by without progress.
        """
        self.unsent += data
        self.send_unsent()
        if len(self.unsent) > MOST_UNSENT:
            self.sock.settimeout(SEND_SECONDS)
            self.sock.sendall(self.unsent)
            self.sock.setblocking(False)
            self.unsent.clear()

    def send_unsent(self) -> None:
        """As much as the client takes now. Raises OSError."""
        try:
            while self.unsent:
                del self.unsent[: self.sock.send(self.unsent)]
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return

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


@lru_cache(maxsize=2)
def _http_date(second: int) -> str:
    return str(util.http_date(second))


class Answer(wsgi.Response):  # type: ignore[misc]  # gunicorn has no types
    """Head and body leave together, and no thread waits for the client to take them."""

    conn: Connection
    headers_sent: bool  # gunicorn's
    _head = b""

    def send_headers(self) -> None:
        if not self.headers_sent:
            fields = "".join([f"{name}: {of}\r\n" for name, of in self.headers])
            head = f"{self._first_fields()}{fields}\r\n"
            self._head = util.to_bytestring(head, "latin-1")
            self.headers_sent = True

    def _first_fields(self) -> str:
        """What every answer has."""
        major, minor = self.req.version
        return (
            f"HTTP/{major}.{minor} {self.status}\r\nServer: {self.version}\r\n"
            f"Date: {_http_date(int(time.time()))}\r\n"
            f"Connection: {'close' if self.should_close() else 'keep-alive'}\r\n"
        ) + ("Transfer-Encoding: chunked\r\n" if self.chunked else "")

    def _emit_body(self, data: bytes) -> None:
        head, self._head = self._head, b""
        if self.chunked:
            data = b"%X\r\n%b\r\n" % (len(data), data)
        self.conn.send(head + data)

    def close(self) -> None:
        self.send_headers()
        end = b"0\r\n\r\n" if self.chunked else b""
        if self._head or end:
            self.conn.send(self._head + end)


class _Threads:
    """What gunicorn calls its thread pool: each takes what is there to be done, until the end."""

    def __init__(self, number: int, take: Callable[[Connection], None]) -> None:
        self._ready: SimpleQueue[Connection | None] = SimpleQueue()
        self._number = number
        self._take = take
        for index in range(number):
            Thread(target=self._run, name=f"request-{index}", daemon=True).start()

    def put(self, conn: Connection) -> None:
        self._ready.put(conn)

    def shutdown(self, wait: bool = True) -> None:
        for _ in range(self._number):
            self._ready.put(None)

    def _run(self) -> None:
        while (conn := self._ready.get()) is not None:
            self._take(conn)


class GatheringWorker(ThreadWorker):  # type: ignore[misc]  # the same
    """`tls` and `shares` are set by the server on a subclass: a class is all that gunicorn
    takes."""

    tls: ssl.SSLContext | None = None
    alive: bool  # gunicorn's
    shares: FairShare
    place: int  # among the processes of the server; given before the fork

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lingering: deque[Connection] = deque()
        self._sending: deque[Connection] = deque()
        self._lanes: Lanes[Connection] = Lanes(self.cfg.threads)
        self._look_again = 0.0
        self._tell_again = 0.0
        self._yields_until = 0.0

    def init_process(self) -> None:
        _keep_to_one_cpu(self.place, self.cfg.workers)
        super().init_process()

    def init_signals(self) -> None:
        """Signals that came since the fork are heard now."""
        super().init_signals()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)

    def get_thread_pool(self) -> _Threads:
        return _Threads(self.cfg.threads, self._serve)

    def notify(self) -> None:
        """Once a turn of the main thread's loop."""
        self.shares.tell(self.place, self.nr_conns)
        now = time.monotonic()
        if now >= self._tell_again:
            self._tell_again = now + _ALIVE_SECONDS
            super().notify()

    def set_accept_enabled(self, enabled: bool) -> None:
        super().set_accept_enabled(enabled and time.monotonic() >= self._yields_until)
        if not self.alive:
            # Whoever connects to a worker that is leaving is refused, and can go elsewhere, instead
            # of waiting for nobody; and the address is free for the next server.
            for listener in self.sockets:
                listener.close()

    def is_parent_alive(self) -> bool:
        """An orphan takes its leave as on SIGTERM: gunicorn would go on serving whoever keeps the
        connection busy, for all of the grace period."""
        if not super().is_parent_alive():
            self.alive = False
        return self.alive

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        left = self._yields_until - time.monotonic()
        super().wait_for_and_dispatch_events(min(timeout, left) if left > 0 else timeout)

    def accept(self, listener: socket.socket) -> None:
        now = time.monotonic()
        has_yielded = now < self._yields_until + YIELD_SECONDS
        if not has_yielded and self.shares.others_have_fewer(self.place):
            self._yields_until = now + YIELD_SECONDS
            self.set_accept_enabled(False)
            return
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
        self.shares.tell(self.place, self.nr_conns)
        self._await(connection)

    def enqueue_req(self, conn: Connection) -> None:
        """Some of its next request is there, or all."""
        if conn.handshaken:
            self._after_gathering(conn, _gather(conn))
        else:
            self.tpool.put(conn)  # a handshake takes too long for the main thread

    def _after_gathering(self, conn: Connection, outcome: bool | Exception) -> None:
        if outcome is True:
            self._enter_lane(conn)
        elif outcome is False:
            self._await(conn)
        else:
            if isinstance(outcome, ParseException):
                self._refuse(conn, outcome)
            self._linger(conn)

    def _enter_lane(self, conn: Connection) -> None:
        if self._lanes.enter(conn.lane):
            self.tpool.put(conn)
        elif self._lanes.has_room(conn.lane):
            self._lanes.wait(conn.lane, conn)
            self._call_next()  # somebody may have left it meanwhile
        else:
            self._refuse_as_overloaded(conn)
            self._linger(conn)

    def _call_next(self) -> None:
        while (following := self._lanes.next_in_turn()) is not None:
            self.tpool.put(following)

    def _serve(self, conn: Connection) -> None:
        """In a thread."""
        if not conn.handshaken:
            self.method_queue.defer(self._after_gathering, conn, _gather(conn))
            return
        keep = self.handle(conn)
        self._lanes.leave(conn.lane)
        self._call_next()
        if conn.unsent:
            self.method_queue.defer(self._send_later, conn, keep)
        elif keep and not conn.has_more():
            self._keep(conn)
        else:
            self.method_queue.defer(self.enqueue_req if keep else self._linger, conn)

    def handle(self, conn: Connection) -> bool:
        """In a thread. True: the connection can be kept."""
        try:
            request = next(conn.parser)
            if _has_unread_body(request):
                request.force_close()
                conn.sock.settimeout(SEND_SECONDS)
            return self.handle_request(request, conn)
        except (StopIteration, NoMoreData):
            return False
        except ParseException as fault:
            self._refuse(conn, fault)
        except OSError as fault:
            _log.debug("connection_lost", error=str(fault))
        except Exception:  # noqa: BLE001  # one broken request must not take the thread along
            _log.exception("request_broke")
        return False

    def handle_request(self, request: Any, conn: Connection) -> bool:
        """gunicorn's, without its hooks and its access log, which nobody sets here."""
        answer, environ = wsgi.create(
            request, conn.sock, conn.client, conn.server, self.cfg, response_class=Answer
        )
        answer.conn = conn
        environ["wsgi.multithread"] = True
        if not self.alive or len(self.keepalived_conns) >= self.max_keepalived:
            answer.force_close()
        pieces = self.wsgi(environ, answer.start_response)
        try:
            for piece in pieces:
                answer.write(piece)
            answer.close()
        finally:
            if hasattr(pieces, "close"):
                pieces.close()
        return not answer.should_close()

    def _keep(self, conn: Connection) -> None:
        """In any thread: what it does is done in one step each, in an order that the main thread
        may come between."""
        conn.timeout = time.monotonic() + self.cfg.keepalive
        self.keepalived_conns.append(conn)
        if not self.alive:  # else the main thread, when it stops, finds it among the others
            conn.timeout = time.monotonic() + STOP_KEEPALIVE_LINGER
        try:
            self.poller.register(
                conn.sock, selectors.EVENT_READ, partial(self.on_client_socket_readable, conn)
            )
        except (OSError, ValueError, KeyError):
            _log.debug("stopped_meanwhile")  # the main thread has closed everything

    def on_client_socket_readable(self, conn: Connection, client: socket.socket) -> None:
        conn.timeout = time.monotonic() + GATHER_SECONDS
        self.poller.unregister(client)
        self.keepalived_conns.remove(conn)
        self.enqueue_req(conn)

    def _cap_keepalive(self, deadline: float) -> None:
        """A stopping worker waits no longer for those who have only begun to speak, either."""
        for conn in [*list(self.keepalived_conns), *self.pending_conns]:
            conn.timeout = min(conn.timeout, deadline)

    def murder_pending(self) -> None:
        now = time.monotonic()
        if now < self._look_again:
            return
        self._look_again = now + _LOOK_SECONDS
        for waiting in (self.pending_conns, self._lingering, self._sending):
            for conn in [each for each in waiting if each.timeout <= now]:
                waiting.remove(conn)
                self.poller.unregister(conn.sock)
                self._drop(conn)

    def _await(self, conn: Connection) -> None:
        self.pending_conns.append(conn)
        self.poller.register(
            conn.sock, selectors.EVENT_READ, partial(self.on_pending_socket_readable, conn)
        )

    def _send_later(self, conn: Connection, keep: bool) -> None:
        conn.timeout = time.monotonic() + SEND_SECONDS
        self._sending.append(conn)
        self.poller.register(conn.sock, selectors.EVENT_WRITE, partial(self._send_more, conn, keep))

    def _send_more(self, conn: Connection, keep: bool, sock: socket.socket) -> None:
        before = len(conn.unsent)
        try:
            conn.send_unsent()
        except OSError:
            conn.unsent.clear()
            keep = False
        if len(conn.unsent) < before:
            conn.timeout = time.monotonic() + SEND_SECONDS
        if conn.unsent:
            return
        self._sending.remove(conn)
        self.poller.unregister(sock)
        if not keep:
            self._linger(conn)
        elif conn.has_more():
            self.enqueue_req(conn)
        else:
            self._keep(conn)

    def _linger(self, conn: Connection) -> None:
        """Ends our side and swallows the client's rest, so that it gets to read our answer."""
        try:
            conn.sock.setblocking(False)
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._drop(conn)
            return
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
            conn.sock.send(head.encode("ascii") + body)  # fits, or its client does not read
        except OSError as gone:
            _log.debug("connection_lost", error=str(gone))


def _keep_to_one_cpu(place: int, workers: int) -> None:
    """Where every CPU has a worker: threads that take turns do so at half the cost on one CPU."""
    cpus = sorted(os.sched_getaffinity(0))
    if workers >= len(cpus):
        os.sched_setaffinity(0, {cpus[place % len(cpus)]})


def _gather(conn: Connection) -> bool | Exception:
    """As `Connection.gather`, with what it raises."""
    try:
        return conn.gather()
    except (ParseException, OSError) as fault:
        return fault
    except Exception as fault:  # noqa: BLE001  # one broken request must not take the thread along
        _log.exception("request_broke")
        return fault


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

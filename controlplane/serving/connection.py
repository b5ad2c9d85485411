"""One client's connection: gunicorn's HTTP/1.1 over asyncio, with what it lacks.

A client that we wait for, in whatever state, is waited for until a deadline: the first octet, a
head, a body, the end of an answer, the next request. Meanwhile the worker may give it up.
"""

import re
import socket
import struct
from typing import TYPE_CHECKING, Any

import structlog
from gunicorn.asgi.protocol import ASGIProtocol

from controlplane.admission.calls import SMALL_BODY
from controlplane.admission.connections import address_of
from controlplane.api import problems
from controlplane.certificates.handshake import CLIENT_HELLO
from controlplane.errors import Code

if TYPE_CHECKING:
    from controlplane.serving.worker import Worker

KEEPALIVE_SECONDS = 75.0  # longer than the 30 s after which the module lets go
REQUEST_SECONDS = 10.0  # for a first octet, a head, a body
SEND_SECONDS = 30.0  # for an answer, and one more for each SEND_OCTETS of it
SEND_OCTETS = 32 * 1024
UNSENT_OCTETS = 64 * 1024  # that a transport takes before the client counts as stalled
LINGER_SECONDS = 2.0  # RFC 9112 §9.6
_AT_ONCE = struct.pack("ii", 1, 0)  # struct linger of socket(7)
_REFUSALS = {
    400: (Code.INVALID_REQUEST, "This is not a valid HTTP/1.1 request."),
    408: (Code.REQUEST_TIMEOUT, "The request did not arrive in time."),
    414: (Code.URI_TOO_LONG, "The request line is too long."),
    431: (Code.HEADERS_TOO_LARGE, "The request's headers are too large."),
    501: (Code.INVALID_REQUEST, "This transfer coding is not known here."),
}
_MISDIRECTED = (400, Code.TLS_EXPECTED, "This port speaks TLS: use https://.")
_NO_TLS = (400, Code.TLS_NOT_SPOKEN, "This port speaks plain HTTP: use http://.")
_FAULT = (Code.INTERNAL_ERROR, "The server failed; its log has more under request_id.")
_ORIGIN = re.compile(r"\Ahttps?://[^/]*", re.IGNORECASE)  # in front of a path: RFC 9112 §3.2.2
_log = structlog.get_logger()

# On the base class, which reads from itself what it notes on the class that it is called for.
ASGIProtocol._check_h1c_protocol_available()


class Connection(ASGIProtocol):  # type: ignore[misc]  # gunicorn has no types
    worker: "Worker"
    _closed: bool  # gunicorn's
    _task: Any

    def __init__(self, worker: "Worker", *, is_misdirected: bool = False) -> None:
        """`is_misdirected`: plain HTTP where TLS is spoken."""
        super().__init__(worker)
        self._clients = worker.connections
        self.deadline = 0.0
        self._is_stalled = False  # the client does not take an answer
        self.behind = 0  # octets of it that the transport was not given yet
        self._lingers = False  # all is said, and the client is let finish
        self.address: str | None = None  # of the peer; None: a unix socket
        self._is_misdirected = is_misdirected
        self._is_idle = False  # between two requests
        self._has_spoken = False
        self._is_refused = False
        self._has_ended = False  # the client: there will be no more requests

    def connection_made(self, transport: Any) -> None:
        self.address = address_of(transport.get_extra_info("peername"))
        self._clients.enter(self)
        self._wait(REQUEST_SECONDS)
        transport.set_write_buffer_limits(UNSENT_OCTETS)  # one of TLS takes eight times as much
        super().connection_made(transport)
        self._max_buffer_size = SMALL_BODY

    def connection_lost(self, exc: Exception | None) -> None:
        self._clients.leave(self)
        # Kept from the base class, whose timer to cancel it would hold all of this until then.
        task, self._task = self._task, None
        super().connection_lost(exc)
        self._task = task
        if self._is_stalled:
            self._cancel_task_if_pending()  # it would keep its answer, for nobody
        if self._current_request is None:
            self._request_ready.set()  # nothing is under way

    def data_received(self, data: bytes) -> None:
        if self._lingers:
            return
        if not self._has_spoken:
            self._has_spoken = True
            if self._is_misdirected or data[:1] == CLIENT_HELLO:
                self._refuse(*_MISDIRECTED if self._is_misdirected else _NO_TLS)
                self._close_transport()
                return
        elif self._is_idle:
            self._is_idle = False
            self._wait(REQUEST_SECONDS)  # from the first octet of a next request
        super().data_received(data)

    def eof_received(self) -> bool:
        """A client that has said all may still listen. True: the transport stays open, which one
        of TLS cannot."""
        self._has_ended = True
        receiver = self._body_receiver
        is_heard = receiver is not None and receiver._complete
        return is_heard and not self._lingers and self.transport.can_write_eof()

    @property
    def unsent(self) -> int:
        return self.behind + self.transport.get_write_buffer_size() if self._is_stalled else 0

    def expect_body(self) -> None:
        """A body that was held back until its caller was let in."""
        if self._reading_paused:
            self._resume_reading()
            self._wait(REQUEST_SECONDS)

    @property
    def is_silent(self) -> bool:
        return self._is_idle or not self._has_spoken

    def give_up(self, *, is_late: bool) -> None:
        """Who is late is told so; who makes room may come again, which a lost connection says."""
        if self._is_stalled:  # or the kernel would keep, and offer, what nobody takes
            sock = self.transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        if self._lingers or self._is_stalled or not is_late:
            self.transport.abort()
        elif self._current_request is None:
            self._close_transport()
            self._request_ready.set()
        else:
            self._send_error_response(408, "")
            self._close_transport()
            self._body_receiver.signal_disconnect()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._is_stalled = True
        self._wait(SEND_SECONDS + self.unsent / SEND_OCTETS)
        self._clients.bound_unsent()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._is_stalled = False
        if self._is_ours and not self._lingers:
            self._clients.work_for(self)

    @property
    def _is_ours(self) -> bool:
        """The next step: a request is here, but for a body that is held back."""
        receiver = self._body_receiver
        return receiver is not None and (receiver._complete or self._reading_paused)

    def _feed_callback_parser(self, data: bytes) -> bool:
        """Not where the client has gone, which the base class would fail at."""
        return not self.transport.is_closing() and super()._feed_callback_parser(data)

    def _on_headers_complete(self) -> bool:
        proceed: bool = super()._on_headers_complete()
        if self._current_request.chunked or self._current_request.content_length > SMALL_BODY:
            self._pause_reading()
            self._clients.work_for(self)
        else:
            self._wait(REQUEST_SECONDS)
        return proceed

    def _on_message_complete(self) -> None:
        super()._on_message_complete()
        if not self._is_stalled:
            self._clients.work_for(self)

    def _arm_keepalive_timer(self) -> None:
        """The connection waits for its next request."""
        if self._has_ended:
            self._close_transport()
            self._request_ready.set()
        else:
            self._is_idle = True
            self._wait(KEEPALIVE_SECONDS)

    def _will_close(self, request: Any, response_requires_close: bool) -> bool:
        """To HTTP/1.0 an answer without a length has no other end; a body that nobody reads is in
        the way; behind one in chunks a proxy may see another request than we do; answers without
        a body, which wait for nobody, would pile up before whoever takes none."""
        is_read = self._body_receiver._complete and not request.chunked
        ends: bool = super()._will_close(request, response_requires_close)
        return ends or not is_read or request.version < (1, 1) or self._is_stalled

    def _is_websocket_upgrade(self, _request: Any) -> bool:
        return False

    def _build_http_scope(self, request: Any, sockname: Any, peername: Any) -> dict[str, Any]:
        scope: dict[str, Any] = super()._build_http_scope(request, sockname, peername)
        if not scope["path"].startswith("/"):
            scope["path"] = _ORIGIN.sub("", scope["path"], count=1) or "/"
        proxies = self.worker.proxies
        address = self.address
        if proxies.trusts_any:
            said = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
            address = proxies.caller(address, [value.decode("latin-1") for value in said])
        scope["client"] = None if address is None else (address, 0)
        scope["connection"] = self
        return scope

    def _send_error_response(self, status: int, message: str, extra_headers: Any = ()) -> None:
        """What is no HTTP, or broke below the application."""
        if not self._closed:  # else the client has gone, or was told
            self._refuse(status, *_REFUSALS.get(status, _FAULT))

    def _refuse(self, status: int, code: Code, title: str) -> None:
        self._is_refused = True
        request_id, body = problems.outside_a_request(status, code, title)
        _log.warning(
            "request_refused", code=code, status=status, request_id=request_id, address=self.address
        )
        head = (
            f"HTTP/1.1 {status} {title.rstrip('.')}\r\nContent-Type: {problems.MEDIA_TYPE}\r\n"
            f"Content-Length: {len(body)}\r\nX-Request-ID: {request_id}\r\n"
            "Connection: close\r\n\r\n"
        )
        self._safe_write(head.encode("ascii") + body)

    def _close_transport(self) -> None:
        """Where the client may still be sending it is let finish, or it would not read our
        answer; TLS sees to that by itself."""
        if self._closed:
            return
        receiver = self._body_receiver
        has_unread = self._is_refused or (receiver is not None and not receiver._complete)
        if has_unread and not self._has_ended and self.transport.can_write_eof():
            self._closed = True
            self.transport.write_eof()
        else:
            super()._close_transport()
        self._lingers = True
        self._resume_reading()
        self._request_ready.set()
        self._wait(LINGER_SECONDS if has_unread else SEND_SECONDS)

    def _wait(self, seconds: float) -> None:
        self.deadline = self.worker.loop.time() + seconds
        self._clients.wait_for(self)

"""gunicorn's asyncio worker: it accepts one connection at a time, in turn with its sister
processes, gives clients up in time, and goes on when its store comes back."""

import asyncio
import errno
import os
import resource
import signal
import socket
import sys
from contextlib import suppress
from functools import partial
from typing import Any

import structlog
from gunicorn.workers.gasgi import ASGIWorker

from controlplane.admission.calls import Admission
from controlplane.admission.connections import Connections, Guest, address_of
from controlplane.admission.threads import keep_to_one_cpu
from controlplane.certificates.handshake import saying_why_not, speaks_tls
from controlplane.errors import Refused
from controlplane.serving.connection import REQUEST_SECONDS, SEND_SECONDS, Connection

KEPT_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP)
_DESCRIPTORS = 4096  # for connections, and what else is open
_ACCEPTED_AT_ONCE = 16
_MOST_YIELDS = 3  # for one connection
_SWITCH_SECONDS = 0.001  # after which a busy thread lets the event loop go on
_YIELD_SECONDS = 0.005  # to other processes, for a connection that may as well be theirs
_LOOK_SECONDS = 0.25  # how often deadlines are looked at, and the main process is told of our life
_STALLED_SECONDS = 5.0  # that a worker which leaves waits for those who do not take their answer
_FINISH_SECONDS = 1.0  # for calls that nobody waits for; rows handed in are written at any rate
_REOPEN_SECONDS = 1.0
_log = structlog.get_logger()


class Worker(ASGIWorker):  # type: ignore[misc]  # gunicorn has no types
    alive: bool  # gunicorn's
    place: int  # among the processes of the server; given before the fork

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.proxies = self.app.settings.proxies
        self.connections = Connections(lambda held: self.app.shares.tell(self.place, held))
        self._yields = 0  # for the connection that stands there now
        self._wake = asyncio.Event()
        self._reopening: asyncio.Task[None] | None = None

    def init_process(self) -> None:
        keep_to_one_cpu(self.place, self.cfg.workers)
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(_DESCRIPTORS, most), most))
        sys.setswitchinterval(_SWITCH_SECONDS)
        super().init_process()

    def init_signals(self) -> None:
        super().init_signals()
        self.loop.add_signal_handler(signal.SIGHUP, self.app.take_new_certificate)

    def handle_exit_signal(self) -> None:
        super().handle_exit_signal()
        self._wake.set()

    def handle_quit_signal(self) -> None:
        super().handle_quit_signal()
        self._wake.set()

    def load_wsgi(self) -> None:
        process = self.app.wsgi()
        self.asgi = Admission(process.closed(), self.connections.make_room)
        try:
            self.asgi.application = process.open(self.loop)
        except Exception as fault:  # noqa: BLE001  # whatever it is, it may pass
            known = fault.cause or fault.title if isinstance(fault, Refused) else None
            _log.error("store_not_opened", cause=known, exc_info=None if known else fault)
            self._reopening = self.loop.create_task(self._reopen(process))

    async def _reopen(self, process: Any) -> None:
        opened = None
        while opened is None:
            await asyncio.sleep(_REOPEN_SECONDS)
            with suppress(Exception):  # as before
                opened = await self.loop.run_in_executor(None, process.open, self.loop)
        self.asgi.application = opened
        _log.info("store_opened")

    async def _serve(self) -> None:
        # Those that came since the fork are heard now: before the loop runs it would miss them.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, KEPT_SIGNALS)
        self.app.shares.tell(self.place, 0)
        for listener in self.sockets:
            self._listen(listener.sock)
        while self.alive and self.ppid == os.getppid():
            self._look_after()
            await self._pause(_LOOK_SECONDS)
        self.alive = False
        await self._shutdown()
        await self._finish_calls()
        await asyncio.sleep(0)  # the last lines of the log

    async def _shutdown(self) -> None:
        """Whoever connects from now on is refused, and can go elsewhere; calls under way end, and
        those that came just now are heard."""
        for listener in self.sockets:
            self.loop.remove_reader(listener.fileno())
            listener.close()
        now = self.loop.time()
        for client in self.connections.waiting():
            if client.is_silent:
                client.deadline = now if isinstance(client, Connection) else now + _LOOK_SECONDS
        self._wake.clear()
        end = now + self.cfg.graceful_timeout
        while len(self.connections) and not self._quick_shutdown and self.loop.time() < end:
            for client in self.connections.waiting():
                client.deadline = min(client.deadline, self.loop.time() + _STALLED_SECONDS)
            self._look_after()
            await self._pause(0.02)

    async def _finish_calls(self) -> None:
        """Nobody gets an answer any longer; what was called is recorded all the same."""
        if self._reopening is not None:
            self._reopening.cancel()
        for client in self.connections:
            client.give_up(is_late=False)
        end = self.loop.time() + _FINISH_SECONDS
        while len(asyncio.all_tasks(self.loop)) > 1 and self.loop.time() < end:
            await asyncio.sleep(0.005)

    def _look_after(self) -> None:
        self.notify()
        self.connections.give_up_overdue(self.loop.time())

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), seconds)

    def _listen(self, listener: socket.socket) -> None:
        if self.alive:
            self.loop.add_reader(listener.fileno(), self._accept, listener)

    def _accept(self, listener: socket.socket) -> None:
        """One at a time, as long as the others have as many."""
        for _ in range(_ACCEPTED_AT_ONCE):
            if self._yields < min(self.app.shares.lead(self.place), _MOST_YIELDS):
                self._yields += 1
                self.loop.remove_reader(listener.fileno())
                self.loop.call_later(_YIELD_SECONDS, self._listen, listener)
                return
            self._yields = 0
            try:
                sock, peer = listener.accept()
            except OSError as fault:
                if fault.errno in (errno.EMFILE, errno.ENFILE):
                    _log.error("out_of_file_descriptors")
                    self.connections.evict()
                return
            self._receive(sock, peer)

    def _receive(self, sock: socket.socket, peer: object) -> None:
        if self.connections.is_full:
            self.connections.evict()
        guest = Guest(address_of(peer), self.loop.time() + REQUEST_SECONDS)
        self.connections.enter(guest)
        self.connections.wait_for(guest)
        guest.welcome = self.loop.create_task(self._welcome(guest, sock))
        guest.welcome.add_done_callback(partial(self._take_leave, guest, sock))

    async def _welcome(self, guest: Guest, sock: socket.socket) -> None:
        sock.setblocking(False)
        connect = self.loop.connect_accepted_socket
        is_plain = self.app.tls is None
        if is_plain or not await speaks_tls(sock):
            guest.is_in = True
            await connect(partial(Connection, self, is_misdirected=not is_plain), sock)
        else:
            async with saying_why_not(sock):
                await connect(
                    partial(Connection, self),
                    sock,
                    ssl=self.app.tls,
                    ssl_handshake_timeout=REQUEST_SECONDS,
                    ssl_shutdown_timeout=SEND_SECONDS,
                )

    def _take_leave(self, guest: Guest, sock: socket.socket, welcome: "asyncio.Task[None]") -> None:
        """Of a guest who is in, or will not be: also of one given up before the welcome began."""
        self.connections.leave(guest)
        fault = None if welcome.cancelled() else welcome.exception()
        if welcome.cancelled() or fault is not None:
            sock.close()
        if fault is not None:
            _log.warning("handshake_failed", cause=str(fault), address=guest.address)

"""gunicorn's asyncio worker, made safe against clients, and fair to its sister processes."""

import asyncio
import errno
import mmap
import os
import resource
import signal
import socket
from collections import Counter, OrderedDict
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog
from gunicorn.workers.gasgi import ASGIWorker

from controlplane.errors import Refused
from controlplane.admission.calls import Admission
from controlplane.serving.connection import (
    LINGER_SECONDS,
    REQUEST_SECONDS,
    Connection,
    address_of,
)

STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP)
MOST_CONNECTIONS = 1200  # of a process
MOST_UNSENT = 48 * 1024 * 1024  # octets of answers that nobody takes, in a process
_DESCRIPTORS = 2048  # for these and what else is open
_YIELD_SECONDS = 0.005  # to other processes, for a connection that may as well be theirs
_LOOK_SECONDS = 0.25  # how often deadlines are looked at, and the main process is told of our life
_STALLED_SECONDS = 5.0  # that a worker which leaves waits for those who do not take their answer
_REOPEN_SECONDS = 1.0
_log = structlog.get_logger()


class Shares:
    """How many connections each process has, in memory that they share. All of them wait at one
    listening socket, and the first to wake would take every caller that stands there: whoever has
    more lets the others go first."""

    _NOBODY = -1

    def __init__(self, processes: int) -> None:
        self._places = memoryview(mmap.mmap(-1, processes * 4)).cast("i")
        self._places[:] = memoryview(b"\xff" * (processes * 4)).cast("i")

    def __len__(self) -> int:
        return len(self._places)

    def tell(self, place: int, connections: int) -> None:
        """`place`: of this process, from 0."""
        self._places[place] = connections

    def leave(self, place: int) -> None:
        self._places[place] = self._NOBODY

    def others_have_fewer(self, place: int) -> bool:
        own = self._places[place]
        return any(self._NOBODY < connections < own for connections in self._places)


@dataclass(frozen=True, slots=True)
class _Guest:
    """Somebody who has connected, and has not said anything that we understand."""

    address: str | None
    since: float


class Worker(ASGIWorker):  # type: ignore[misc]  # gunicorn has no types
    app: Any  # the server's application
    place: int  # among the processes of the server; given before the fork

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.proxies = self.app.settings.proxies
        self._tls = self.app.tls
        self._connections: set[Connection] = set()
        self._waiting: OrderedDict[Connection, None] = OrderedDict()  # who is waited for longest
        self._greeting: dict[asyncio.Task[None], _Guest] = {}  # handshakes
        self._yielded = False
        self._wake = asyncio.Event()

    def enter(self, connection: Connection) -> None:
        self._connections.add(connection)
        self.app.shares.tell(self.place, len(self._connections))

    def leave(self, connection: Connection) -> None:
        self._connections.discard(connection)
        self._waiting.pop(connection, None)
        self.app.shares.tell(self.place, len(self._connections))

    def waits_for(self, connection: Connection) -> None:
        """From now on; until its deadline."""
        connection.since = self.loop.time()
        self._waiting[connection] = None
        self._waiting.move_to_end(connection)

    def works_for(self, connection: Connection) -> None:
        self._waiting.pop(connection, None)

    def bound_unsent(self) -> None:
        """Where answers that nobody takes are too much to keep, those go that wait longest, of the
        address that has most of them."""
        unsent = {
            each: each.transport.get_write_buffer_size()
            for each in self._waiting
            if each.is_stalled
        }
        held = Counter[str | None]()
        for each, octets in unsent.items():
            held[each.address] += octets
        while held.total() > MOST_UNSENT:
            ((address, _),) = held.most_common(1)
            given_up = next(each for each in unsent if each.address == address)
            held[address] -= unsent.pop(given_up)
            self._give_up(given_up)

    def init_process(self) -> None:
        _keep_to_one_cpu(self.place, self.cfg.workers)
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(_DESCRIPTORS, most), most))
        super().init_process()

    def init_signals(self) -> None:
        """Signals that came since the fork are heard now."""
        super().init_signals()
        self.loop.add_signal_handler(signal.SIGHUP, self._take_new_certificate)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)

    def load_wsgi(self) -> None:
        self.asgi = Admission(self.app.closed(), self._make_room)
        try:
            self.asgi.application = self.app.open(self.loop)
        except Exception as fault:  # noqa: BLE001  # whatever it is, it may pass
            _log.error("store_not_opened", cause=str(fault), exc_info=_unforeseen(fault))
            self._reopening = self.loop.create_task(self._reopen())

    def handle_exit_signal(self) -> None:
        super().handle_exit_signal()
        self._wake.set()

    def handle_quit_signal(self) -> None:
        super().handle_quit_signal()
        self._wake.set()

    async def _reopen(self) -> None:
        while True:
            await asyncio.sleep(_REOPEN_SECONDS)
            with suppress(Exception):  # as before
                self.asgi.application = await self.loop.run_in_executor(
                    None, self.app.open, self.loop
                )
                _log.info("store_opened")
                return

    async def _serve(self) -> None:
        for listener in self.sockets:
            self._listen(listener.sock)
        while self.alive and self.ppid == os.getppid():
            self._look_after()
            await self._pause(_LOOK_SECONDS)
        self.alive = False
        await self._shutdown()

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._wake.wait(), seconds)
        except TimeoutError:
            return

    def _look_after(self) -> None:
        self.notify()
        now = self.loop.time()
        for connection in [each for each in self._waiting if each.deadline <= now]:
            self._give_up(connection)

    async def _shutdown(self) -> None:
        """Whoever connects from now on is refused, and can go elsewhere; calls under way end."""
        for listener in self.sockets:
            self.loop.remove_reader(listener.fileno())
            listener.close()
        for task in self._greeting:
            task.cancel()
        end = self.loop.time() + self.cfg.graceful_timeout
        self._wake.clear()
        for connection in list(self._waiting):
            if connection.is_stalled:
                connection.deadline = min(connection.deadline, self.loop.time() + _STALLED_SECONDS)
            else:
                connection.deadline = 0.0
        while not self._quick_shutdown and self.loop.time() < end:
            self._look_after()
            if not self._connections:
                return
            await self._pause(0.02)

    def _listen(self, listener: socket.socket) -> None:
        self.loop.add_reader(listener.fileno(), self._accept, listener)

    def _accept(self, listener: socket.socket) -> None:
        """One at a time."""
        if not self._yielded and self.app.shares.others_have_fewer(self.place):
            self._yielded = True
            self.loop.remove_reader(listener.fileno())
            self.loop.call_later(_YIELD_SECONDS, self._listen_again, listener)
            return
        self._yielded = False
        try:
            sock, peer = listener.accept()
        except OSError as fault:
            if fault.errno in (errno.EMFILE, errno.ENFILE):
                _log.error("out_of_file_descriptors")
                self._evict()
            return
        if len(self._connections) + len(self._greeting) >= MOST_CONNECTIONS:
            self._evict()
        sock.setblocking(False)
        task = self.loop.create_task(self._welcome(sock))
        self._greeting[task] = _Guest(address_of(peer), self.loop.time())
        task.add_done_callback(lambda done: self._greeting.pop(done, None))

    def _listen_again(self, listener: socket.socket) -> None:
        if self.alive:
            self._listen(listener)

    async def _welcome(self, sock: socket.socket) -> None:
        try:
            if self._tls is None:
                await self.loop.connect_accepted_socket(partial(Connection, self), sock)
            elif await self._speaks_tls(sock):
                await self.loop.connect_accepted_socket(
                    partial(Connection, self),
                    sock,
                    ssl=self._tls,
                    ssl_handshake_timeout=REQUEST_SECONDS,
                    ssl_shutdown_timeout=LINGER_SECONDS,
                )
            else:
                misdirected = partial(Connection, self, is_misdirected=True)
                await self.loop.connect_accepted_socket(misdirected, sock)
        except (OSError, asyncio.CancelledError) as fault:
            sock.close()
            if not isinstance(fault, asyncio.CancelledError | TimeoutError):
                _log.warning("handshake_failed", cause=str(fault))

    async def _speaks_tls(self, sock: socket.socket) -> bool:
        """By its first octet, which stays where it is. Raises TimeoutError."""
        readable = self.loop.create_future()
        self.loop.add_reader(sock.fileno(), lambda: readable.done() or readable.set_result(None))
        try:
            await asyncio.wait_for(readable, REQUEST_SECONDS)
        finally:
            self.loop.remove_reader(sock.fileno())
        return sock.recv(1, socket.MSG_PEEK) in (b"\x16", b"")

    def _evict(self) -> None:
        """Of those who have most connections, the one that is waited for longest."""
        held = Counter(each.address for each in self._waiting)
        held.update(each.address for each in self._greeting.values())
        if not held:
            return
        ((address, _),) = held.most_common(1)
        greeting = next(
            (task for task, guest in self._greeting.items() if guest.address == address), None
        )
        waiting = next((each for each in self._waiting if each.address == address), None)
        if waiting is None or (
            greeting is not None and self._greeting[greeting].since < waiting.since
        ):
            greeting.cancel()
        else:
            self._give_up(waiting)

    def _make_room(self) -> None:
        """For a call, where those under way wait for clients that take no answers."""
        stalled = next((each for each in self._waiting if each.is_stalled), None)
        if stalled is not None:
            self._give_up(stalled)

    def _give_up(self, connection: Connection) -> None:
        self._waiting.pop(connection, None)
        connection.give_up()

    def _take_new_certificate(self) -> None:
        try:
            self._tls = self.app.settings.tls and self.app.settings.tls.context()
        except OSError as fault:
            _log.error("tls_not_reloaded", cause=str(fault))


def _unforeseen(fault: Exception) -> Exception | None:
    return None if isinstance(fault, Refused) else fault


def _keep_to_one_cpu(place: int, workers: int) -> None:
    """Where every CPU has a worker: threads that take turns do so at half the cost on one CPU."""
    cpus = sorted(os.sched_getaffinity(0))
    if workers >= len(cpus):
        os.sched_setaffinity(0, {cpus[place % len(cpus)]})

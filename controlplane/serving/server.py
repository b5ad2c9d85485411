"""The server: gunicorn embedded, one set of services a process."""

import contextlib
import os
import signal
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter

from controlplane import logging
from controlplane.admission.connections import Shares
from controlplane.api.metrics_directory import metrics_directory
from controlplane.errors import Code, Refused
from controlplane.service.growing import Tell, log_growth
from controlplane.service.location import Location
from controlplane.service.rates import shared_places
from controlplane.service.start import make_ready
from controlplane.serving.connection import KEEPALIVE_SECONDS
from controlplane.serving.settings import MOST_WORKERS, Settings, TcpAddress, UnixAddress
from controlplane.serving.worker import KEPT_SIGNALS, Worker

_GRACE_SECONDS = 30  # for calls on their way when the server stops
_BACKLOG = 1024
_RECEIVE_OCTETS = 32 * 1024  # that the kernel holds of what a client sends
_SEND_OCTETS = 128 * 1024  # that it keeps of an answer; what is beyond is counted
_MOST_HEAD = 16 * 1024  # octets
_MEMORY = "/dev/shm"  # noqa: S108  # files there have no names once they are made
_log = structlog.get_logger()


def _say_where(url: str) -> None:
    print(f"sealwright is listening on {url}", flush=True)  # noqa: T201


def serve(
    settings: Settings,
    announce: Callable[[str], None] = _say_where,
    tell: Tell = log_growth,
) -> None:
    """Serves until SIGTERM or SIGINT; tells `announce` its URL when it takes calls, and `tell`
    before that how far the tree over a long log has grown.

    Raises:
        Refused: there is no store, the master key is not its key, the store does not fit its
            anchor, the address is taken, or there is no place for temporary files.
        SystemExit: when it has been told to stop.
    """
    logging.configure()
    location = Location(settings.data_dir, settings.database, settings.master_key_file)
    anchor = make_ready(location, settings.anchor, settings.accepted_rollback, tell)
    listener = _listen(settings.bind)
    with metrics_directory(settings.data_dir) as metrics:
        # Read by prometheus_client when it is first imported.
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(metrics)
        _Arbiter(_Server(settings, location, anchor, listener, metrics, announce)).run()


class _Arbiter(Arbiter):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's main process. A signal that reaches a worker before it is ready to hear it would
    be lost, or end it: it is kept until then (`Worker._serve`)."""

    def spawn_worker(self) -> Any:
        signal.pthread_sigmask(signal.SIG_BLOCK, KEPT_SIGNALS)
        try:
            return super().spawn_worker()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, KEPT_SIGNALS)

    def handle_hup(self) -> None:
        """New TLS certificates; nobody is disconnected."""
        if self.app.take_new_certificate():
            self.kill_workers(signal.SIGHUP)

    def handle_ttin(self) -> None:
        if self.num_workers < MOST_WORKERS:
            super().handle_ttin()

    def handle_usr2(self) -> None:
        _log.warning("signal_ignored", signal="SIGUSR2")


class _Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    def __init__(
        self,
        settings: Settings,
        location: Location,
        anchor: Path,
        listener: socket.socket,
        metrics: Path,
        announce: Callable[[str], None],
    ) -> None:
        self.settings = settings
        self.tls = _context(settings)
        self.shares = Shares(2 * MOST_WORKERS)
        self._places = shared_places()
        self._announce = announce
        self._location = location
        self._anchor = anchor
        self._url = _url(settings, listener)
        self._descriptor = listener.detach()
        self._directory = metrics
        self._process: Any = None  # a controlplane.app.Process, in a worker
        super().__init__()

    def load_config(self) -> None:
        # Imported here, before any fork, and after the environment has been set.
        import controlplane.app  # noqa: F401

        chosen: dict[str, Any] = {
            "bind": f"fd://{self._descriptor}",
            "workers": self.settings.workers,
            "worker_class": Worker,
            # Touched again and again, to say that the worker lives: no disk should be waited for.
            "worker_tmp_dir": _MEMORY if os.access(_MEMORY, os.W_OK) else str(self._directory),
            "asgi_loop": "uvloop",
            "asgi_lifespan": "off",
            "http_parser": "auto",  # in C where that is installed
            "keepalive": int(KEEPALIVE_SECONDS),
            "graceful_timeout": _GRACE_SECONDS,
            "asgi_disconnect_grace_period": 2
            * _GRACE_SECONDS,  # calls of who has gone are recorded
            "control_socket_disable": True,
            "forwarded_allow_ips": "",
            "forwarder_headers": "",
            "secure_scheme_headers": {},
            "limit_request_line": 4094,
            "limit_request_fields": 64,
            "limit_request_field_size": _MOST_HEAD,
            "errorlog": "-",
            "loglevel": "warning",
            "logger_class": logging.ServerLogger,
            "proc_name": "sealwright",
            "when_ready": self._say_ready,
            "worker_exit": self._leave,
            "pre_fork": self._give_place,
            "child_exit": self._take_place_back,
        }
        for name, value in chosen.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        from controlplane.app import Process

        self._process = Process(
            self._location,
            self._directory,
            self._places,
            threads=self.settings.threads,
            metrics_named=self.settings.metrics_named,
            anchor=self._anchor,
        )
        return self._process

    def take_new_certificate(self) -> bool:
        """In each process for itself. False: what is there cannot be used."""
        try:
            self.tls = _context(self.settings)
        except OSError as fault:
            _log.error("tls_not_reloaded", cause=str(fault))
            return False
        return True

    def _say_ready(self, _arbiter: object) -> None:
        _log.info("listening", url=self._url, workers=self.settings.workers)
        with contextlib.suppress(
            OSError
        ):  # of a stdout that is closed or full; the log says it too
            self._announce(self._url)

    def _give_place(self, arbiter: Any, worker: Any) -> None:
        """In the main process, as `_take_place_back`."""
        taken = {each.place for each in arbiter.WORKERS.values()}
        worker.place = min(set(range(len(self.shares))) - taken)

    def _take_place_back(self, _arbiter: object, worker: Any) -> None:
        """However the worker came to its end."""
        self.shares.leave(worker.place)

    def _leave(self, _arbiter: object, _worker: object) -> None:
        if self._process is not None:
            self._process.close()


def _context(settings: Settings) -> ssl.SSLContext | None:
    return None if settings.tls is None else settings.tls.context()


def _listen(address: TcpAddress | UnixAddress) -> socket.socket:
    """Bound and listening, so that a taken address is refused at once and with words."""
    try:
        if isinstance(address, UnixAddress):
            _clear_path(address)
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(str(address.path))
            listener.listen(_BACKLOG)
            # As open as a loopback port: who may sign is for API keys to say.
            address.path.chmod(0o666)
        else:
            family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
            where = (address.host, address.port)
            listener = socket.create_server(where, family=family, backlog=_BACKLOG)
    except OSError as fault:
        what = fault.strerror or str(fault)
        title = f"Cannot listen on {address}: {what}."
        raise Refused(Code.ADDRESS_UNUSABLE, title) from None
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_OCTETS)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_OCTETS)
    return listener


def _clear_path(address: UnixAddress) -> None:
    """Takes over the socket of a server that was killed, never that of one that lives."""
    if not address.path.is_socket():
        return
    with contextlib.suppress(ConnectionRefusedError), socket.socket(socket.AF_UNIX) as probe:
        probe.connect(str(address.path))
        raise OSError("another server listens there")
    address.path.unlink()


def _url(settings: Settings, listener: socket.socket) -> str:
    if isinstance(settings.bind, UnixAddress):
        return str(settings.bind)
    bound = TcpAddress(settings.bind.host, listener.getsockname()[1])
    return f"{'http' if settings.tls is None else 'https'}://{bound}"

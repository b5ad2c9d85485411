"""The least that a request can cost: an empty Falcon resource under the control plane's gunicorn
settings, with gunicorn's own threaded worker. `python -m bench.empty WORKERS THREADS`.
"""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import falcon
from gunicorn.app.base import BaseApplication

_ROOT = Path(__file__).resolve().parents[1]


class _Empty:
    def on_get(self, _req: falcon.Request, resp: falcon.Response) -> None:
        resp.data = b"{}"


class _Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    def __init__(self, workers: int, threads: int) -> None:
        self._size = {"workers": workers, "threads": threads}
        super().__init__()

    def load_config(self) -> None:
        chosen = {
            **self._size,
            "bind": "127.0.0.1:0",
            "worker_class": "gthread",
            "worker_connections": 800,
            "worker_tmp_dir": "/dev/shm",  # noqa: S108  # in memory, as the control plane's
            "keepalive": 75,
            "control_socket_disable": True,
            "loglevel": "warning",
            "when_ready": _announce,
        }
        for name, value in chosen.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        app = falcon.App()
        app.add_route("/", _Empty())
        return app


def _announce(arbiter: Any) -> None:
    port = arbiter.LISTENERS[0].sock.getsockname()[1]
    sys.stdout.write(f"http://127.0.0.1:{port}\n")
    sys.stdout.flush()


@contextmanager
def running(workers: int, threads: int) -> Iterator[str]:
    """Its URL, of which `/` is the only path."""
    server = subprocess.Popen(
        [sys.executable, "-m", "bench.empty", str(workers), str(threads)],
        cwd=_ROOT,
        stdout=subprocess.PIPE,
    )
    try:
        assert server.stdout is not None  # noqa: S101  # it was asked for
        url = server.stdout.readline().decode().strip()
        if not url:
            raise RuntimeError("the empty server did not start")
        yield url
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait()


if __name__ == "__main__":
    _Server(int(sys.argv[1]), int(sys.argv[2])).run()

"""sealwright serve: the control plane."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import click
import msgspec

from sealwright.cli.options import LocalCommand, invocation
from sealwright.cli.output import print_object
from sealwright.cli.server_side import data_dir_option, refusals_told, store_options

if TYPE_CHECKING:
    from rich.progress import Progress


@click.command(cls=LocalCommand)
@data_dir_option
@store_options
@click.option(
    "--bind",
    metavar="HOST:PORT|unix:PATH",
    default="127.0.0.1:8443",
    show_default=True,
    help="Where to listen; port 0 is any free one.",
)
@click.option("--workers", type=int, default=None, help="Processes.  [2]")
@click.option("--threads", type=int, default=None, help="Threads in each of them.  [4]")
@click.option("--tls-cert", metavar="FILE", help="PEM of the server's certificate, leaf first.")
@click.option("--tls-key", metavar="FILE", help="Its key.")
@click.option("--client-ca", metavar="FILE", help="Ask callers for a certificate of this CA.")
@click.option("--insecure", is_flag=True, help="Listen without TLS where other machines can reach.")
@click.option(
    "--trusted-proxy",
    metavar="CIDR|unix",
    multiple=True,
    help="Believe X-Forwarded-For of a proxy there; `unix`: of all on the socket. May be repeated.",
)
@click.option(
    "--anchor",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Where to note how far the store has come; elsewhere than the store, it shows that both "
    "were restored.  [anchor.json in the data directory]",
)
@click.option(
    "--accept-rollback",
    metavar="HASH",
    help="Once: go on from this head of a store that went back in time.",
)
@click.option("--metrics-names", is_flag=True, help="/metrics names signers to whoever asks.")
def serve(
    data_dir: Path,
    database: str | None,
    master_key_file: Path | None,
    bind: str,
    workers: int | None,
    threads: int | None,
    tls_cert: str | None,
    tls_key: str | None,
    client_ca: str | None,
    insecure: bool,
    trusted_proxy: tuple[str, ...],
    anchor: Path | None,
    accept_rollback: str | None,
    metrics_names: bool,
) -> None:
    """Run the control plane until SIGTERM or SIGINT.

    Prints `sealwright is listening on URL` on stdout when it is ready, or with --json an object;
    logs go to stderr, one JSON object a line. Nothing of the client's environment counts.
    """
    from controlplane.serving import server
    from controlplane.serving.settings import (
        DEFAULT_THREADS,
        DEFAULT_WORKERS,
        InvalidSettings,
        Settings,
    )

    try:
        settings = Settings.parse(
            data_dir=data_dir,
            bind=bind,
            workers=DEFAULT_WORKERS if workers is None else workers,
            threads=DEFAULT_THREADS if threads is None else threads,
            tls_cert=tls_cert,
            tls_key=tls_key,
            client_ca=client_ca,
            insecure=insecure,
            master_key_file=master_key_file,
            database=database,
            trusted_proxies=trusted_proxy,
            metrics_named=metrics_names,
            anchor=anchor,
            accept_rollback=accept_rollback,
        )
    except InvalidSettings as faults:
        raise click.UsageError("\n".join(faults.faults)) from None
    with refusals_told():
        shown: _Shown = {"announce": _print_json} if invocation().json else {}
        if sys.stderr.isatty():
            shown["tell"] = _GrowthBar()
        server.serve(settings, **shown)


class _Shown(TypedDict, total=False):
    announce: Callable[[str], None]
    tell: Callable[[int, int], None]


class _GrowthBar:
    """On stderr, a terminal: of the tree over a log from before it had one."""

    def __init__(self) -> None:
        self._progress: Progress | None = None

    def __call__(self, rows: int, of: int) -> None:
        if self._progress is None:
            # Not at the top: rich takes longer to load than most commands to run.
            from rich.console import Console
            from rich.progress import Progress

            self._progress = Progress(console=Console(stderr=True), redirect_stdout=False)
            self._progress.start()
            self._progress.add_task("building the log's tree", total=of)
        (task,) = self._progress.task_ids
        self._progress.update(task, completed=rows)
        if rows == of:
            self._progress.stop()
            self._progress = None


class _Listening(msgspec.Struct):
    url: str


def _print_json(url: str) -> None:
    print_object(_Listening(url))

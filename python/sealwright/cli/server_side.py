"""What `init` and `serve` share: where the store is, and refusals of the control plane's code."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import click

from sealwright.cli.failure import CommandError

F = TypeVar("F", bound=Callable[..., object])


def default_data_dir() -> Path:
    """/var/lib/sealwright for root, else sealwright in the user's XDG data folder.

    Raises:
        CommandError: there is none.
    """
    if os.geteuid() == 0:
        return Path("/var/lib/sealwright")
    shared = os.environ.get("XDG_DATA_HOME")
    try:
        return (Path(shared) if shared else Path.home() / ".local" / "share") / "sealwright"
    except RuntimeError:  # neither HOME nor an entry of this user's
        raise CommandError("This user has no home for a store.", code="no_home") from None


data_dir_option = click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    default=default_data_dir,
    metavar="DIR",
    help="Where the store is.  [/var/lib/sealwright for root, else ~/.local/share/sealwright]",
)


def store_options(command: F) -> F:
    """--database and --master-key-file."""
    database = click.option(
        "--database",
        metavar="URL",
        help="sqlite:///FILE or postgresql://USER@HOST/NAME.  [as init was told; else "
        "sealwright.db in the data directory]",
    )
    master_key = click.option(
        "--master-key-file",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        help="The key that encrypts the signing keys.  [as init was told; else master.key in the "
        "data directory]",
    )
    return database(master_key(command))


@contextmanager
def refusals_told() -> Iterator[None]:
    """The control plane's refusals as failures of this command. What it logs besides goes to
    stderr, for stdout is the answer."""
    import structlog

    from controlplane.errors import Refused

    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    try:
        yield
    except Refused as refusal:
        raise CommandError(refusal.cause or refusal.title, code=refusal.code) from None

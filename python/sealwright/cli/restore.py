"""sealwright restore: a backup becomes the store."""

import shlex
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from sealwright.cli.moment import moment
from sealwright.cli.options import LocalCommand, invocation
from sealwright.cli.output import print_object, warn
from sealwright.cli.server_side import data_dir_option, refusals_told, store_options
from sealwright.cli.text import facts, printable

if TYPE_CHECKING:
    from controlplane.service.restoration import Loss, Restoration

_MOST_NAMES = 20


class _Restored(msgspec.Struct):
    data_dir: str
    instance: str | None
    rows: int
    head: str
    at: str | None
    lost_rows: int | None
    """None: the store that was there could not be read."""
    lost_since: datetime | None
    lost_until: datetime | None
    noted_rows: int | None
    """That the anchor says the store had, where those are more than the backup's."""
    altered: tuple[str, ...]
    kept: str | None
    """A backup of the store that was replaced, where the backup does not have all of it."""
    next: str


@click.command(cls=LocalCommand)
@click.argument("file", type=click.Path(path_type=Path))
@data_dir_option
@store_options
@click.option(
    "--anchor",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Where `serve --anchor` notes how far the store has come.",
)
@click.option("--yes", is_flag=True, help="Do not ask whether to go on.")
def restore(
    file: Path,
    data_dir: Path,
    database: str | None,
    master_key_file: Path | None,
    anchor: Path | None,
    *,
    yes: bool,
) -> None:
    """Put the backup FILE in the place of the store, on either database.

    First its log is verified and the master key tried; then it says what is lost, and asks a person
    whether to go on. What was there is kept, as a backup in the data directory. API keys, grants
    and approvals are suspended, which the lost rows may have revoked or used. Servers have to be
    stopped. The data directory may be new; it remembers --database and --master-key-file.
    """
    from controlplane.api.operations import line
    from controlplane.service.location import Location
    from controlplane.service.restoration import restoration

    location = Location(data_dir, database, master_key_file)
    with refusals_told(), restoration(location, file, line, anchor) as found:
        if not invocation().json:
            _tell(found)
        if not yes and _loses(found):
            _ask()
        found.carry_out()
        is_accepted = found.accept()
    following = _next(data_dir, anchor, found, is_accepted=is_accepted)
    if invocation().json:
        print_object(_restored(data_dir, found, following))
    else:
        if found.kept is not None:
            kept = printable(str(found.kept))
            click.echo(f"What was there before is kept, as a backup: {kept}", err=True)
        click.echo(f"Restored. Start the server: {following}", err=True)
        if is_accepted:
            click.echo(
                "API keys, grants and approvals are suspended until an admin confirms them:\n"
                "  sealwright recovery list\n"
                "If no admin's key works any more, on this machine:\n"
                f"  sealwright init --new-admin-key --data-dir {shlex.quote(str(data_dir))}",
                err=True,
            )


def _tell(found: "Restoration") -> None:
    backup = found.summary
    facts(
        [
            ("backup of", datetime.fromisoformat(backup.made_at)),
            ("rows", backup.sequence),
            ("last row", backup.last_row_at),
            ("head", backup.row_hash),
        ]
    )
    click.echo(printable(_sentence(found.loss)), err=True)
    if found.noted is not None:
        rows = found.noted.sequence - backup.sequence
        more = "1 row more is" if rows == 1 else f"{rows} rows more are"
        click.echo(
            f"{more} lost that the store had, as its anchor says: until {moment(found.noted.at)}.",
            err=True,
        )
    if found.altered:
        warn(
            f"{len(found.altered)} objects of the backup are not as the server left them, and what "
            f"rests on them will be refused: {', '.join(found.altered[:_MOST_NAMES])}"
        )


def _sentence(loss: "Loss | None") -> str:
    if loss is None:
        return "There is no store in its place."
    if loss.damage is not None:
        return f"What the store that is there holds is lost. {loss.damage}"
    if loss.rows == 0:
        return "The backup holds all rows of the store that is there."
    span = f"{loss.rows} rows of the store that is there are lost, from {moment(loss.since)} to "
    span += f"{moment(loss.until)}, and what they changed"
    return f"{span}; its log is another one than the backup's." if loss.is_other else f"{span}."


def _loses(found: "Restoration") -> bool:
    loss = found.loss
    is_damaged = loss is not None and (loss.rows > 0 or loss.damage is not None)
    return is_damaged or found.noted is not None


def _ask() -> None:
    """Where nobody can answer, the command itself is the answer."""
    if sys.stdin.isatty():
        click.confirm("Go on?", abort=True, err=True)
    elif sys.stdin.readline().strip().lower() in ("n", "no"):
        raise click.Abort


def _next(data_dir: Path, anchor: Path | None, found: "Restoration", *, is_accepted: bool) -> str:
    words = ["sealwright", "serve", "--data-dir", str(data_dir)]
    if anchor is not None:
        words += ["--anchor", str(anchor)]
    if not is_accepted:
        words += ["--accept-rollback", found.summary.row_hash]
    return shlex.join(words)


def _restored(data_dir: Path, found: "Restoration", following: str) -> _Restored:
    loss = found.loss
    lost = 0 if loss is None else loss.rows
    return _Restored(
        data_dir=str(data_dir.absolute()),
        instance=found.summary.instance,
        rows=found.summary.sequence,
        head=found.summary.row_hash,
        at=found.summary.at,
        lost_rows=None if loss is not None and loss.damage is not None else lost,
        lost_since=None if loss is None else loss.since,
        lost_until=None if loss is None else loss.until,
        noted_rows=None if found.noted is None else found.noted.sequence,
        altered=found.altered,
        kept=None if found.kept is None else str(found.kept.absolute()),
        next=following,
    )

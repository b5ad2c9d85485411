"""sealwright backup: the store as a file, while it is served."""

from pathlib import Path

import click
import msgspec

from sealwright.cli.options import LocalCommand, invocation
from sealwright.cli.output import print_object
from sealwright.cli.server_side import data_dir_option, refusals_told, store_options
from sealwright.cli.text import facts


class _Backup(msgspec.Struct):
    file: str
    version: str
    schema: int
    instance: str | None
    rows: int
    head: str
    at: str | None
    made_at: str


@click.command(cls=LocalCommand)
@click.argument("file", type=click.Path(path_type=Path))
@data_dir_option
@store_options
def backup(file: Path, data_dir: Path, database: str | None, master_key_file: Path | None) -> None:
    """Copy the store as it is at this moment into a new FILE, while it is served or not.

    The file holds no master key: without that it is worth its audit log only.
    """
    from controlplane.service.backup import back_up
    from controlplane.service.location import Location

    with refusals_told():
        made = back_up(Location(data_dir, database, master_key_file), file)
    if invocation().json:
        print_object(
            _Backup(
                file=str(file.absolute()),
                version=made.version,
                schema=made.schema,
                instance=made.instance,
                rows=made.sequence,
                head=made.row_hash,
                at=made.at,
                made_at=made.made_at,
            )
        )
        return
    facts([("file", file), ("rows", made.sequence), ("head", made.row_hash)])
    click.echo("The master key is not in it: keep a copy of that somewhere else.", err=True)

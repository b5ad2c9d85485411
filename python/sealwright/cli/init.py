"""sealwright init: the store, the master key and the first admin."""

from datetime import datetime
from pathlib import Path

import click
import msgspec

from sealwright.cli.identity import key_out as key_out_option
from sealwright.cli.options import LocalCommand, invocation
from sealwright.cli.output import KeyOutput, print_object
from sealwright.cli.server_side import data_dir_option, refusals_told, store_options
from sealwright.cli.text import facts


class _FirstAdmin(msgspec.Struct):
    id: str
    name: str
    kind: str
    role: str | None
    owner: str | None
    disabled: bool
    created_at: datetime
    api_key_id: str
    data_dir: str
    log_key: str
    api_key: str | msgspec.UnsetType = msgspec.UNSET


class _Joined(msgspec.Struct):
    data_dir: str


def _tell_joined(data_dir: Path) -> None:
    if invocation().json:
        print_object(_Joined(str(data_dir.absolute())))
    else:
        facts([("data directory", data_dir.absolute())])
        _say_how_to_start(data_dir)


def _say_how_to_start(data_dir: Path) -> None:
    click.echo(f"Start the server: sealwright serve --data-dir {data_dir}", err=True)


@click.command(cls=LocalCommand)
@data_dir_option
@store_options
@click.option(
    "--new-admin-key",
    is_flag=True,
    help="Locked out: a new key for the admin of a store that there is. It is audited.",
)
@click.option(
    "--join",
    is_flag=True,
    help="Another node of a store that there is: --database says where, --master-key-file names a "
    "copy of its master key.",
)
@key_out_option
def init(
    data_dir: Path,
    database: str | None,
    master_key_file: Path | None,
    new_admin_key: bool,
    join: bool,
    key_out: Path | None,
) -> None:
    """Create the store, the master key and the first admin, and print its API key once.

    The data directory may exist if it is empty; it remembers --database and --master-key-file for
    `sealwright serve`. Nothing of the client's environment counts.
    """
    from controlplane.service import installation
    from controlplane.service.location import Location

    location = Location(data_dir, database, master_key_file)
    if join:
        if new_admin_key or key_out is not None:
            raise click.UsageError("--join makes no API key: leave out what asks for one.")
        with refusals_told():
            installation.join(location)
        _tell_joined(data_dir)
        return
    output = KeyOutput(key_out)
    try:
        with refusals_told():
            create = installation.new_admin_key if new_admin_key else installation.initialise
            admin = create(location)
            log_key = installation.read_log_key(location)
    except BaseException:
        output.discard()
        raise
    output.keep(admin.api_key)
    who = admin.identity
    if invocation().json:
        first = _FirstAdmin(
            id=who.id,
            name=who.name,
            kind=who.kind,
            role=who.role,
            owner=who.owner,
            disabled=who.disabled,
            created_at=who.created_at,
            api_key_id=admin.api_key_id,
            data_dir=str(data_dir.absolute()),
            log_key=log_key,
        )
        if key_out is None:
            first.api_key = admin.api_key
        print_object(first)
    else:
        facts(
            [
                ("data directory", data_dir.absolute()),
                ("admin", who.name),
                ("log key", log_key),
            ]
        )
        output.tell(admin.api_key)
        _say_how_to_start(data_dir)

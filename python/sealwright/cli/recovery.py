"""sealwright recovery: what is done on the server's own machine, past everybody."""

from pathlib import Path

import click
import msgspec

from sealwright.cli.options import Group, LocalCommand, client, invocation
from sealwright.cli.output import print_object, show
from sealwright.cli.server_side import data_dir_option, refusals_told, store_options
from sealwright.cli.text import facts, moment, printable
from sealwright.client.objects import AcceptedClock


class _Detached(msgspec.Struct):
    signer: str
    policy: str


@click.group(cls=Group)
def recovery() -> None:
    """On the server's own machine, when nobody is left who could agree."""


@recovery.command("accept-clock")
def accept_clock() -> None:
    """The server's clock was ahead, wrote rows, and is right now: go by it again.

    An admin may. Where four eyes are on, another admin has to agree. It is audited.
    """
    show(client().accept_clock(), _show_clock)


def _show_clock(one: AcceptedClock) -> None:
    facts([("accepted", moment(one.accepted_at)), ("last row", moment(one.rows_at))])


@recovery.command("detach-policy", cls=LocalCommand)
@click.argument("signer")
@data_dir_option
@store_options
def detach_policy(
    signer: str, data_dir: Path, database: str | None, master_key_file: Path | None
) -> None:
    """Take a signer's policy away, protected or not.

    It is on record as done by nobody, and everybody who sees the signer is shown it.
    """
    from controlplane.service import recovery as service
    from controlplane.service.location import Location

    with refusals_told():
        policy = service.detach_policy(Location(data_dir, database, master_key_file), signer)
    if invocation().json:
        print_object(_Detached(signer, policy.name))
        return
    click.echo(printable(f"{signer} has lost its policy {policy.name}: its members sign at once."))
    click.echo("Everybody who sees the signer is shown that.", err=True)

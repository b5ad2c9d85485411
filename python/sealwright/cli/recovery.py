"""sealwright recovery: after the store went back in time; and what is done on the server's own
machine, past everybody."""

from pathlib import Path

import click
import msgspec

from sealwright.cli.options import Group, LocalCommand, client, invocation, page_options
from sealwright.cli.output import print_object, show, show_page
from sealwright.cli.server_side import data_dir_option, refusals_told, store_options
from sealwright.cli.short_id import suspension_id
from sealwright.cli.tabular import ident, table, text, word
from sealwright.cli.text import facts, printable
from sealwright.client.objects import AcceptedClock, Confirmed, Suspension

_COLUMNS = [word("kind"), ident("id"), text("of"), text("signer", 1), word("suspended", 2)]


class _Detached(msgspec.Struct):
    signer: str
    policy: str


@click.group(cls=Group)
def recovery() -> None:
    """After a rollback, and ways out on the server's own machine."""


@recovery.command("list")
@page_options
def list_(limit: int, cursor: str | None) -> None:
    """API keys, grants and approvals that do not count until they are confirmed.

    What was lost when the store went back may have revoked them, or used them up.
    """
    show_page(client().suspensions(limit, cursor), _COLUMNS, _row)


@recovery.command()
@click.argument("kind", required=False, type=click.Choice(["api_key", "grant", "approval"]))
@click.argument("id", required=False)
@click.option("--all", "all_", is_flag=True, help="All that no protected policy has a say in.")
def confirm(kind: str | None, id: str | None, all_: bool) -> None:  # noqa: A002  # the argument's name in the usage line
    """Let it count again. It is audited.

    An admin may. Where four eyes are on, another admin has to agree; with a protected policy, its
    approvers, to a grant or an approval under it.
    """
    if all_ is (kind is not None) or (kind is None) is not (id is None):
        raise click.UsageError("Give KIND and ID of what is to be confirmed, or --all.")
    if kind is None or id is None:
        show(client().confirm_all(), _show_all)
    else:
        caller = client()
        full = suspension_id(kind, id, caller)
        show(caller.confirm(kind, full), lambda one: table(_COLUMNS, [_row(one)]))


def _show_all(done: Confirmed) -> None:
    table(_COLUMNS, [_row(one) for one in done.confirmed])
    if done.left:
        click.echo(
            "Still suspended, for a protected policy has a say in it, one by one "
            f"(sealwright recovery confirm KIND ID): {len(done.left)}.",
            err=True,
        )


def _row(one: Suspension) -> list[object]:
    return [one.kind, one.id, one.identity, one.signer, one.at]


@recovery.command("accept-clock")
def accept_clock() -> None:
    """The server's clock was ahead, wrote rows, and is right now: go by it again.

    An admin may. Where four eyes are on, another admin has to agree. It is audited.
    """
    show(client().accept_clock(), _show_clock)


def _show_clock(one: AcceptedClock) -> None:
    facts([("accepted", one.accepted_at), ("last row", one.rows_at)])


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

"""sealwright grant: permissions to sign that there are, and pre-approved ones."""

import click

from sealwright.cli.bounds import wanted_options
from sealwright.cli.grant_text import show_grant, until, used
from sealwright.cli.options import Group, client, page_options
from sealwright.cli.output import show, show_page
from sealwright.cli.short_id import grant_id
from sealwright.cli.tabular import ident, text, word

_STATES = ["active", "expired", "exhausted", "revoked", "suspended"]


@click.group(cls=Group)
def grant() -> None:
    """Permissions to sign, for a time and a number of signings."""


@grant.command()
@click.argument("signer")
@click.argument("identity")
@wanted_options
def create(signer: str, identity: str, why: str, window: int | None, signings: int | None) -> None:
    """Give somebody else a grant without a request.

    Administrators of the signer may, within the limits of its policy. The window starts now.
    """
    show(client().create_grant(signer, identity, why, window, signings), show_grant)


@grant.command("list")
@click.option("--signer", metavar="NAME", help="Only grants for this signer.")
@click.option("--grantee", metavar="NAME", help="Only grants of this identity.")
@click.option("--state", type=click.Choice(_STATES), help="Only those in this state.")
@page_options
def list_(
    signer: str | None,
    grantee: str | None,
    state: str | None,
    limit: int,
    cursor: str | None,
) -> None:
    """Grants that you may see, newest first."""
    show_page(
        client().grants(limit, cursor, signer=signer, grantee=grantee, state=state),
        [
            ident("id"),
            text("grantee"),
            text("signer", 1),
            text("policy", 5),
            word("state"),
            word("used", 3),
            word("from", 4),
            word("until", 2),
        ],
        lambda it: [
            it.id,
            it.grantee,
            it.signer,
            it.policy,
            it.state,
            used(it),
            it.not_before,
            until(it),
        ],
    )


@grant.command("show")
@click.argument("id")
def show_(id: str) -> None:  # noqa: A002  # the argument's name in the usage line
    """One grant: how much of it is used, and where it came from."""
    caller = client()
    show(caller.grant(grant_id(id, caller)), show_grant)


@grant.command()
@click.argument("id")
@click.option("--why", metavar="TEXT", required=True, help="Kept with the grant.")
def revoke(id: str, why: str) -> None:  # noqa: A002
    """End a grant now, for good."""
    caller = client()
    show(caller.revoke_grant(grant_id(id, caller), why), show_grant)

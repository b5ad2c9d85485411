"""sealwright member: who may do what with a signer."""

import click
import msgspec

from sealwright.cli.options import Group, client, invocation, page_options
from sealwright.cli.output import print_object, show, show_page
from sealwright.cli.tabular import text, word
from sealwright.cli.text import facts


@click.group(cls=Group)
def member() -> None:
    """Who may do what with a signer."""


@member.command()
@click.argument("signer")
@click.argument("identity")
@click.option(
    "--role",
    type=click.Choice(["administrator", "operator", "auditor"]),
    required=True,
    help="administrator manages and signs, operator signs, auditor reads.",
)
def add(signer: str, identity: str, role: str) -> None:
    """Make an identity, or all of a @GROUP, a member; one that is a member already gets this
    role."""
    show(
        client().add_member(signer, identity, role),
        lambda it: facts(
            [
                ("signer", it.signer),
                ("identity", it.identity),
                ("role", it.role),
                ("added", it.added_at),
            ]
        ),
    )


@member.command()
@click.argument("signer")
@click.argument("identity")
def remove(signer: str, identity: str) -> None:
    """End a membership."""
    client().remove_member(signer, identity)
    if invocation().json:
        print_object(_Removed(signer, identity, removed=True))
    else:
        click.echo(f"{identity} is no member of {signer} any more.", err=True)


class _Removed(msgspec.Struct):
    signer: str
    identity: str
    removed: bool


@member.command("list")
@click.argument("signer")
@page_options
def list_(signer: str, limit: int, cursor: str | None) -> None:
    """The members of a signer."""
    show_page(
        client().members(signer, limit, cursor),
        [text("identity"), word("role"), word("added", 1)],
        lambda it: [it.identity, it.role, it.added_at],
    )

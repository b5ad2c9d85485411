"""sealwright group: users who are named together, as @NAME."""

import click
import msgspec

from sealwright.cli.options import Group, client, invocation, page_options
from sealwright.cli.output import print_object, show, show_page, tell_deleted
from sealwright.cli.tabular import text, word
from sealwright.cli.text import facts
from sealwright.client import objects


@click.group(cls=Group)
def group() -> None:
    """Users who are named together: @NAME where an approver or a member is named."""


@group.command()
@click.argument("name")
def create(name: str) -> None:
    """Make a group, without users. Its name is given without the @."""
    show(client().create_group(name), _show)


@group.command()
@click.argument("name")
def delete(name: str) -> None:
    """Remove a group that no policy and no signer names."""
    client().delete_group(name)
    tell_deleted(name)


@group.command("list")
@page_options
def list_(limit: int, cursor: str | None) -> None:
    """The groups, by name."""
    show_page(
        client().groups(limit, cursor),
        [text("name"), text("users"), word("created", 1)],
        lambda it: [it.name, ", ".join(it.users) or None, it.created_at],
    )


@group.command("show")
@click.argument("name")
def show_(name: str) -> None:
    """One group: who is in it, and what names it."""
    show(client().group(name), _show)


@group.command()
@click.argument("group")
@click.argument("identity")
def add(group: str, identity: str) -> None:
    """Put a user into a group."""
    show(client().add_to_group(group, identity), _show)


@group.command()
@click.argument("group")
@click.argument("identity")
def remove(group: str, identity: str) -> None:
    """Take a user out of a group."""
    client().remove_from_group(group, identity)
    if invocation().json:
        print_object(_Removed(group, identity, removed=True))
    else:
        click.echo(f"{identity} is in {group} no more.", err=True)


class _Removed(msgspec.Struct):
    group: str
    identity: str
    removed: bool


def _show(one: objects.Group) -> None:
    facts(
        [
            ("name", one.name),
            ("id", one.id),
            ("users", ", ".join(one.users) or None),
            ("policies", ", ".join(one.policies) or None),
            ("signers", ", ".join(one.signers) or None),
            ("created", one.created_at),
        ]
    )

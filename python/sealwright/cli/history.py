"""What happened to a policy, or to a signer with its policies, as people read it."""

from collections.abc import Sequence

import click

from sealwright.cli.moment import moment
from sealwright.cli.text import printable
from sealwright.client.objects import PolicyChange

_WEAKENING = {"loosened", "detached"}
_LINK = {"attached": "to", "detached": "from"}


def show_changes(changes: Sequence[PolicyChange]) -> None:
    """Newest first; those that ask for less than before stand out."""
    if not changes:
        return
    click.echo("\nChanges, newest first; ! marks those that ask for less than before:")
    for change in changes:
        mark = "!" if change.change in _WEAKENING else " "
        where = f" {_LINK.get(change.change, 'on')} {change.signer}" if change.signer else ""
        by = f" by {change.by}" if change.by else ""
        click.echo(
            printable(f"{mark} {moment(change.at)}  {change.policy} {change.change}{where}{by}")
        )
        for sentence in change.what:
            click.echo(printable(f"    {sentence}"))

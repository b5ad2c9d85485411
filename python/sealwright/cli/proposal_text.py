"""A proposal, and a decision on it, as people read them."""

from collections.abc import Mapping

import click

from sealwright.cli.ballot_text import end, show_steps
from sealwright.cli.text import bullets, facts, moment, printable
from sealwright.client.objects import Proposal


def show_proposal(one: Proposal) -> None:
    facts(
        [
            ("id", one.id),
            ("action", one.action),
            ("object", one.object),
            ("signer", one.signer),
            *_details(one.details),
            ("proposer", one.proposer),
            ("state", one.state),
            ("created", moment(one.created_at)),
            ("expires", moment(one.expires_at)),
            *end(one),
        ]
    )
    show_steps(one)
    if one.missing:
        click.echo("\nMissing:")
        bullets(one.missing)


def show_decision(verdict: str, after: Proposal) -> None:
    """What was decided, and where the proposal stands since."""
    click.echo(
        printable(f"{verdict}: {after.action} {after.object}, proposed by {after.proposer}.")
    )
    if after.missing:
        click.echo("Still missing:")
        bullets(after.missing)
    elif after.state == "approved":
        click.echo("The proposal is approved, and carried out.")
    else:
        click.echo(printable(f"The proposal is {after.state}."))


def _details(details: Mapping[str, str | int | bool | None]) -> list[tuple[str, object]]:
    return [(name.replace("_", " "), value) for name, value in details.items()]

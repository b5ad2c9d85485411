"""A request, and a decision on it, as people read them."""

import click

from sealwright.cli.ballot_text import end, show_steps
from sealwright.cli.bounds import hashes, signings, window
from sealwright.cli.text import bullets, facts, printable
from sealwright.client.objects import Request


def show_request(one: Request) -> None:
    facts(
        [
            ("id", one.id),
            ("signer", one.signer),
            ("requester", one.requester),
            ("why", one.justification),
            ("window", _of(window(one.window_seconds), window(one.max_window_seconds))),
            ("signings", _of(signings(one.signings), signings(one.max_signings))),
            ("hashes", hashes(one.hashes)),
            ("policy", one.policy),
            ("state", one.state),
            ("created", one.created_at),
            ("expires", one.expires_at),
            *end(one),
            *([] if one.grant_id is None else [("grant", one.grant_id)]),
        ]
    )
    show_steps(one)
    if one.missing:
        click.echo("\nMissing:")
        bullets(one.missing)


def _of(wanted: str, most: str) -> str:
    return wanted if wanted == most else f"{wanted} (the policy allows {most})"


def show_decision(verdict: str, after: Request) -> None:
    """What was decided, and where the request stands since."""
    click.echo(printable(f"{verdict}: {after.requester} for the signer {after.signer}."))
    click.echo(printable(f"  request {after.id}"))
    if after.missing:
        click.echo("Still missing:")
        bullets(after.missing)
    elif after.grant_id is not None:
        click.echo(printable(f"The request is {after.state}; its grant is {after.grant_id}."))
    else:
        click.echo(printable(f"The request is {after.state}."))

"""A proposal, and a decision on it, as people read them."""

from collections.abc import Mapping

import click

from sealwright.cli.ballot_text import end, show_steps
from sealwright.cli.text import bullets, facts, printable
from sealwright.client.objects import Proposal

_Value = str | int | bool | None
_EXCHANGED = {"policy", "role", "after"}
"""Details beside which `before` says what was."""


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
            ("created", one.created_at),
            ("expires", one.expires_at),
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
    click.echo(printable(f"  proposal {after.id}"))
    if after.missing:
        click.echo("Still missing:")
        bullets(after.missing)
    elif after.state == "approved":
        click.echo("The proposal is approved, and carried out.")
    else:
        click.echo(printable(f"The proposal is {after.state}."))


def _details(details: Mapping[str, _Value]) -> list[tuple[str, object]]:
    """What was and what would be stand in one line."""
    shown: list[tuple[str, object]] = []
    for name, value in details.items():
        if name == "before" or name.removesuffix("_before") in details.keys() - {name}:
            continue
        before = "before" if name in _EXCHANGED else f"{name}_before"
        what = f"{_say(details[before])} → {_say(value)}" if before in details else value
        shown.append((name.replace("_", " "), what))
    return shown


def _say(value: _Value) -> str:
    return "none" if value is None else str(value)

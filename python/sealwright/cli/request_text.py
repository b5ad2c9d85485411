"""A request, and a decision on it, as people read them."""

import click

from sealwright.cli.bounds import hashes, signings, window
from sealwright.cli.text import bullets, facts, moment, printable
from sealwright.client.objects import Request, RequestStep


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
            ("created", moment(one.created_at)),
            ("expires", moment(one.expires_at)),
            *_end(one),
        ]
    )
    for number, step in enumerate(one.steps, 1):
        _show_step(one, number, step)
    if one.missing:
        click.echo("\nMissing:")
        bullets(one.missing)


def _of(wanted: str, most: str) -> str:
    return wanted if wanted == most else f"{wanted} (the policy allows {most})"


def _end(one: Request) -> list[tuple[str, object]]:
    pairs: list[tuple[str, object]] = []
    if one.ended_at is not None:
        pairs += [("ended", moment(one.ended_at)), ("ended by", one.ended_by)]
    if one.comment is not None:
        pairs.append(("comment", one.comment))
    if one.grant_id is not None:
        pairs.append(("grant", one.grant_id))
    return pairs


def _show_step(one: Request, number: int, step: RequestStep) -> None:
    title = _step_title(one, number)
    approved = sum(
        decision.verdict == "approved" and decision.withdrawn_at is None
        for decision in step.decisions
    )
    now = ", open now" if one.step == number else ""
    click.echo("")
    click.echo(printable(f"{title[0].upper()}{title[1:]}{now}"))
    click.echo(
        printable(f"  {approved} of {step.required} approvals, of {', '.join(step.approvers)}")
    )
    for decision in step.decisions:
        comment = f": {decision.comment}" if decision.comment else ""
        end = decision.withdrawn_at
        withdrawn = "" if end is None else f", withdrawn {moment(end)}"
        said = f"{decision.verdict} by {decision.approver}{withdrawn}{comment}"
        click.echo(printable(f"  {moment(decision.at)}  {said}"))


def name_step(one: Request) -> str:
    """The one that is open; the whole request if none is."""
    return "the request" if one.step is None else _step_title(one, one.step)


def _step_title(one: Request, number: int) -> str:
    place = f"step {number} of {len(one.steps)}"
    return f"{place}, '{one.steps[number - 1].name}'" if 1 <= number <= len(one.steps) else place


def show_decision(verdict: str, after: Request) -> None:
    """What was decided, and where the request stands since."""
    click.echo(printable(f"{verdict}: {after.requester} for the signer {after.signer}."))
    if after.missing:
        click.echo("Still missing:")
        bullets(after.missing)
    elif after.grant_id is not None:
        click.echo(printable(f"The request is {after.state}; its grant is {after.grant_id}."))
    else:
        click.echo(printable(f"The request is {after.state}."))

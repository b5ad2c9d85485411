"""The steps of a request or a proposal, and a decision on it, as people read them."""

import click

from sealwright.cli.duration import spell_age
from sealwright.cli.moment import moment
from sealwright.cli.text import printable
from sealwright.client.objects import Credential, Decision, Proposal, Request, RequestStep

Ballot = Request | Proposal


def show_steps(one: Ballot) -> None:
    for number, step in enumerate(one.steps, 1):
        _show_step(one, number, step)


def name_step(one: Ballot, otherwise: str) -> str:
    """The one that is open; `otherwise` if none is."""
    return otherwise if one.step is None else _title(one, one.step)


def open_step(seen: Ballot) -> int | None:
    """What to say to the server, so that nobody decides on a step that they have not seen."""
    return seen.step if seen.state == "pending" else None


def end(one: Ballot) -> list[tuple[str, object]]:
    """Facts: none while it is pending."""
    pairs: list[tuple[str, object]] = []
    if one.ended_at is not None:
        pairs += [("ended", one.ended_at), ("ended by", one.ended_by)]
    if one.comment is not None:
        pairs.append(("comment", one.comment))
    return pairs


def _show_step(one: Ballot, number: int, step: RequestStep) -> None:
    title = _title(one, number)
    approved = sum(
        decision.verdict == "approved"
        and decision.withdrawn_at is None
        and decision.suspended_at is None
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
        said = f"{decision.verdict} by {decision.approver}{_ended(decision)}{comment}"
        click.echo(printable(f"  {moment(decision.at)}  {said}"))
        if decision.credential is not None:
            click.echo(printable(f"    with {_say_credential(decision.credential)}"))


def _ended(decision: Decision) -> str:
    if decision.withdrawn_at is not None:
        return f", withdrawn {moment(decision.withdrawn_at)}"
    if decision.suspended_at is not None:
        return f", suspended {moment(decision.suspended_at)} until it is confirmed"
    return ""


def _say_credential(of: Credential) -> str:
    """In a sentence."""
    origin = f"made by {of.issued_by}" if of.issued_by else "of unknown origin"
    if of.enrolled:
        origin = f"enrolled by its holder, at the invitation of {of.issued_by}"
    return f"{of.kind.replace('_', ' ')} {of.id}, {spell_age(of.age_seconds)} old, {origin}"


def _title(one: Ballot, number: int) -> str:
    place = f"step {number} of {len(one.steps)}"
    return f"{place}, '{one.steps[number - 1].name}'" if 1 <= number <= len(one.steps) else place

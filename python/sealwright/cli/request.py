"""sealwright request: asking for a grant, and deciding who gets one."""

import click

from sealwright.cli.ballot_text import name_step, open_step
from sealwright.cli.bounds import signings, wanted_options, window
from sealwright.cli.options import Group, client, invocation, page_options
from sealwright.cli.output import show, show_page
from sealwright.cli.request_text import show_decision, show_request
from sealwright.cli.short_id import request_id
from sealwright.cli.tabular import ident, text, word
from sealwright.cli.text import printable
from sealwright.client.objects import Request

_STATES = ["pending", "approved", "rejected", "cancelled", "expired"]
_NONE_OPEN = "the request"
_COLUMNS = [
    ident("id"),
    word("created", 3),
    text("requester"),
    text("signer", 1),
    word("state"),
    word("step", 4),
    word("window", 6),
    word("signings", 5),
    text("why", 2, least=20),
]


@click.group(cls=Group)
def request() -> None:
    """Ask for a grant to sign, and decide what others ask for."""


@request.command()
@click.argument("signer")
@wanted_options
def create(signer: str, why: str, window: int | None, signings: int | None) -> None:
    """Ask for a grant to sign, for yourself.

    If an equal request waits already, it is shown and no second one is made.
    """
    answer = client().create_request(signer, why, window, signings)
    show(answer, show_request)
    if invocation().json:
        return
    if not answer.created:
        click.echo("This request was there already; no second one was made.", err=True)
    if answer.value.state == "pending":
        asked = printable(answer.value.id)
        click.echo(f"Approvers decide with: sealwright request approve {asked}", err=True)


@request.command("list")
@click.option("--signer", metavar="NAME", help="Only requests for this signer.")
@click.option("--requester", metavar="NAME", help="Only what this identity asked for.")
@click.option("--state", type=click.Choice(_STATES), help="Only those in this state.")
@page_options
def list_(
    signer: str | None,
    requester: str | None,
    state: str | None,
    limit: int,
    cursor: str | None,
) -> None:
    """Requests that you may see, newest first."""
    show_page(
        client().requests(limit, cursor, signer=signer, requester=requester, state=state),
        _COLUMNS,
        _row,
    )


def _row(one: Request) -> list[object]:
    return [
        one.id,
        one.created_at,
        one.requester,
        one.signer,
        one.state,
        None if one.step is None else f"{one.step} of {len(one.steps)}",
        window(one.window_seconds),
        signings(one.signings),
        one.justification,
    ]


@request.command("show")
@click.argument("id")
def show_(id: str) -> None:  # noqa: A002  # the argument's name in the usage line
    """One request, its decisions, and what is missing."""
    caller = client()
    show(caller.request(request_id(id, caller)), show_request)


@request.command()
@click.argument("id")
@click.option("--comment", metavar="TEXT", help="Kept with the approval.")
def approve(id: str, comment: str | None) -> None:  # noqa: A002
    """Approve the open step of a request.

    The last approval issues the grant, whose window starts then. Refused if another step is open
    than when the command looked.
    """
    caller = client()
    seen = caller.request(request_id(id, caller)).value
    answer = caller.approve_request(seen.id, comment, open_step(seen))
    show(answer, lambda it: show_decision(f"Approved {name_step(seen, _NONE_OPEN)}", it))


@request.command()
@click.argument("id")
@click.option("--why", metavar="TEXT", required=True, help="Told to the requester.")
def reject(id: str, why: str) -> None:  # noqa: A002
    """Refuse a request for good; one approver of the open step is enough."""
    caller = client()
    seen = caller.request(request_id(id, caller)).value
    answer = caller.reject_request(seen.id, why, open_step(seen))
    show(answer, lambda it: show_decision(f"Rejected {name_step(seen, _NONE_OPEN)}", it))


@request.command()
@click.argument("id")
def cancel(id: str) -> None:  # noqa: A002
    """Take a request back.

    Whoever asked can, and an administrator of the signer.
    """
    caller = client()
    show(caller.cancel_request(request_id(id, caller)), show_request)

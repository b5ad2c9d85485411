"""sealwright proposal: changes that others have to agree to first."""

import click

from sealwright.cli.ballot_text import name_step, open_step
from sealwright.cli.options import Group, client, page_options
from sealwright.cli.output import show, show_page
from sealwright.cli.proposal_text import show_decision, show_proposal
from sealwright.cli.short_id import proposal_id
from sealwright.cli.tabular import ident, text, word

_STATES = ["pending", "approved", "rejected", "cancelled", "expired"]
_NONE_OPEN = "the proposal"


@click.group(cls=Group)
def proposal() -> None:
    """Decide on changes that nobody makes alone.

    A command that would touch a protected policy, or what it guards, proposes its change and exits
    with 4: nothing is changed until everybody whose approval it names has agreed.
    """


@proposal.command("list")
@click.option("--state", type=click.Choice(_STATES), help="Only those in this state.")
@page_options
def list_(state: str | None, limit: int, cursor: str | None) -> None:
    """Proposals that you may see, newest first."""
    show_page(
        client().proposals(limit, cursor, state=state),
        [
            ident("id"),
            word("created", 2),
            text("proposer", 1),
            text("action"),
            text("object"),
            word("state"),
            word("step", 3),
        ],
        lambda it: [
            it.id,
            it.created_at,
            it.proposer,
            it.action,
            it.object,
            it.state,
            None if it.step is None else f"{it.step} of {len(it.steps)}",
        ],
    )


@proposal.command("show")
@click.argument("id")
def show_(id: str) -> None:  # noqa: A002  # the argument's name in the usage line
    """One proposal: what it would change, its decisions, and what is missing."""
    caller = client()
    show(caller.proposal(proposal_id(id, caller)), show_proposal)


@proposal.command()
@click.argument("id")
@click.option("--comment", metavar="TEXT", help="Kept with the approval.")
def approve(id: str, comment: str | None) -> None:  # noqa: A002
    """Approve the open step of a proposal.

    The last approval carries it out. Refused if another step is open than when the command looked,
    and if something that the proposal rests on has changed.
    """
    caller = client()
    seen = caller.proposal(proposal_id(id, caller)).value
    answer = caller.approve_proposal(seen.id, comment, open_step(seen))
    show(answer, lambda it: show_decision(f"Approved {name_step(seen, _NONE_OPEN)}", it))


@proposal.command()
@click.argument("id")
@click.option("--why", metavar="TEXT", required=True, help="Told to the proposer.")
def reject(id: str, why: str) -> None:  # noqa: A002
    """Refuse a proposal for good; one approver of the open step is enough."""
    caller = client()
    seen = caller.proposal(proposal_id(id, caller)).value
    answer = caller.reject_proposal(seen.id, why, open_step(seen))
    show(answer, lambda it: show_decision(f"Rejected {name_step(seen, _NONE_OPEN)}", it))


@proposal.command()
@click.argument("id")
def cancel(id: str) -> None:  # noqa: A002
    """Take a proposal back.

    Whoever made it can, and a server admin.
    """
    caller = client()
    show(caller.cancel_proposal(proposal_id(id, caller)), show_proposal)

"""What is told where a command could only propose what it was to do."""

import click

from sealwright.cli.options import invocation
from sealwright.cli.output import print_json
from sealwright.cli.text import printable
from sealwright.client.errors import Proposed


def tell_proposed(proposed: Proposed) -> None:
    if invocation().json:
        print_json(proposed.body)
        return
    from sealwright.cli.proposal_text import show_proposal

    proposal = proposed.change.proposal
    show_proposal(proposal)
    if proposed.change.enrolment_code is not None:
        click.echo("The enrolment code, shown this once, is the next line.", err=True)
        click.echo(proposed.change.enrolment_code)
        click.echo("It works for 24 h from when the proposal is carried out.", err=True)
    asked = printable(proposal.id)
    click.echo("Nothing is changed yet: others have to agree first.", err=True)
    click.echo(f"They decide with: sealwright proposal approve {asked}", err=True)

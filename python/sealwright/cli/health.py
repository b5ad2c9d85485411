"""sealwright health: for whoever starts servers, and starts those again that are not well."""

from dataclasses import replace

import click

from sealwright.cli.options import ClientCommand, invocation
from sealwright.cli.output import show
from sealwright.client.objects import Health


@click.command(cls=ClientCommand)
def health() -> None:
    """Whether a server takes calls and can serve them: exit code 0, else 1, 3 where none answers.

    No API key is sent; on the loopback interface, whose names no certificate has, any certificate
    will do.
    """
    from sealwright.client.client import Client

    connection = invocation().connection(with_key=False)
    show(Client(replace(connection, any_on_loopback=True)).ready(), _show)


def _show(state: Health) -> None:
    click.echo(state.status)

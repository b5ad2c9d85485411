"""sealwright whoami: whose API key this is, and what it is good for."""

import click

from sealwright.cli.identity import show_identity, show_keys
from sealwright.cli.options import ClientCommand, client, invocation
from sealwright.cli.output import show, warn
from sealwright.client.objects import Identity


@click.command(cls=ClientCommand)
def whoami() -> None:
    """Who you are to the server, with the API key that you call with."""
    answer = client().whoami()
    show(answer, _show)
    if not invocation().json:
        for sentence in answer.value.warnings:
            warn(sentence)


def _show(who: Identity) -> None:
    show_identity(who)
    if who.key is not None:
        click.echo("")
        show_keys([who.key])

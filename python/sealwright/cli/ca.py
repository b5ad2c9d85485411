"""sealwright ca: the built-in certificate authority."""

import click

from sealwright.cli.options import Group, client
from sealwright.cli.output import show


@click.group(cls=Group)
def ca() -> None:
    """The built-in certificate authority."""


@ca.command()
def certificate() -> None:
    """PEM of the issuing chain, root last: verifiers trust the root."""
    show(client().ca_certificate(), lambda it: click.echo(it.chain.strip()))

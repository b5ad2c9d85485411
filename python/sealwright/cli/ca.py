"""sealwright ca: the built-in certificate authority."""

import click

from sealwright.cli.options import Group, client
from sealwright.cli.output import show


@click.group(cls=Group)
def ca() -> None:
    """The built-in certificate authority."""


@ca.command()
@click.option("--root", is_flag=True, help="The root alone: what verifiers are to trust.")
def certificate(root: bool) -> None:
    """PEM of the issuing chain, root last: verifiers trust the root."""
    show(
        client().ca_certificate(),
        lambda it: click.echo(_last(it.chain) if root else it.chain.strip()),
    )


def _last(chain: str) -> str:
    """The last certificate of a chain in PEM."""
    start = chain.rindex("-----BEGIN CERTIFICATE-----")
    return chain[start:].strip()

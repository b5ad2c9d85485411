"""sealwright log: the audit log as outsiders check it."""

import click

from sealwright.cli.log_check import check
from sealwright.cli.log_witness import witness
from sealwright.cli.options import Group, client
from sealwright.cli.output import show
from sealwright.client.objects import LogKeys


@click.group(cls=Group)
def log() -> None:
    """The audit log as outsiders check it."""


@log.command()
def key() -> None:
    """The key that verifies checkpoints and receipts, and former ones.

    Its first part is the log's origin, which the first checkpoint fixes.
    """
    show(client().log_keys(), _show)


log.add_command(check)
log.add_command(witness)


def _show(keys: LogKeys) -> None:
    for each in keys.items:
        ended = "" if each.ended_at is None else f"  until {each.ended_at:%Y-%m-%dT%H:%M:%SZ}"
        click.echo(f"{each.key}{ended}")

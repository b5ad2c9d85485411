"""sealwright receipt: proof of a row of the log for those who have no access to it."""

from importlib import import_module
from typing import cast

import click

from sealwright.cli.options import Group

_COMMANDS = {"get": "sealwright.cli.receipt_get", "verify": "sealwright.cli.receipt_verify"}


class _Receipt(Group):
    """Each command is loaded when it is called for: who verifies needs no client."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        return cast("click.Command", getattr(import_module(_COMMANDS[name]), name))


@click.group(cls=_Receipt)
def receipt() -> None:
    """Proofs of single rows of the log, which others can verify without access to it."""

"""The tree of commands; each is loaded when it is called for."""

from importlib import import_module
from typing import cast

import click

from sealwright.cli.options import Group

_COMMANDS = {
    "init": "sealwright.cli.init:init",
    "serve": "sealwright.cli.serve:serve",
    "health": "sealwright.cli.health:health",
    "identity": "sealwright.cli.identity:identity",
    "enrol": "sealwright.cli.enrol:enrol",
    "whoami": "sealwright.cli.whoami:whoami",
    "group": "sealwright.cli.group:group",
    "settings": "sealwright.cli.settings:settings",
    "jobs": "sealwright.cli.jobs:jobs",
    "signer": "sealwright.cli.signer:signer",
    "ca": "sealwright.cli.ca:ca",
    "member": "sealwright.cli.member:member",
    "policy": "sealwright.cli.policy:policy",
    "request": "sealwright.cli.request:request",
    "proposal": "sealwright.cli.proposal:proposal",
    "grant": "sealwright.cli.grant:grant",
    "audit": "sealwright.cli.audit:audit",
    "receipt": "sealwright.cli.receipt:receipt",
    "log": "sealwright.cli.log:log",
    "backup": "sealwright.cli.backup:backup",
    "restore": "sealwright.cli.restore:restore",
    "recovery": "sealwright.cli.recovery:recovery",
    "module": "sealwright.cli.module:module",
    "setup": "sealwright.cli.setup:setup",
    "completion": "sealwright.cli.completion:completion",
}


class _Root(Group):
    def list_commands(self, context: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        module, _, attribute = _COMMANDS[name].partition(":")
        return cast("click.Command", getattr(import_module(module), attribute))

    def resolve_command(
        self, context: click.Context, arguments: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(context, arguments)
        except click.exceptions.NoSuchCommand as fault:
            raise click.exceptions.NoSuchCommand(
                fault.command_name, possibilities=_COMMANDS, ctx=context
            ) from None


def _version(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value:
        from importlib.metadata import version

        click.echo(f"sealwright {version('sealwright')}")
        context.exit()


@click.group(cls=_Root)
@click.option(
    "--version",
    is_flag=True,
    callback=_version,
    is_eager=True,
    expose_value=False,
    help="Print the version.",
)
def root() -> None:
    """Self-hosted code signing: keys stay on the server, every tool signs over PKCS#11.

    Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 server unreachable, 4 proposed:
    nothing is changed until others agree.
    """

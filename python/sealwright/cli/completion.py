"""sealwright completion: what makes a shell complete commands, options and names."""

import os
import re
import sys
from dataclasses import replace

import click
from click.shell_completion import CompletionItem, get_completion_class, shell_complete

from sealwright.cli.known_names import known_names, noun_of
from sealwright.cli.options import Invocation, LocalCommand

VARIABLE = "_SEALWRIGHT_COMPLETE"
"""What the shell's function sets when it asks for completions; click's own convention."""

_SHELLS = ("bash", "zsh", "fish")
_SECONDS = 1
"""The longest that a key press waits for the server to be reached, and then for its answer."""

_PLAIN = re.compile("[A-Za-z0-9@._+:/-]+")
"""What names and ids are made of. Bash puts on the command line what is offered as it is, without
quotes: a server that answers with anything else would write commands there."""


@click.command(cls=LocalCommand)
@click.argument("shell", type=click.Choice(_SHELLS))
def completion(shell: str) -> None:
    """The script that makes SHELL complete commands, options and names.

    Names of signers, policies and the like come from the server, where one is configured.

    For bash write it to ~/.local/share/bash-completion/completions/sealwright, for zsh to
    _sealwright in a folder of your fpath, for fish to ~/.config/fish/completions/sealwright.fish.
    """
    from sealwright.cli.commands import root

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"{shell} is no shell that can be told.")
    click.echo(kind(root, {}, "sealwright", VARIABLE).source())


def answer_the_shell() -> int:
    """What VARIABLE asks for, on stdout. Nothing is said of what goes wrong: somebody is typing."""
    from sealwright.cli.commands import root

    sys.stderr = open(os.devnull, "w")  # noqa: PTH123, SIM115  # until the process ends
    return shell_complete(root, {}, "sealwright", VARIABLE, os.environ[VARIABLE])


def complete_name(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    noun = noun_of(parameter.name or "", context)
    if noun is None:
        return []
    from sealwright.client.client import Client
    from sealwright.client.errors import ClientError

    try:
        connection = context.ensure_object(Invocation).connection(with_key=True)
        quick = replace(connection, connect_timeout=_SECONDS, read_timeout=_SECONDS)
        names = known_names(noun, Client(quick))
    except (ClientError, OSError):
        return []
    return [
        CompletionItem(name)
        for name in names
        if name.startswith(incomplete) and _PLAIN.fullmatch(name)
    ]

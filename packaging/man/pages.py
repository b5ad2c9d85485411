"""pages.py VERSION FOLDER: a manual page (section 1) for each command, from its own help."""

import sys

import click
from click_man.core import write_man_pages

from sealwright.cli.commands import root


def with_whole_names(command: click.Command, context: click.Context) -> click.Command:
    """The writer looks for commands in `commands`, and would cut what stands beside NAME short."""
    command.short_help = (command.help or "").split("\n\n")[0].replace("\n", " ").rstrip(".")
    if isinstance(command, click.Group):
        below = {
            name: command.get_command(context, name) for name in command.list_commands(context)
        }
        command.commands = {
            name: with_whole_names(each, context)
            for name, each in below.items()
            if each is not None
        }
    return command


if __name__ == "__main__":
    version, folder = sys.argv[1:]
    commands = with_whole_names(root, click.Context(root, info_name="sealwright"))
    write_man_pages("sealwright", commands, version=version, target_dir=folder)

"""The tree of commands, walked."""

from collections.abc import Iterator

import click

from sealwright.cli.commands import root


def every_command(
    command: click.Command = root, parent: click.Context | None = None
) -> Iterator[click.Context]:
    """A context for each command and group, as deep as they go."""
    name = "sealwright" if parent is None else command.name
    context = click.Context(
        command, parent=parent, info_name=name, terminal_width=80, max_content_width=80
    )
    yield context
    if isinstance(command, click.Group):
        for each in command.list_commands(context):
            below = command.get_command(context, each)
            if below is not None:
                yield from every_command(below, context)


def command_paths() -> list[str]:
    return [context.command_path for context in every_command()]

"""From arguments to an exit code: the one place where errors become words."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from sealwright.cli.commands import root
from sealwright.cli.failure import CommandError, report
from sealwright.cli.notices import tell_notices
from sealwright.cli.proposed import tell_proposed
from sealwright.cli.streams import stdout_fails
from sealwright.client.errors import ClientError, Proposed, UnreachableError

DONE, FAILED, WRONG_USAGE, UNREACHABLE, PROPOSED = 0, 1, 2, 3, 4


def run(arguments: Sequence[str]) -> int:
    try:
        with root.make_context("sealwright", list(arguments)) as context:
            code = _carry_out(context, arguments)
            tell_notices()
            return code
    except click.exceptions.Exit as exit_:
        return exit_.exit_code
    except click.ClickException as fault:
        fault.show()
        return fault.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("Stopped.", err=True)
        return FAILED
    except UnicodeEncodeError as fault:
        if fault.encoding != "utf-8":
            raise
        # Octets of the command line that are no text, and that were to be sent.
        click.echo(f"Error: {fault.object!a} is not UTF-8 text.", err=True)
        return WRONG_USAGE
    except BrokenPipeError:
        return FAILED  # whoever read us has gone


def _carry_out(context: click.Context, arguments: Sequence[str]) -> int:
    try:
        root.invoke(context)
        sys.stdout.flush()
    except Proposed as proposed:
        tell_proposed(proposed)
        return PROPOSED
    except (ClientError, CommandError) as fault:
        report(fault, arguments)
        return UNREACHABLE if isinstance(fault, UnreachableError) else FAILED
    except BrokenPipeError:
        raise
    except OSError as fault:
        report(_refusal_of(fault))
        return FAILED
    return DONE


def _refusal_of(fault: OSError) -> CommandError:
    """What the machine would not do, where no command has a better word for it."""
    why = fault.strerror or str(fault)
    if fault.filename is not None:
        return CommandError(
            f"{os.fsdecode(fault.filename)}: {why}.",
            code="file_unusable",
        )
    if stdout_fails():
        return CommandError(f"The answer cannot be written to stdout: {why}.", code="no_stdout")
    try:
        Path.cwd()
    except OSError:
        return CommandError(
            f"The folder that this was started in cannot be used: {why}.", code="no_folder"
        )
    return CommandError(f"Its answer cannot be written, or a file not be used: {why}.")

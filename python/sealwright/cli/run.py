"""From arguments to an exit code: the one place where errors become words."""

import os
import sys
from collections.abc import Sequence

import click

from sealwright.cli.commands import root
from sealwright.cli.failure import CommandError, report
from sealwright.cli.notices import tell_notices
from sealwright.cli.proposed import tell_proposed
from sealwright.client.errors import ClientError, Proposed, UnreachableError

DONE, FAILED, WRONG_USAGE, UNREACHABLE, PROPOSED = 0, 1, 2, 3, 4


def run(arguments: Sequence[str]) -> int:
    try:
        with root.make_context("sealwright", list(arguments)) as context:
            code = _carry_out(context)
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
        # Whoever read us has gone; the interpreter must not trip over it again at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED


def _carry_out(context: click.Context) -> int:
    try:
        root.invoke(context)
        sys.stdout.flush()
    except Proposed as proposed:
        tell_proposed(proposed)
        return PROPOSED
    except (ClientError, CommandError) as fault:
        report(fault)
        return UNREACHABLE if isinstance(fault, UnreachableError) else FAILED
    return DONE

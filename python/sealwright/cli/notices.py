"""What is told after a command: what happened to the caller's identity since they called last."""

from contextlib import suppress

import click

from sealwright.cli.options import invocation
from sealwright.cli.text import printable


def tell_notices() -> None:
    """Each once to each API key, for people; the command does not fail of it. A machine, which says
    --json, finds them in `whoami`, and they stay."""
    callers = [caller for caller in invocation().callers if caller.has_notices]
    if invocation().json or not callers:
        return
    from sealwright.client.errors import ClientError

    caller = callers[0]
    with suppress(ClientError):
        notices = caller.whoami().value.notices
        for notice in notices:
            click.echo(f"notice: {printable(notice.text)}", err=True)
        if notices:
            caller.mark_notices(notices[-1].id)

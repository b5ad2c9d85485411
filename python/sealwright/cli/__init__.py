"""The `sealwright` command (contract: README.md, `sealwright --help`)."""

import os
import sys

from sealwright.cli.streams import drop_what_is_stuck, open_what_is_closed


def main() -> None:
    """Runs the command line and ends the process: 0 done, 1 refused or failed, 2 wrong usage,
    3 server unreachable."""
    open_what_is_closed()
    try:
        if os.environ.get("_SEALWRIGHT_COMPLETE"):
            from sealwright.cli.completion import answer_the_shell

            sys.exit(answer_the_shell())
        from sealwright.cli.run import run

        sys.exit(run(sys.argv[1:]))
    finally:
        drop_what_is_stuck()

"""The `sealwright` command (contract: README.md, `sealwright --help`)."""

import sys


def main() -> None:
    """Runs the command line and ends the process: 0 done, 1 refused or failed, 2 wrong usage,
    3 server unreachable."""
    from sealwright.cli.run import run

    sys.exit(run(sys.argv[1:]))

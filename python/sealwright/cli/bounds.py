"""How long, how often, with which hashes: what policies limit, requests ask for and grants give."""

import re
from collections.abc import Callable, Sequence
from typing import TypeVar

import click

from sealwright.cli.duration import Duration, spell_duration

F = TypeVar("F", bound=Callable[..., object])

NO_LIMIT = "no limit"
_COUNT = re.compile(r"[0-9]{1,10}")


class Count(click.ParamType[int]):
    """A number of signings. How many there may be is the server's to say."""

    name = "count"

    def convert(
        self, value: object, parameter: click.Parameter | None, context: click.Context | None
    ) -> int:
        if isinstance(value, int):
            return value
        if not _COUNT.fullmatch(str(value)) or not int(str(value)):
            self.fail(f"{value!r} is no number of signings such as 1 or 20", parameter, context)
        return int(str(value))


def wanted_options(command: F) -> F:
    """--why, --window and --signings, of whoever asks for a grant or gives one."""
    why = click.option("--why", metavar="TEXT", required=True, help="What it is for.")
    window = click.option(
        "--window",
        type=Duration(),
        metavar="DURATION",
        help="How long: 30m, 8h, 2d.  [as long as the policy allows]",
    )
    signings = click.option(
        "--signings",
        type=Count(),
        metavar="N",
        help="How many signings.  [as many as the policy allows]",
    )
    return why(window(signings(command)))


def window(seconds: int | None) -> str:
    return NO_LIMIT if seconds is None else spell_duration(seconds)


def signings(number: int | None) -> str:
    return NO_LIMIT if number is None else str(number)


def hashes(allowed: Sequence[str]) -> str:
    return ", ".join(allowed) or "any"

"""Which rows of the log are meant."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, time
from difflib import get_close_matches
from typing import TypeVar

import click

from sealwright.cli.tables import actions

F = TypeVar("F", bound=Callable[..., object])

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


class Moment(click.ParamType[datetime]):
    """In UTC; a date alone is its first instant, or its last."""

    name = "time"

    def __init__(self, of_a_date: time) -> None:
        self._of_a_date = of_a_date

    def convert(
        self, value: object, parameter: click.Parameter | None, context: click.Context | None
    ) -> datetime:
        if isinstance(value, datetime):
            return value
        text = str(value)
        try:
            moment = datetime.fromisoformat(text)
            if _DATE.fullmatch(text):
                moment = datetime.combine(moment, self._of_a_date)
            return moment.astimezone(UTC) if moment.tzinfo else self._refuse(text, parameter)
        except (ValueError, OverflowError):
            return self._refuse(text, parameter)

    def _refuse(self, text: str, parameter: click.Parameter | None) -> datetime:
        self.fail(
            f"{text!r} is no RFC 3339 time such as 2026-01-31T08:00:00Z, nor a date such as "
            "2026-01-31",
            parameter,
        )


class _Action(click.ParamType[str]):
    name = "action"

    def convert(
        self, value: object, parameter: click.Parameter | None, context: click.Context | None
    ) -> str:
        text, known = str(value), actions()
        if text not in known:
            near = get_close_matches(text, known) or known
            self.fail(f"there is no action {text!r}; near it: {', '.join(near)}", parameter)
        return text


def name_options(command: F) -> F:
    """--signer and --actor."""
    signer = click.option("--signer", metavar="NAME", help="Only rows of this signer.")
    actor = click.option("--actor", metavar="NAME", help="Only what this identity did.")
    return signer(actor(command))


def time_options(command: F) -> F:
    """--since, --until and --action."""
    since = click.option(
        "--since",
        type=Moment(time.min.replace(tzinfo=UTC)),
        metavar="TIME",
        help="From then on: 2026-01-31T08:00:00Z, or 2026-01-31 from its first instant in UTC.",
    )
    until = click.option(
        "--until",
        type=Moment(time.max.replace(tzinfo=UTC)),
        metavar="TIME",
        help="Up to then; a date: up to its last instant in UTC.",
    )
    action = click.option(
        "--action",
        type=_Action(),
        metavar="ACTION",
        help="Only changes of this kind: policy:edit, member:add.",
    )
    return since(until(action(command)))

"""Spans of time as people write them: `90s`, `30m`, `8h`, `2d`."""

import re

import click

_UNITS = {"d": 24 * 3600, "h": 3600, "m": 60, "s": 1}  # seconds, the largest first
_WRITTEN = re.compile(r"([0-9]{1,10})([dhms])")


def parse_duration(text: str) -> int:
    """Seconds.

    Raises:
        ValueError: it is no duration, or lasts no time at all.
    """
    written = _WRITTEN.fullmatch(text)
    seconds = int(written[1]) * _UNITS[written[2]] if written else 0
    if not seconds:
        raise ValueError(f"{text!r} is no duration such as 90s, 30m, 8h or 2d")
    return seconds


def spell_duration(seconds: int) -> str:
    """In the largest unit that says it exactly: `8h`, but `90m`."""
    for unit, size in _UNITS.items():
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def spell_age(seconds: int) -> str:
    """In the largest unit of which there is one: `3d`, `59s`."""
    for unit, size in _UNITS.items():
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return "0s"


class Duration(click.ParamType[int]):
    """Seconds."""

    name = "duration"

    def convert(
        self, value: object, parameter: click.Parameter | None, context: click.Context | None
    ) -> int:
        if isinstance(value, int):
            return value
        try:
            return parse_duration(str(value))
        except ValueError as fault:
            self.fail(str(fault), parameter, context)

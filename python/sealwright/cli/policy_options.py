"""The terms of a policy as options, of `policy create` and `policy edit` alike.

`none` removes a term. A term whose option is not given is UNSET, so that the two never mix.
"""

import re
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import click
from msgspec import UNSET, UnsetType

from sealwright.cli.bounds import Count
from sealwright.cli.duration import Duration
from sealwright.cli.tables import real_hashes
from sealwright.client.objects import PolicyStep

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., object])

_NONE = "none"
_APPROVALS = re.compile(r"[1-9][0-9]{0,3}")
_STEP = "NAME:REQUIRED:WHO,WHO"


class _OrNone(click.ParamType[T | UnsetType | None], Generic[T]):
    """What another type reads, or `none`."""

    def __init__(self, other: click.ParamType[T]) -> None:
        self._other = other
        self.name = other.name

    def convert(
        self, value: object, parameter: click.Parameter | None, context: click.Context | None
    ) -> T | UnsetType | None:
        if isinstance(value, UnsetType):
            return value
        return None if value == _NONE else self._other.convert(value, parameter, context)


class _Step(click.ParamType[PolicyStep]):
    name = "step"

    def convert(
        self, value: object, parameter: click.Parameter | None, context: click.Context | None
    ) -> PolicyStep:
        if isinstance(value, PolicyStep):
            return value
        try:
            return parse_step(str(value))
        except ValueError as fault:
            self.fail(str(fault), parameter, context)


def parse_step(text: str) -> PolicyStep:
    """Who can approve together, and whether they are as many as required, is the server's to judge.

    Raises:
        ValueError: says which part of the text is wrong.
    """
    name, *others = (part.strip() for part in text.rsplit(":", 2))
    if len(others) != 2:
        raise ValueError(f"{text!r} is no step such as 'lead:1:carol,dave' ({_STEP})")
    required, names = others
    if not name:
        raise ValueError(f"{text!r} has no name before its first colon ({_STEP})")
    if not _APPROVALS.fullmatch(required):
        raise ValueError(
            f"step {name!r}: {required!r} is no number of approvals, from 1 up ({_STEP})"
        )
    approvers = [approver.strip() for approver in names.split(",")]
    if not all(approvers):
        missing = "an approver has no name" if any(approvers) else "it names no approvers"
        raise ValueError(f"step {name!r}: {missing} ({_STEP})")
    return PolicyStep(name, int(required), approvers)


class _Hashes(click.ParamType[list[str]]):
    name = "hashes"

    def convert(
        self, value: object, parameter: click.Parameter | None, context: click.Context | None
    ) -> list[str]:
        named = [name.strip() for name in str(value).split(",")]
        hashes = real_hashes()
        for name in named:
            if name not in hashes:
                self.fail(
                    f"{name!r} is no hash that a policy can allow: {', '.join(hashes)}",
                    parameter,
                    context,
                )
        return named


class _HashOption(click.Option):
    """Its help names the hashes."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        self.help = f"The only hashes to sign with, of {', '.join(real_hashes())}."
        return super().get_help_record(ctx)


def _all_steps(
    context: click.Context, parameter: click.Parameter, given: Sequence[PolicyStep | None]
) -> list[PolicyStep] | UnsetType:
    if not given:
        return UNSET
    _check_alone(given)
    return [step for step in given if step is not None]


def _all_hashes(
    context: click.Context, parameter: click.Parameter, given: Sequence[list[str] | None]
) -> list[str] | UnsetType:
    if not given:
        return UNSET
    _check_alone(given)
    return list(dict.fromkeys(name for names in given for name in names or ()))


def _if_given(
    context: click.Context, parameter: click.Parameter, given: bool | None
) -> bool | UnsetType:
    return UNSET if given is None else given


def _check_alone(given: Sequence[object]) -> None:
    if None in given and len(given) > 1:
        raise click.BadParameter(f"{_NONE!r} removes all that there are: give it alone")


def terms_options(command: F) -> F:
    """One keyword for each field of PolicyTerms."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


_OPTIONS = [
    click.option(
        "--max-window",
        "max_window_seconds",
        type=_OrNone(Duration()),
        default=UNSET,
        metavar="DURATION",
        help="How long a grant may last: 30m, 8h, 2d.",
    ),
    click.option(
        "--max-signings",
        type=_OrNone(Count()),
        default=UNSET,
        metavar="N",
        help="How many signings a grant may give.",
    ),
    click.option(
        "--step",
        "steps",
        type=_OrNone(_Step()),
        multiple=True,
        callback=_all_steps,
        metavar=_STEP,
        help="Who approves, and how many of them have to: 'lead:1:carol,dave'; @GROUP names all in "
        "it. Repeat it for more steps, in their order.",
    ),
    click.option(
        "--request-ttl",
        "request_ttl_seconds",
        type=_OrNone(Duration()),
        default=UNSET,
        metavar="DURATION",
        help="How long a request may wait for approval.",
    ),
    click.option(
        "--hash",
        "hashes",
        type=_OrNone(_Hashes()),
        multiple=True,
        callback=_all_hashes,
        metavar="HASH,HASH",
        cls=_HashOption,
    ),
    click.option(
        "--protected/--no-protected",
        default=None,
        callback=_if_given,
        help="Whether, while a signer has it, its own steps decide about it: nobody alone detaches "
        "it or changes what it asks for.",
    ),
]

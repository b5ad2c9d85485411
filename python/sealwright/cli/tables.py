"""Names that stand in the server's tables, which are read when they are asked for: no other command
has to load them."""

from collections.abc import Callable, Sequence
from typing import Any

import click
from click.shell_completion import CompletionItem


def key_kinds() -> list[str]:
    from controlplane.algorithms.kinds import KeyAlgorithm

    return [each.value for each in KeyAlgorithm]


def hash_names() -> list[str]:
    from controlplane.algorithms.hashes import HashAlgorithm

    return [each.value for each in HashAlgorithm]


def real_hashes() -> list[str]:
    """Those that are hashes, `none` left out."""
    from controlplane.algorithms.hashes import RealHash

    return [each.value for each in RealHash]


class OneOf(click.ParamType[str]):
    """A click.Choice of one of these tables."""

    name = "choice"

    def __init__(self, names: Callable[[], Sequence[str]]) -> None:
        self._names = names

    def convert(
        self, value: Any, parameter: click.Parameter | None, context: click.Context | None
    ) -> str:
        return click.Choice(self._names()).convert(value, parameter, context)

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str | None:
        return click.Choice(self._names()).get_metavar(param, ctx)

    def get_missing_message(self, param: click.Parameter, ctx: click.Context | None) -> str | None:
        return click.Choice(self._names()).get_missing_message(param, ctx)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        return click.Choice(self._names()).shell_complete(ctx, param, incomplete)

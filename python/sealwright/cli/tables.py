"""Names and numbers that stand in the server's tables, which are read when they are asked for: no
other command has to load them."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from controlplane.domain.ranges import Range


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


def actions() -> list[str]:
    """What a row of the log can say was done."""
    from controlplane.domain.action import Action

    return [each.value for each in Action]


def certificate_days() -> "Range":
    from controlplane.domain.ranges import CERTIFICATE_DAYS

    return CERTIFICATE_DAYS


def default_certificate_days() -> int:
    from controlplane.domain.ranges import DEFAULT_CERTIFICATE_DAYS

    return DEFAULT_CERTIFICATE_DAYS


def largest_chain() -> int:
    """Octets."""
    from controlplane.domain.ranges import LARGEST_CHAIN

    return LARGEST_CHAIN


def page_items() -> "Range":
    from controlplane.domain.ranges import PAGE

    return PAGE


class Within(click.IntRange):
    """A click.IntRange of one of these ranges. A default is taken as it is."""

    def __init__(self, of: "Callable[[], Range]") -> None:
        super().__init__()
        self._of = of
        del self.min, self.max  # for __getattr__ to find

    def __getattr__(self, name: str) -> int:
        if name == "min":
            return self._of().least
        if name == "max":
            return self._of().most
        raise AttributeError(name)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        return value if isinstance(value, int) else super().convert(value, param, ctx)


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

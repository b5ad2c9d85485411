"""Rows of the one table: a figure, what stands beside it, and what was asked of it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median
from typing import Any, TypeVar

import msgspec

T = TypeVar("T", bound=msgspec.Struct)


class Goal(msgspec.Struct, frozen=True):
    """Of the ratio where there is one, else of the value."""

    limit: float
    at_least: bool

    def is_met_by(self, figure: float) -> bool:
        return figure >= self.limit if self.at_least else figure <= self.limit

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.limit:,.6g}"


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """`value` in `unit`, beside `other`, which is that of `beside`, in the same unit."""

    what: str
    value: float
    unit: str
    p50_ms: float | None = None
    p99_ms: float | None = None
    beside: str | None = None
    other: float | None = None
    other_p50_ms: float | None = None
    other_p99_ms: float | None = None
    ratio: float | None = None
    goal: Goal | None = None
    met: bool | None = None


def row(
    what: str,
    value: float,
    unit: str,
    *,
    beside: tuple[str, float] | None = None,
    goal: Goal | None = None,
    times: tuple[float, float] | None = None,
    other_times: tuple[float, float] | None = None,
) -> Row:
    """`times`: p50 and p99 in milliseconds."""
    ratio = None if beside is None else value / beside[1]
    p50, p99 = times or (None, None)
    other_p50, other_p99 = other_times or (None, None)
    return Row(
        what=what,
        value=value,
        unit=unit,
        p50_ms=p50,
        p99_ms=p99,
        beside=None if beside is None else beside[0],
        other=None if beside is None else beside[1],
        other_p50_ms=other_p50,
        other_p99_ms=other_p99,
        ratio=ratio,
        goal=goal,
        met=None if goal is None else goal.is_met_by(value if ratio is None else ratio),
    )


def take_turns(rounds: int, *measurements: Callable[[], T]) -> list[T]:
    """A B A B: whatever disturbs the machine disturbs all of them. The medians, field by field."""
    taken = [[measure() for measure in measurements] for _ in range(rounds)]
    return [_median(results) for results in zip(*taken, strict=True)]


def _median(results: Sequence[T]) -> T:
    fields: dict[str, Any] = {
        name: median(getattr(result, name) for result in results)
        for name in results[0].__struct_fields__
    }
    return type(results[0])(**fields)


class Milliseconds(msgspec.Struct, frozen=True):
    ms: float


def render(sections: Mapping[str, Iterable[Row]]) -> str:
    lines = []
    for title, rows in sections.items():
        lines += ["", f"{title:50}{'':16}   p50 ms   p99 ms   beside"]
        lines += [_line(each) for each in rows]
    return "\n".join(lines[1:])


def _line(of: Row) -> str:
    line = f"{of.what:50}{_number(of.value):>10} {of.unit:5}{_ms(of.p50_ms)}{_ms(of.p99_ms)}"
    if of.beside is not None and of.other is not None and of.ratio is not None:
        line += f"   {of.beside:28}{_number(of.other):>9}{_ms(of.other_p50_ms)}"
        line += f"{_ms(of.other_p99_ms)}   ratio {of.ratio:.2f}"
    if of.goal is not None:
        line += f"   {of.goal}: {'met' if of.met else 'MISSED'}"
    return line.rstrip()


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _ms(value: float | None) -> str:
    return f"{'' if value is None else format(value, '.2f'):>9}"

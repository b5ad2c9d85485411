"""How fast something went: how often a second, and how long each took."""

from collections.abc import Sequence
from statistics import quantiles
from typing import Self

import msgspec


class Rate(msgspec.Struct, frozen=True):
    count: int  # of all, those included that were not timed
    per_second: float
    p50_ms: float
    p99_ms: float

    @classmethod
    def of(cls, count: int, per_second: float, nanoseconds: Sequence[int]) -> Self:
        cuts = quantiles(nanoseconds, n=100, method="inclusive")
        return cls(count, per_second, cuts[49] / 1e6, cuts[98] / 1e6)

    @property
    def times(self) -> tuple[float, float]:
        return self.p50_ms, self.p99_ms

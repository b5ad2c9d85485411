"""Work that is no request, as it stands on record: for people, nothing is decided by it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class JobRecord:
    """`does`: a sentence. `every_seconds`: between two runs; `next_at`: when it runs next.
    `ran_at`: when its last run ended, and `succeeded_at` the last that succeeded. `failures`: of
    its last runs, in a row; `failed_at`, `failure`: of the last that failed, in words. `node`: the
    host of the elected process, `process` its id there."""

    name: str
    does: str
    every_seconds: int
    next_at: datetime
    node: str
    process: int
    ran_at: datetime | None = None
    succeeded_at: datetime | None = None
    failures: int = 0
    failed_at: datetime | None = None
    failure: str | None = None


class Observer(Protocol):
    """Who counts runs."""

    def observe_run(self, job: str, *, failed: bool, seconds: float, late: float) -> None:
        """`seconds`: that it took; `late`: that it began after it was due."""

"""How far the server's clock can be trusted."""

from dataclasses import dataclass
from datetime import datetime, timedelta

NOTICED = timedelta(seconds=5)
"""That a clock stands behind the last row before anybody is told."""
TRUSTED = timedelta(minutes=5)
"""That it may stand behind before nothing is allowed any more."""


@dataclass(frozen=True, slots=True)
class AcceptedClock:
    """Rows up to `rows_at` were written by a clock that was ahead; at `accepted_at` it was right
    again."""

    accepted_at: datetime
    rows_at: datetime


def least_time(last_row_at: datetime | None, accepted: AcceptedClock | None) -> datetime | None:
    """Before which it is not now, whatever a clock says; None: not known."""
    if last_row_at is None or accepted is None or last_row_at > accepted.rows_at:
        return last_row_at
    return accepted.accepted_at

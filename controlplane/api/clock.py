"""The server's clock, accepted after it was ahead."""

from datetime import datetime

from controlplane.api.endpoint import endpoint
from controlplane.api.structs import Shown, made
from controlplane.domain.model import Caller
from controlplane.errors import Code
from controlplane.service.clock_acceptance import ClockAcceptance


class AcceptedClock(Shown, frozen=True):
    """`rows_at`: of the last row, which the clock that was ahead wrote; `accepted_at`: what it says
    now that it is right."""

    accepted_at: datetime
    rows_at: datetime


class AcceptClockResource:
    def __init__(self, acceptance: ClockAcceptance) -> None:
        self._acceptance = acceptance

    @endpoint(
        "Accept that the server's clock is right, though it stands behind the last row",
        refusals=(Code.ADMIN_REQUIRED, Code.CLOCK_NOT_BEHIND),
        proposes=True,
    )
    def on_post(self, caller: Caller) -> AcceptedClock:
        return made(AcceptedClock, self._acceptance.accept(caller))

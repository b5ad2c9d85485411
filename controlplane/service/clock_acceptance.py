"""A clock that jumped ahead, wrote rows, and came back: an admin accepts that it is right now."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from peewee import Database

from controlplane.domain import permissions
from controlplane.domain.action import Action
from controlplane.domain.clock import NOTICED, AcceptedClock
from controlplane.domain.instant import Clock, from_text, to_text
from controlplane.domain.model import Caller, Identity
from controlplane.errors import Code, Refused
from controlplane.service import consents
from controlplane.service.changes import record
from controlplane.service.gate import Change, Gate, Ruling
from controlplane.store import accepted_clock
from controlplane.store.database import read_head


class ClockAcceptance:
    def __init__(self, gate: Gate, clock: Clock) -> None:
        """`clock`: of the machine, not the time that decisions are judged by."""
        self._gate = gate
        self._clock = clock

    def accept(self, caller: Caller) -> AcceptedClock:
        """As it stands now. Refused as AcceptClock. Raises Proposed."""
        return self._gate.make(caller, AcceptClock(to_text(self._clock())))


@dataclass(frozen=True, slots=True)
class AcceptClock(Change[AcceptedClock]):
    """From then on decisions are judged by the clock again. The row is of the last row's time, as
    are all until the clock has passed that. Refused 403 admin_required, 409 clock_not_behind."""

    action: ClassVar[Action] = Action.RECOVERY_ACCEPT_CLOCK
    needs_time: ClassVar[bool] = False

    accepted_at: str  # what the clock said when it was asked for

    def judge(self, database: Database, actor: Identity, at: datetime) -> Ruling[AcceptedClock]:
        permissions.require_admin(actor, "accept the server's clock")
        accepted_at, last = from_text(self.accepted_at), read_head(database).at
        if last is None or last - accepted_at <= NOTICED:
            raise Refused(
                Code.CLOCK_NOT_BEHIND,
                "The server's clock does not stand behind the last row of the audit log.",
            )
        accepted = AcceptedClock(accepted_at, last)
        details = {"accepted_at": self.accepted_at, "rows_at": to_text(last)}

        def apply(database: Database, caller: Caller, at: datetime) -> AcceptedClock:
            accepted_clock.write(database, accepted)
            record(database, caller, self.action, "clock", at=at, details=details)
            return accepted

        return Ruling(
            subject="clock",
            needs=consents.of_second_admin(database, actor),
            rests_on=(to_text(last),),
            apply=apply,
            details=details,
        )

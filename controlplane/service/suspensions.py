"""What a rollback suspended, and its confirmation."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar

from peewee import Database

from controlplane.domain import permissions
from controlplane.domain.action import Action
from controlplane.domain.instant import Clock
from controlplane.domain.model import Caller, Identity
from controlplane.domain.operation import Entry
from controlplane.domain.page import Page, PageRequest
from controlplane.domain.suspension import Suspension, SuspensionKind
from controlplane.errors import Code, Refused, not_found
from controlplane.service import consents, cursor
from controlplane.service.changes import change, record_all
from controlplane.service.gate import Change, Consent, Gate, Ruling
from controlplane.store import identities, signers
from controlplane.store import suspensions as rows
from controlplane.store.batches import batches
from controlplane.store.database import Store
from controlplane.store.proposals import PROPOSALS
from controlplane.store.requests import REQUESTS


@dataclass(frozen=True, slots=True)
class Confirmed:
    """`left`: what is still suspended."""

    confirmed: tuple[Suspension, ...]
    left: tuple[Suspension, ...]


class Suspensions:
    def __init__(self, store: Store, gate: Gate, clock: Clock) -> None:
        self._store = store
        self._gate = gate
        self._clock = clock

    def list(self, caller: Caller, page: PageRequest) -> Page[Suspension]:
        """By kind and id. Server admins and auditors only: Refused 403."""
        permissions.require_reader(caller.identity, "list what is suspended")
        after = cursor.read_text(page, "")
        with self._store.read() as database:
            found = rows.find_all(database, self._clock())
        following = [each for each in found if each.position > after]
        return cursor.cut(following[: page.limit + 1], page, lambda each: each.position)

    def confirm(self, caller: Caller, kind: SuspensionKind, id_: str) -> Suspension:
        """Refused as Confirm. Raises Proposed."""
        (confirmed,) = self._gate.make(caller, Confirm(kind, id_))
        return confirmed

    def confirm_all(self, caller: Caller) -> Confirmed:
        """Refused as Confirm. Raises Proposed."""
        confirmed = self._gate.make(caller, Confirm(None, None))
        with self._store.read() as database:
            return Confirmed(confirmed, tuple(rows.find_all(database, self._clock())))


@dataclass(frozen=True, slots=True)
class Confirm(Change[tuple[Suspension, ...]]):
    """It counts again. Without `kind` and `id` all that no protected policy has a say in. Another
    admin has to agree where four eyes are on, as soon as there is one whose key works: to get in,
    nobody else is needed. Refused 403 admin_required; 404 suspension_not_found; 409 step_changed
    for an approval with which all would have agreed."""

    action: ClassVar[Action] = Action.RECOVERY_CONFIRM

    kind: SuspensionKind | None
    id: str | None

    def judge(
        self, database: Database, actor: Identity, at: datetime
    ) -> Ruling[tuple[Suspension, ...]]:
        permissions.require_admin(actor, "confirm what a rollback suspended")
        found = rows.find_all(database, at)
        needs: tuple[Consent, ...] = ()
        if self.id is None:
            free = [each for each in found if not _of_policy(database, each, at)]
            chosen = _but_completing(database, free)
        else:
            meant = [each for each in found if (each.kind, each.id) == (self.kind, self.id)]
            if not meant:
                raise not_found("suspension", self.id)
            chosen = _but_completing(database, meant)
            if not chosen:
                raise Refused(
                    Code.STEP_CHANGED,
                    "With this approval all would have agreed, and nothing would come of it: "
                    f"{meant[0].identity} approves again.",
                )
            needs = _of_policy(database, chosen[0], at)
        if chosen and identities.count_other_admins(database, [actor.id], at):
            needs += consents.of_second_admin(database, actor)

        def apply(database: Database, caller: Caller, at: datetime) -> tuple[Suspension, ...]:
            for some in batches(chosen):
                rows.confirm(database, some)
                record_all(database, _recorded(caller, some, at))
            return chosen

        return Ruling(
            subject=self.id or "all",
            needs=needs,
            rests_on=tuple(each.position for each in chosen),
            apply=apply,
            details={"kind": self.kind, "count": len(chosen)},
            signer=chosen[0].signer if self.id is not None else None,
        )


def _but_completing(database: Database, chosen: Iterable[Suspension]) -> tuple[Suspension, ...]:
    """Without approvals that would complete what they are on: that takes somebody who approves."""
    counting: set[str] = set()
    kept = []
    for each in chosen:
        if each.kind is SuspensionKind.APPROVAL:
            if _completes(database, each.id, counting | {each.id}):
                continue
            counting.add(each.id)
        kept.append(each)
    return tuple(kept)


def _completes(database: Database, approval: str, counting: set[str]) -> bool:
    ballot_id = approval.partition(":")[0]
    ballot = REQUESTS.find(database, ballot_id) or PROPOSALS.find(database, ballot_id)
    if ballot is None:
        return False
    decisions = tuple(
        replace(each, suspended_at=None)
        if f"{ballot_id}:{each.step + 1}:{each.approver}" in counting
        else each
        for each in ballot.decisions
    )
    return replace(ballot, decisions=decisions).open_step is None


def _of_policy(database: Database, suspended: Suspension, at: datetime) -> tuple[Consent, ...]:
    """A grant under a protected policy, or an approval under it, is not an admin's to give."""
    if suspended.signer is None:
        return ()
    stored = signers.find(database, suspended.signer, at)
    return () if stored is None else consents.of_signer(stored.signer)


def _recorded(caller: Caller, confirmed: Iterable[Suspension], at: datetime) -> Iterable[Entry]:
    for each in confirmed:
        yield change(
            caller,
            Action.RECOVERY_CONFIRM,
            each.id,
            at=at,
            signer=each.signer,
            details={"kind": each.kind.value, "identity": each.identity},
        )

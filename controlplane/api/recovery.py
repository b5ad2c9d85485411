"""What a rollback suspended, until an admin confirms it."""

from datetime import datetime

from controlplane.api.endpoint import endpoint
from controlplane.api.pages import Items, PageQuery, items
from controlplane.api.structs import Shown, made
from controlplane.domain import suspension as domain
from controlplane.domain.model import Caller
from controlplane.domain.page import PageRequest
from controlplane.domain.suspension import SuspensionKind
from controlplane.errors import Code, not_found
from controlplane.service.suspensions import Suspensions as Service


class Suspension(Shown, frozen=True):
    """`id`: of the key or the grant; of an approval `BALLOT:STEP:APPROVER`, where the step counts
    from 1. `identity`: whose it is. `signer`: that it is about; null for a key. `at`: since when it
    does not count."""

    kind: SuspensionKind
    id: str
    identity: str
    signer: str | None
    at: datetime


class Confirmed(Shown, frozen=True):
    """`left`: what is still suspended, for a protected policy has a say in it."""

    confirmed: list[Suspension]
    left: list[Suspension]


class Resource:
    """Base: the use cases of what is suspended."""

    def __init__(self, suspensions: Service) -> None:
        self._suspensions = suspensions


class RecoveryResource(Resource):
    @endpoint("List what a rollback suspended", refusals=(Code.READER_REQUIRED,))
    def on_get(self, caller: Caller, query: PageQuery) -> Items[Suspension]:
        page = self._suspensions.list(caller, PageRequest(query.limit, query.cursor))
        return items(page, _suspension)


class RecoveryConfirmAllResource(Resource):
    @endpoint(
        "Confirm all that no protected policy has a say in",
        refusals=(Code.ADMIN_REQUIRED, Code.POLICY_CANNOT_BE_MET),
        proposes=True,
    )
    def on_post(self, caller: Caller) -> Confirmed:
        all_ = self._suspensions.confirm_all(caller)
        confirmed, left = map(_suspension, all_.confirmed), map(_suspension, all_.left)
        return Confirmed(confirmed=list(confirmed), left=list(left))


class RecoveryConfirmResource(Resource):
    @endpoint(
        "Confirm something that a rollback suspended: it counts again",
        refusals=(
            Code.ADMIN_REQUIRED,
            Code.SUSPENSION_NOT_FOUND,
            Code.POLICY_CANNOT_BE_MET,
            Code.STEP_CHANGED,
        ),
        proposes=True,
    )
    def on_post(self, caller: Caller, kind: str, suspended_id: str) -> Suspension:
        if kind not in list(SuspensionKind):
            raise not_found("suspension", suspended_id)
        confirmed = self._suspensions.confirm(caller, SuspensionKind(kind), suspended_id)
        return _suspension(confirmed)


def _suspension(suspended: domain.Suspension) -> Suspension:
    return made(Suspension, suspended)

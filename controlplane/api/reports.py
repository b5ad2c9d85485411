"""Operations with what they rest on, as an auditor asks for them."""

from datetime import datetime

from controlplane.api.endpoint import endpoint
from controlplane.api.operations import (
    Credential,
    Head,
    HexSha256,
    Operation,
    Resource,
    RowsQuery,
    operation,
)
from controlplane.api.pages import items
from controlplane.api.structs import Shown, made
from controlplane.domain import operation as domain
from controlplane.domain.model import Caller, OperationKind
from controlplane.domain.operation import OperationFilter
from controlplane.domain.page import PageRequest
from controlplane.domain.report import Reported
from controlplane.errors import Code
from controlplane.service import log


class ReportedGrant(Shown, frozen=True):
    """`action`: `grant:issue`, or `grant:create` where `issued_by` approved it beforehand."""

    sequence: int
    id: str
    action: str
    issued_by: str | None
    created_at: datetime
    policy: str | None
    justification: str | None


class ReportedRequest(Shown, frozen=True):
    """`action`: `request:create`, or `proposal:create` of a change that others had to agree to."""

    sequence: int
    id: str
    action: str
    requester: str | None
    created_at: datetime
    justification: str | None


class ReportedApproval(Shown, frozen=True):
    """`credential` null: from before that was noted."""

    sequence: int
    action: str
    approver: str | None
    created_at: datetime
    comment: str | None
    credential: Credential | None
    row_hash: HexSha256


class ReportedOperation(Operation, frozen=True, kw_only=True):
    """An operation, the grant that it was made under, the request that led to that or to the
    change, and who agreed, in order: all of it as the log says."""

    grant: ReportedGrant | None
    request: ReportedRequest | None
    approved_by: list[ReportedApproval]


class Report(Shown, frozen=True):
    """A page; `head`: the end of the log when it was made."""

    items: list[ReportedOperation]
    next: str | None
    head: Head


class ReportQuery(RowsQuery, frozen=True):
    """With `action`: of these changes; without: of calls to sign."""


class ReportResource(Resource):
    @endpoint(
        "Report operations with what they rest on, oldest first",
        refusals=(Code.SIGNER_NOT_FOUND, Code.IDENTITY_NOT_FOUND),
    )
    def on_get(self, caller: Caller, query: ReportQuery) -> Report:
        page = PageRequest(query.limit, query.cursor)
        return report(self._audit.report(caller, where(query), page))


class OperationReportResource(Resource):
    @endpoint("Show an operation with what it rests on", refusals=(Code.OPERATION_NOT_FOUND,))
    def on_get(self, caller: Caller, operation_id: str) -> ReportedOperation:
        return reported(self._audit.explain(caller, operation_id))


def where(query: RowsQuery) -> OperationFilter:
    return OperationFilter(
        signer=query.signer,
        actor=query.actor,
        kind=OperationKind.SIGN if query.action is None else OperationKind.CHANGE,
        outcome=query.outcome,
        since=query.since,
        until=query.until,
        action=query.action,
    )


def report(of: log.Report) -> Report:
    shown = items(of.page, reported)
    return Report(items=shown.items, next=shown.next, head=made(Head, of.head))


def reported(of: Reported) -> ReportedOperation:
    return made(
        ReportedOperation,
        operation(of.operation),
        grant=None if of.grant is None else _grant(of.grant),
        request=None if of.request is None else _request(of.request),
        approved_by=[_approval(each) for each in of.approvals],
    )


def _grant(row: domain.Operation) -> ReportedGrant:
    return ReportedGrant(
        sequence=row.sequence,
        id=row.entry.object or "",
        action=row.entry.action or "",
        issued_by=row.entry.actor,
        created_at=row.entry.created_at,
        policy=_said(row, "policy"),
        justification=_said(row, "justification"),
    )


def _request(row: domain.Operation) -> ReportedRequest:
    return ReportedRequest(
        sequence=row.sequence,
        id=row.entry.object or "",
        action=row.entry.action or "",
        requester=row.entry.actor,
        created_at=row.entry.created_at,
        justification=_said(row, "justification"),
    )


def _approval(row: domain.Operation) -> ReportedApproval:
    credential = row.entry.credential
    return ReportedApproval(
        sequence=row.sequence,
        action=row.entry.action or "",
        approver=row.entry.actor,
        created_at=row.entry.created_at,
        comment=_said(row, "comment"),
        credential=None if credential is None else made(Credential, credential),
        row_hash=row.row_hash,
    )


def _said(row: domain.Operation, detail: str) -> str | None:
    said = (row.entry.details or {}).get(detail)
    return None if said is None else str(said)

"""Asking for a grant, and deciding on it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from peewee import Database

from controlplane.domain import permissions
from controlplane.domain.action import Action
from controlplane.domain.approval import (
    LackingStep,
    check_pending,
    find_lacking,
)
from controlplane.domain.identifier import new_id
from controlplane.domain.model import (
    Caller,
    Decision,
    Grant,
    Identity,
    Policy,
    Request,
    RequestState,
    Signer,
    Verdict,
)
from controlplane.domain.operation import Details
from controlplane.domain.page import Page, PageRequest
from controlplane.domain.policy import settle_bounds
from controlplane.errors import Code, Refused, not_found
from controlplane.service import cursor
from controlplane.service.attachments import no_policy
from controlplane.service.ballots import approvals_of, check_voter
from controlplane.service.changes import change, confirm, judged, record, record_all
from controlplane.service.credentials import check_credential
from controlplane.service.grants import new_grant, record_grant
from controlplane.service.justification import check_comment, check_text
from controlplane.service.roles import role_that_counts
from controlplane.service.time import Time
from controlplane.service.visibility import find_visible, limited, refuse_deleting
from controlplane.store import grants, identities, members, signers
from controlplane.store import requests as rows
from controlplane.store.database import Store, move_epoch

MOST_PENDING = 100  # of one identity for one signer


@dataclass(frozen=True, slots=True)
class RequestView:
    """A request as it is now."""

    request: Request
    state: RequestState
    missing: tuple[LackingStep, ...]  # none unless pending


@dataclass(frozen=True, slots=True)
class CreatedRequest:
    view: RequestView
    created: bool  # False: an equal one was pending


class Requests:
    def __init__(self, store: Store, time: Time) -> None:
        self._store = store
        self._clock = time

    def create(
        self,
        caller: Caller,
        signer: str,
        justification: str,
        window_seconds: int | None = None,
        signings: int | None = None,
    ) -> CreatedRequest:
        """Under a policy without steps the grant is there at once.

        Refused 400 (above a ceiling, justification), 403 not_a_member, role_cannot_sign, 404
        signer_not_found, 409 signer_deleting, no_policy, too_many_pending, 503 clock_behind.
        """
        self._clock.check()
        justification = check_text("justification", justification)
        with self._store.write() as database:
            actor = confirm(database, caller)
            at = self._clock()
            found, policy = _find_signer(database, actor, signer, at)
            window_seconds, signings = settle_bounds(policy.terms, window_seconds, signings)
            ttl = policy.terms.request_ttl_seconds
            request = Request(
                id=new_id(),
                signer=found.name,
                requester=actor.name,
                policy_id=policy.id,
                policy=policy.name,
                terms=policy.people,
                justification=justification,
                window_seconds=window_seconds,
                signings=signings,
                created_at=at,
                expires_at=None if ttl is None else at + timedelta(seconds=ttl),
            )
            pending = rows.find_pending(database, at, signer=signer, requester=actor.name)
            for other in pending:
                if _content(other) == _content(request):
                    return CreatedRequest(self._view(other), created=False)
            if len(pending) >= MOST_PENDING:
                raise Refused(
                    Code.TOO_MANY_PENDING,
                    f"{actor.name} has {MOST_PENDING} requests pending for the signer {signer!r}.",
                )
            grant = _issue_if_complete(database, request, at)
            if grant is not None:
                request = _approved(request, at, actor.name, grant)
            rows.REQUESTS.insert(database, request)
            details: Details = {
                "policy": policy.name,
                "policy_id": policy.id,
                "justification": justification,
                "window_seconds": window_seconds,
                "signings": signings,
            }
            _record(database, caller, Action.REQUEST_CREATE, request, at, details)
            if grant is not None:
                _insert_grant(database, caller, grant)
        return CreatedRequest(self._view(request), created=True)

    def list(
        self,
        caller: Caller,
        page: PageRequest,
        *,
        signer: str | None = None,
        requester: str | None = None,
        state: RequestState | None = None,
        ending: str | None = None,
    ) -> Page[RequestView]:
        """Newest first: one's own, those that name one as approver, and those of the signers that
        one may read."""
        before = cursor.read_text(page, "") or None
        with self._store.read() as database:
            found = rows.list_before(
                database,
                before,
                page.limit + 1,
                self._clock(),
                signer=signer,
                requester=requester,
                state=state,
                ending=ending,
                seen_by=limited(caller.identity),
            )
        views = [self._view(request) for request in found]
        return cursor.cut(views, page, lambda view: view.request.id)

    def get(self, caller: Caller, request_id: str) -> RequestView:
        """Refused 404 request_not_found, also where the caller may not see it."""
        with self._store.read() as database:
            return self._view(_find_request(database, caller.identity, request_id, self._clock()))

    def approve(
        self, caller: Caller, request_id: str, comment: str | None = None, step: int | None = None
    ) -> RequestView:
        """`step`: the one that the approver saw, from 1. The last approval of the last step
        issues the grant.

        Refused 403 own_request, auditor_cannot_approve, not_an_approver, credential_not_enrolled,
        credential_too_young; 404; 409 request_not_pending, step_changed, already_decided,
        policy_detached, requester_cannot_sign; 503 clock_behind.
        """
        self._clock.check()
        comment = check_comment(comment)
        with self._opened(caller, request_id) as (database, actor, request):
            at = self._clock()
            open_ = check_voter(database, actor, request, Verdict.APPROVED, step, at)
            _check_still_wanted(database, request, at)
            check_credential(database, caller, at, is_protected=request.terms.protected)
            credential = caller.key.credential(at)
            decision = Decision(open_, actor.name, Verdict.APPROVED, comment, at, credential)
            rows.REQUESTS.insert_decision(database, request.id, decision)
            request = replace(request, decisions=request.and_this(decision))
            details: dict[str, str | int | bool | None] = {
                "step": open_ + 1,
                "step_name": request.terms.steps[open_].name,
                "completes_step": request.open_step != open_,
                "comment": comment,
                "requester": request.requester,
            }
            _record(database, caller, Action.REQUEST_APPROVE, request, at, details)
            grant = _issue_if_complete(database, request, at)
            if grant is not None:
                request = _approved(request, at, actor.name, grant)
                rows.REQUESTS.end(database, request)
                _insert_grant(database, caller, grant)
        return self._view(request)

    def reject(
        self, caller: Caller, request_id: str, comment: str, step: int | None = None
    ) -> RequestView:
        """Ends it, whatever was approved before, whoever asked, and with any credential. Refused as
        `approve`, but for own_request and what a grant would need."""
        comment = check_text("comment", comment)
        with self._opened(caller, request_id) as (database, actor, request):
            at = self._clock()
            open_ = check_voter(database, actor, request, Verdict.REJECTED, step, at)
            credential = caller.key.credential(at)
            decision = Decision(open_, actor.name, Verdict.REJECTED, comment, at, credential)
            rows.REQUESTS.insert_decision(database, request.id, decision)
            request = replace(
                request,
                decisions=request.and_this(decision),
                ended=RequestState.REJECTED,
                ended_at=at,
                ended_by=actor.name,
                comment=comment,
            )
            rows.REQUESTS.end(database, request)
            details: Details = {
                "step": open_ + 1,
                "step_name": request.terms.steps[open_].name,
                "comment": comment,
                "requester": request.requester,
            }
            _record(database, caller, Action.REQUEST_REJECT, request, at, details)
        return self._view(request)

    def cancel(self, caller: Caller, request_id: str) -> RequestView:
        """By its requester, an administrator of the signer or a server admin. Refused 403
        requester_required, 404, 409 request_not_pending."""
        with self._opened(caller, request_id) as (database, actor, request):
            role = members.find_role_by_name(database, request.signer, actor.id)
            own = request.requester == actor.name
            if not own and not permissions.may_manage_signer(actor, role):
                raise Refused(
                    Code.REQUESTER_REQUIRED,
                    "Only who made the request, an administrator of the signer or a server admin "
                    "may cancel it.",
                )
            at = self._clock()
            check_pending(request, at)
            cancelled = _cancel(database, caller, request, at)
        return self._view(cancelled)

    @contextmanager
    def _opened(
        self, caller: Caller, request_id: str
    ) -> Iterator[tuple[Database, Identity, Request]]:
        """A write, and the caller and the request as they are in it. Refused 401, 404."""

        def judge(database: Database) -> Identity:
            actor = confirm(database, caller)
            # The more there is, the longer it takes.
            _find_request(database, actor, request_id, self._clock())
            return actor

        with judged(self._store, judge) as (database, actor):
            request = rows.REQUESTS.find(database, request_id)
            if request is None:
                raise AssertionError("requests are never deleted")
            yield database, actor, request

    def _view(self, request: Request) -> RequestView:
        now = self._clock()
        return RequestView(request, request.state(now), find_lacking(request, now))


def cancel_all(database: Database, caller: Caller, at: datetime, which: Any) -> tuple[str, ...]:
    """Those that are pending, of everybody, for which a condition of the store holds; their ids.
    Within a write."""
    cancelled = rows.cancel_pending(database, at, which, by=caller.identity.name)
    record_all(
        database,
        (
            change(
                caller,
                Action.REQUEST_CANCEL,
                request_id,
                at=at,
                signer=signer,
                details={"requester": requester},
            )
            for request_id, signer, requester in cancelled
        ),
    )
    return tuple(request_id for request_id, _, _ in cancelled)


def _cancel(database: Database, caller: Caller, request: Request, at: datetime) -> Request:
    by = caller.identity.name
    request = replace(request, ended=RequestState.CANCELLED, ended_at=at, ended_by=by)
    rows.REQUESTS.end(database, request)
    _record(database, caller, Action.REQUEST_CANCEL, request, at, {"requester": request.requester})
    return request


def _find_signer(
    database: Database, actor: Identity, name: str, now: datetime
) -> tuple[Signer, Policy]:
    """That the actor signs with, and its policy."""
    stored, _ = find_visible(database, actor, name, now)
    role = role_that_counts(database, stored.signer.id, actor)
    if role is None:
        raise Refused(Code.NOT_A_MEMBER, f"{actor.name} is no member of the signer {name!r}.")
    if not role.signs:
        raise Refused(
            Code.ROLE_CANNOT_SIGN,
            f"{actor.name} is an auditor, or a machine of one, and cannot sign with {name!r}.",
        )
    refuse_deleting(stored.signer)
    if stored.signer.policy is None:
        raise no_policy(stored.signer)
    return stored.signer, stored.signer.policy


def _content(request: Request) -> tuple[object, ...]:
    """What makes two requests the same; under other terms it is another one."""
    return (
        request.policy_id,
        request.terms,
        request.justification,
        request.window_seconds,
        request.signings,
    )


def _find_request(database: Database, reader: Identity, request_id: str, now: datetime) -> Request:
    request = rows.REQUESTS.find(database, request_id)
    visible = permissions.may_read_everything(reader) or rows.is_visible(
        database, request_id, reader, now
    )
    if request is None or not visible:
        raise not_found("request", request_id)
    return request


def _check_still_wanted(database: Database, request: Request, now: datetime) -> None:
    """That a grant could still be used. Refused 409 policy_detached, requester_cannot_sign."""
    stored = signers.find(database, request.signer, now)
    policy = stored.signer.policy if stored else None
    if stored is None or policy is None or policy.id != request.policy_id:
        raise Refused(
            Code.POLICY_DETACHED,
            f"The policy {request.policy!r} is no longer attached to the signer "
            f"{request.signer!r}: a grant under it would not count.",
        )
    requester = identities.find(database, request.requester)
    role = role_that_counts(database, stored.signer.id, requester) if requester else None
    if requester is None or requester.disabled or role is None or not role.signs:
        raise Refused(
            Code.REQUESTER_CANNOT_SIGN,
            f"{request.requester} may no longer sign with {request.signer!r}, whatever is granted.",
        )


def _issue_if_complete(database: Database, request: Request, at: datetime) -> Grant | None:
    if request.open_step is not None:
        return None
    return new_grant(
        signer=request.signer,
        grantee=request.requester,
        policy_id=request.policy_id,
        policy=request.policy,
        hashes=request.terms.hashes,
        justification=request.justification,
        window_seconds=request.window_seconds,
        signings=request.signings,
        at=at,
        approvals=approvals_of(database, request),
        request_id=request.id,
    )


def _approved(request: Request, at: datetime, by: str, grant: Grant) -> Request:
    return replace(
        request,
        ended=RequestState.APPROVED,
        ended_at=at,
        ended_by=by,
        grant_id=grant.id,
    )


def _insert_grant(database: Database, caller: Caller, grant: Grant) -> None:
    """From its commit on every process decides anew."""
    grants.insert(database, grant)
    record_grant(database, caller, Action.GRANT_ISSUE, grant)
    move_epoch(database)


def _record(
    database: Database,
    caller: Caller,
    action: Action,
    request: Request,
    at: datetime,
    details: Details,
) -> None:
    record(database, caller, action, request.id, at=at, signer=request.signer, details=details)

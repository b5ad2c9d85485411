"""Permission to sign, for a while and a number of times: issued, read, revoked."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

from peewee import Database

from controlplane.domain import permissions
from controlplane.domain.action import Action
from controlplane.domain.identifier import new_id
from controlplane.domain.model import (
    Approval,
    Caller,
    Grant,
    GrantState,
    HashAlgorithm,
    Identity,
    MemberRole,
    Revocation,
    Signer,
)
from controlplane.domain.operation import Details, Entry, Operation
from controlplane.domain.page import Page, PageRequest
from controlplane.domain.policy import settle_bounds
from controlplane.errors import Code, Refused, not_found
from controlplane.service import consents, cursor
from controlplane.service.attachments import no_policy
from controlplane.service.ballots import approvals_of
from controlplane.service.changes import change, confirm, judged, record, record_all
from controlplane.service.gate import Change, Gate, Ruling
from controlplane.service.justification import check_text
from controlplane.service.roles import role_that_counts
from controlplane.service.time import Time
from controlplane.service.visibility import find_visible, limited, refuse_deleting
from controlplane.store import grants as rows
from controlplane.store import identities, members
from controlplane.store.database import Store, move_epoch, read_head


@dataclass(frozen=True, slots=True)
class GrantView:
    """A grant as it is now."""

    grant: Grant
    state: GrantState


class Grants:
    def __init__(self, store: Store, gate: Gate, time: Time) -> None:
        self._store = store
        self._gate = gate
        self._clock = time

    def create(
        self,
        caller: Caller,
        signer: str,
        identity: str,
        justification: str,
        window_seconds: int | None = None,
        signings: int | None = None,
    ) -> GrantView:
        """Refused as CreateGrant. Raises Proposed."""
        justification = check_text("justification", justification)
        change = CreateGrant(signer, identity, justification, window_seconds, signings)
        return self._view(self._gate.make(caller, change))

    def list(
        self,
        caller: Caller,
        page: PageRequest,
        *,
        signer: str | None = None,
        grantee: str | None = None,
        state: GrantState | None = None,
        ending: str | None = None,
    ) -> Page[GrantView]:
        """Newest first: one's own, and those of the signers that one may read."""
        before = cursor.read_text(page, "") or None
        with self._store.read() as database:
            found = rows.list_before(
                database,
                before,
                page.limit + 1,
                self._clock(),
                signer=signer,
                grantee=grantee,
                state=state,
                ending=ending,
                seen_by=limited(caller.identity),
            )
        views = [self._view(grant) for grant in found]
        return cursor.cut(views, page, lambda view: view.grant.id)

    def get(self, caller: Caller, grant_id: str) -> GrantView:
        """Refused 404 grant_not_found, also where the caller may not see it."""
        with self._store.read() as database:
            return self._view(_find_grant(database, caller.identity, grant_id, self._clock()))

    def revoke(self, caller: Caller, grant_id: str, reason: str) -> GrantView:
        """Seen by the next call to sign in every process. Refused 403, 404, 409 grant_not_active
        for one that has ended."""
        reason = check_text("reason", reason)

        def judge(database: Database) -> None:
            actor = confirm(database, caller)
            grant = _find_grant(database, actor, grant_id, self._clock())
            role = members.find_role_by_name(database, grant.signer, actor.id)
            permissions.require_signer_manager(actor, role, "revoke its grants")

        with judged(self._store, judge) as (database, _):
            move_epoch(database)
            grant = rows.find(database, grant_id)  # how much it is used changes without the epoch
            if grant is None:
                raise AssertionError("grants are never deleted")
            at = self._clock()
            state = grant.state(at)
            if state not in (GrantState.ACTIVE, GrantState.SUSPENDED):
                raise Refused(Code.GRANT_NOT_ACTIVE, f"The grant is {state.value}: it has ended.")
            revoked = revoke(database, caller, grant, at, reason)
        return self._view(revoked)

    def _view(self, grant: Grant) -> GrantView:
        return GrantView(grant, grant.state(self._clock()))


@dataclass(frozen=True, slots=True)
class CreateGrant(Change[Grant]):
    """Pre-approved: without a request. Refused 400; 403 administrator_required, own_grant; 404
    signer_not_found, member_not_found; 409 signer_deleting, no_policy, grantee_cannot_sign."""

    action: ClassVar[Action] = Action.GRANT_CREATE

    signer: str
    identity: str
    justification: str
    window_seconds: int | None
    signings: int | None

    def judge(self, database: Database, actor: Identity, at: datetime) -> Ruling[Grant]:
        stored, role = find_visible(database, actor, self.signer, at)
        permissions.require_signing_administrator(actor, role, "pre-approve a grant")
        refuse_deleting(stored.signer)
        policy = stored.signer.policy
        if policy is None:
            raise no_policy(stored.signer)
        grantee = _find_grantee(database, stored.signer, self.identity)
        if grantee.is_of(actor):
            raise Refused(
                Code.OWN_GRANT,
                "Nobody pre-approves a grant for themselves, nor for a machine of the same "
                "owner: ask for one, and somebody else decides.",
            )
        window_seconds, signings = settle_bounds(policy.terms, self.window_seconds, self.signings)

        def apply(database: Database, caller: Caller, at: datetime) -> Grant:
            grant = new_grant(
                signer=self.signer,
                grantee=grantee.name,
                policy_id=policy.id,
                policy=policy.name,
                hashes=policy.terms.hashes,
                justification=self.justification,
                window_seconds=window_seconds,
                signings=signings,
                at=at,
                issued_by=caller.author,
            )
            agreed = () if caller.carrying is None else approvals_of(database, caller.carrying)
            following = read_head(database).sequence + 1
            # Its own row is what approves it, and lists it.
            own = (Approval(caller.identity.name, "", following),)
            rows.announce(database, replace(grant, approvals=agreed or own))
            row = record_grant(database, caller, self.action, grant)
            grant = replace(grant, approvals=agreed or (row.approval(),))
            rows.insert_announced(database, grant)
            return grant

        return Ruling(
            subject=self.identity,
            signer=self.signer,
            needs=consents.of_signer(stored.signer),
            rests_on=(stored.signer.id, policy, grantee.id),
            apply=apply,
            details={
                "justification": self.justification,
                "window_seconds": window_seconds,
                "signings": signings,
            },
        )


def new_grant(
    *,
    signer: str,
    grantee: str,
    policy_id: str,
    policy: str,
    hashes: tuple[HashAlgorithm, ...],
    justification: str,
    window_seconds: int | None,
    signings: int | None,
    at: datetime,
    approvals: tuple[Approval, ...] | None = None,
    request_id: str | None = None,
    issued_by: str | None = None,
) -> Grant:
    """Its window starts now."""
    end = None if window_seconds is None else at + timedelta(seconds=window_seconds)
    return Grant(
        id=new_id(),
        signer=signer,
        grantee=grantee,
        policy_id=policy_id,
        policy=policy,
        hashes=hashes,
        justification=justification,
        request_id=request_id,
        issued_by=issued_by,
        not_before=at,
        not_after=end,
        max_signings=signings,
        approvals=approvals,
    )


def record_grant(database: Database, caller: Caller, action: Action, grant: Grant) -> Operation:
    details: Details = {
        "grantee": grant.grantee,
        "policy": grant.policy,
        "policy_id": grant.policy_id,
        "max_signings": grant.max_signings,
        "not_after": None if grant.not_after is None else grant.not_after.isoformat(),
        "hashes": ",".join(grant.hashes) or None,
        "request_id": grant.request_id,
        "justification": grant.justification,
    }
    return record(
        database,
        caller,
        action,
        grant.id,
        at=grant.not_before,
        signer=grant.signer,
        details=details,
    )


def revoke(database: Database, caller: Caller, grant: Grant, at: datetime, reason: str) -> Grant:
    """Within a change."""
    revocation = Revocation(at, caller.identity.name, reason)
    rows.revoke(database, grant.id, revocation)
    record_all(database, [_revoked(caller, grant, revocation)])
    return replace(grant, revocation=revocation)


def revoke_all(database: Database, caller: Caller, at: datetime, which: Any, reason: str) -> None:
    """Those that are active, of everybody, for which a condition of the store holds. Within a
    write."""
    revocation = Revocation(at, caller.identity.name, reason)
    revoked = rows.revoke_active(database, which, revocation)
    record_all(database, (_revoked(caller, grant, revocation) for grant in revoked))


def _revoked(caller: Caller, grant: Grant, revocation: Revocation) -> Entry:
    details: Details = {
        "grantee": grant.grantee,
        "used": grant.used,
        "reason": revocation.reason,
    }
    at, signer = revocation.at, grant.signer
    return change(caller, Action.GRANT_REVOKE, grant.id, at=at, signer=signer, details=details)


def _find_grant(database: Database, reader: Identity, grant_id: str, now: datetime) -> Grant:
    grant = rows.find(database, grant_id)
    visible = permissions.may_read_everything(reader) or rows.is_visible(
        database, grant_id, reader, now
    )
    if grant is None or not visible:
        raise not_found("grant", grant_id)
    return grant


def _find_grantee(database: Database, signer: Signer, name: str) -> Identity:
    identity = identities.find(database, name)
    role = role_that_counts(database, signer.id, identity) if identity else None
    if identity is None or role is None:
        raise not_found("member", name)
    if role is MemberRole.AUDITOR or identity.disabled:
        why = "is disabled" if identity.disabled else "is an auditor of it"
        raise Refused(Code.GRANTEE_CANNOT_SIGN, f"{name} {why} and could not use a grant.")
    return identity

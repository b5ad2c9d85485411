"""Deciding on what others propose; the last approval carries it out."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import msgspec
from peewee import Database

from controlplane.domain import permissions
from controlplane.domain.action import Action
from controlplane.domain.approval import check_pending
from controlplane.domain.model import (
    Caller,
    Decision,
    Identity,
    Proposal,
    RequestState,
    Verdict,
)
from controlplane.domain.page import Page, PageRequest
from controlplane.errors import Code, Refused, not_found
from controlplane.service import cursor
from controlplane.service.ballots import check_voter
from controlplane.service.changes import confirm
from controlplane.service.clock_acceptance import AcceptClock
from controlplane.service.credentials import check_credential
from controlplane.service.gate import (
    Change,
    ProposalView,
    Ruling,
    fingerprint,
    record_proposal,
    view_of,
)
from controlplane.service.grants import CreateGrant
from controlplane.service.group_edit import AddToGroup, RemoveFromGroup
from controlplane.service.identities import EnableIdentity
from controlplane.service.identity_creation import CreateIdentity
from controlplane.service.identity_edit import EditIdentity
from controlplane.service.justification import check_comment, check_text
from controlplane.service.members import AddMember
from controlplane.service.new_credentials import AddKey, CreateEnrolment
from controlplane.service.policy_edit import EditPolicy
from controlplane.service.settings import SetSetting
from controlplane.service.signer_changes import (
    DeleteSigner,
    EnableSigner,
    InstallCertificate,
    SetPolicy,
)
from controlplane.service.suspensions import Confirm
from controlplane.service.time import Time
from controlplane.service.visibility import limited
from controlplane.service.witnesses import AddWitness, RemoveWitness
from controlplane.store import identities
from controlplane.store import proposals as rows
from controlplane.store.database import Store, move_epoch

_CHANGES: tuple[type[Change[Any]], ...] = (
    AcceptClock,
    AddKey,
    AddMember,
    AddToGroup,
    AddWitness,
    Confirm,
    CreateEnrolment,
    CreateGrant,
    CreateIdentity,
    DeleteSigner,
    EditIdentity,
    EditPolicy,
    EnableIdentity,
    EnableSigner,
    InstallCertificate,
    RemoveFromGroup,
    RemoveWitness,
    SetPolicy,
    SetSetting,
)
KINDS: Mapping[Action, type[Change[Any]]] = {each.action: each for each in _CHANGES}


class Proposals:
    def __init__(self, store: Store, time: Time) -> None:
        self._store = store
        self._clock = time

    def list(
        self,
        caller: Caller,
        page: PageRequest,
        *,
        state: RequestState | None = None,
        ending: str | None = None,
    ) -> Page[ProposalView]:
        """Newest first: one's own, those that name one as approver, and those about signers that
        one may read."""
        before = cursor.read_text(page, "") or None
        with self._store.read() as database:
            now = self._clock()
            seen_by = limited(caller.identity)
            found = rows.list_before(
                database,
                before,
                page.limit + 1,
                now,
                state=state,
                ending=ending,
                seen_by=seen_by,
            )
        views = [view_of(proposal, now) for proposal in found]
        return cursor.cut(views, page, lambda view: view.proposal.id)

    def get(self, caller: Caller, proposal_id: str) -> ProposalView:
        """Refused 404 proposal_not_found, also where the caller may not see it."""
        with self._store.read() as database:
            now = self._clock()
            return view_of(_find(database, caller.identity, proposal_id, now), now)

    def approve(
        self, caller: Caller, proposal_id: str, comment: str | None = None, step: int | None = None
    ) -> ProposalView:
        """`step`: the one that the approver saw, from 1. The last approval of the last step makes
        the change.

        Refused 403 own_proposal, auditor_cannot_approve, not_an_approver, credential_not_enrolled,
        credential_too_young; 404; 409 proposal_finished, proposal_overtaken, step_changed,
        already_decided; 503 clock_behind.
        """
        comment = check_comment(comment)
        with self._store.write() as database:
            actor = confirm(database, caller)
            at = self._clock()
            proposal = _find(database, actor, proposal_id, at)
            if KINDS[proposal.action].needs_time:
                self._clock.check()
            open_ = check_voter(database, actor, proposal, Verdict.APPROVED, step, at)
            ruling = _judge_again(database, proposal, at)
            check_credential(database, caller, at, is_protected=True)
            credential = caller.key.credential(at)
            decision = Decision(open_, actor.name, Verdict.APPROVED, comment, at, credential)
            rows.PROPOSALS.insert_decision(database, proposal.id, decision)
            proposal = replace(proposal, decisions=proposal.and_this(decision))
            details = _of_decision(proposal, decision)
            details |= {"completes_step": proposal.open_step != open_}
            record_proposal(database, caller, Action.PROPOSAL_APPROVE, proposal, at, details)
            if proposal.open_step is None:
                proposal = _ended(proposal, RequestState.APPROVED, actor, at)
                rows.PROPOSALS.end(database, proposal)
                move_epoch(database)
                ruling.apply(database, replace(caller, carrying=proposal), at)
        return view_of(proposal, at)

    def reject(
        self, caller: Caller, proposal_id: str, comment: str, step: int | None = None
    ) -> ProposalView:
        """Ends it, whatever was approved before, and with any credential. Refused as `approve`."""
        comment = check_text("comment", comment)
        with self._store.write() as database:
            actor = confirm(database, caller)
            at = self._clock()
            proposal = _find(database, actor, proposal_id, at)
            open_ = check_voter(database, actor, proposal, Verdict.REJECTED, step, at)
            credential = caller.key.credential(at)
            decision = Decision(open_, actor.name, Verdict.REJECTED, comment, at, credential)
            rows.PROPOSALS.insert_decision(database, proposal.id, decision)
            proposal = replace(proposal, decisions=proposal.and_this(decision))
            proposal = _ended(proposal, RequestState.REJECTED, actor, at, comment)
            rows.PROPOSALS.end(database, proposal)
            details = _of_decision(proposal, decision)
            record_proposal(database, caller, Action.PROPOSAL_REJECT, proposal, at, details)
        return view_of(proposal, at)

    def cancel(self, caller: Caller, proposal_id: str) -> ProposalView:
        """By its proposer or a server admin. Refused 403 requester_required, 404, 409
        proposal_finished."""
        with self._store.write() as database:
            actor = confirm(database, caller)
            at = self._clock()
            proposal = _find(database, actor, proposal_id, at)
            if proposal.proposer != actor.name and not permissions.is_admin(actor):
                raise Refused(
                    Code.REQUESTER_REQUIRED,
                    "Only who made the proposal, or a server admin, may cancel it.",
                )
            check_pending(proposal, at)
            proposal = _ended(proposal, RequestState.CANCELLED, actor, at)
            rows.PROPOSALS.end(database, proposal)
            record_proposal(database, caller, Action.PROPOSAL_CANCEL, proposal, at, {})
        return view_of(proposal, at)


def _find(database: Database, reader: Identity, proposal_id: str, now: datetime) -> Proposal:
    proposal = rows.PROPOSALS.find(database, proposal_id)
    visible = permissions.may_read_everything(reader) or rows.is_visible(
        database, proposal_id, reader, now
    )
    if proposal is None or not visible:
        raise not_found("proposal", proposal_id)
    return proposal


def _judge_again(database: Database, proposal: Proposal, at: datetime) -> Ruling[Any]:
    """As of now, as if its proposer called. Refused 409 proposal_overtaken: they could not, or it
    would be another change than the one that was agreed to."""
    change: Change[Any] = msgspec.json.decode(proposal.change, type=KINDS[proposal.action])
    proposer = identities.find(database, proposal.proposer)
    if proposer is None or proposer.disabled:
        raise _overtaken(f"{proposal.proposer}, who proposed it, is disabled")
    try:
        ruling = change.judge(database, proposer, at)
    except Refused as refused:
        raise _overtaken(f"it is refused now: {refused.title.rstrip('.')}") from refused
    if fingerprint(ruling) != proposal.rests_on:
        raise _overtaken("something that it rests on has changed since")
    return ruling


def _overtaken(why: str) -> Refused:
    return Refused(
        Code.PROPOSAL_OVERTAKEN,
        f"The proposal is overtaken: {why}. Whoever still wants it proposes it again.",
    )


def _ended(
    proposal: Proposal,
    state: RequestState,
    by: Identity,
    at: datetime,
    comment: str | None = None,
) -> Proposal:
    return replace(proposal, ended=state, ended_at=at, ended_by=by.name, comment=comment)


def _of_decision(proposal: Proposal, decision: Decision) -> dict[str, str | int | bool | None]:
    return {
        "step": decision.step + 1,
        "step_name": proposal.steps[decision.step].name,
        "comment": decision.comment,
    }

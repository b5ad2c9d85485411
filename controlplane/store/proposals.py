"""Proposals as rows."""

from datetime import datetime
from typing import Any

from peewee import Database, ModelSelect

from controlplane.domain.model import Identity, Proposal, RequestState, Step
from controlplane.store import rows
from controlplane.store.ballots import Ballots
from controlplane.store.mapping import as_json, shared
from controlplane.store.signers import names_seen_by
from controlplane.store.tables import ProposalApproverRow, ProposalDecisionRow, ProposalRow

PROPOSALS = Ballots(
    shared(
        Proposal,
        ProposalRow,
        consent=as_json(tuple[Step, ...]),
        details=as_json(dict[str, str | int | bool | None]),
    ),
    ProposalRow,
    ProposalApproverRow,
    ProposalDecisionRow,
    "proposal_id",
)


def is_visible(database: Database, proposal_id: str, identity: Identity, now: datetime) -> bool:
    query = ProposalRow.select().where(ProposalRow.id == proposal_id)
    return bool(_visible(database, query, identity, now).exists(database))


def find_pending(database: Database, now: datetime, *, proposer: str) -> list[Proposal]:
    """Oldest first."""
    query = ProposalRow.select().where(
        (ProposalRow.proposer == proposer) & PROPOSALS.is_pending(now)
    )
    return PROPOSALS.load(database, rows.select(database, query.order_by(ProposalRow.id)))


def find_all_pending(database: Database, now: datetime, *, proposer: str) -> list[Proposal]:
    """The same, and none is missing."""
    theirs = (ProposalRow.proposer == proposer) & PROPOSALS.is_pending(now)
    found = rows.matching(database, ProposalRow, theirs)
    return PROPOSALS.load(database, sorted(found, key=lambda row: str(row.id)))


def list_before(
    database: Database,
    proposal_id: str | None,
    limit: int,
    now: datetime,
    *,
    state: RequestState | None,
    ending: str | None,
    seen_by: Identity | None,
) -> list[Proposal]:
    """Newest first, those before this one. `seen_by`: only those that it may read."""
    query = ProposalRow.select()
    if seen_by is not None:
        query = _visible(database, query, seen_by, now)
    return PROPOSALS.list_before(database, query, proposal_id, limit, now, state, ending)


def _visible(
    database: Database, query: "ModelSelect[Any]", identity: Identity, now: datetime
) -> "ModelSelect[Any]":
    """Its own, those about signers that it may read, and those that name it."""
    return query.where(
        (ProposalRow.proposer == identity.name)
        | ProposalRow.signer.in_(names_seen_by(database, identity, now))
        | ProposalRow.id.in_(PROPOSALS.ids_naming(database, identity))
    )

"""What identities are on signers: members, and approvers."""

from collections.abc import Collection, Iterator
from datetime import datetime

from peewee import Database

from controlplane.domain.model import Identity, MemberRole
from controlplane.domain.roles import GroupRole, Standing
from controlplane.store.batches import batches
from controlplane.store.members import check_memberships
from controlplane.store.proposals import PROPOSALS
from controlplane.store.requests import REQUESTS
from controlplane.store.signers import is_there
from controlplane.store.tables import (
    MembershipRow,
    PolicyPersonRow,
    ProposalApproverRow,
    ProposalRow,
    RequestApproverRow,
    RequestRow,
    SignerRow,
)


def standings_of(
    database: Database, identities: Collection[Identity], now: datetime
) -> list[Standing]:
    roles: dict[str, dict[str, MemberRole]] = {each.id: {} for each in identities}
    of_groups: dict[str, set[GroupRole]] = {each.id: set() for each in identities}
    decides: dict[str, set[str]] = {each.name: set() for each in identities}
    check_memberships(database, roles)
    for ids in batches(sorted(roles)):
        for identity_id, group_id, signer, role in _roles(database, ids, now):
            if group_id is None:
                roles[identity_id][signer] = MemberRole(role)
            else:
                of_groups[identity_id].add(GroupRole(group_id, signer, MemberRole(role)))
    for names in batches(sorted(decides)):
        for name, signer in _decides(database, names, now):
            decides[name].add(signer)
    return [
        Standing(each, roles[each.id], frozenset(of_groups[each.id]), frozenset(decides[each.name]))
        for each in identities
    ]


def _roles(
    database: Database, ids: Collection[str], now: datetime
) -> Iterator[tuple[str, str | None, str, str]]:
    row = MembershipRow
    yield from (
        row.select(row.identity_id, row.group_id, SignerRow.name, row.role)
        .join(SignerRow, on=(SignerRow.id == row.signer_id))
        .where(row.identity_id.in_(ids) & is_there(now))
        .tuples()
        .execute(database)
    )


def _decides(
    database: Database, names: Collection[str], now: datetime
) -> Iterator[tuple[str, str]]:
    """By a policy that is attached, or something that is pending."""
    yield from (
        PolicyPersonRow.select(PolicyPersonRow.identity, SignerRow.name)
        .join(SignerRow, on=(SignerRow.policy_id == PolicyPersonRow.policy_id))
        .where(PolicyPersonRow.identity.in_(names) & is_there(now))
        .tuples()
        .execute(database)
    )
    yield from (
        RequestApproverRow.select(RequestApproverRow.identity, RequestRow.signer)
        .join(RequestRow, on=(RequestRow.id == RequestApproverRow.request_id))
        .where(RequestApproverRow.identity.in_(names) & REQUESTS.is_pending(now))
        .tuples()
        .execute(database)
    )
    yield from (
        ProposalApproverRow.select(ProposalApproverRow.identity, ProposalRow.signer)
        .join(ProposalRow, on=(ProposalRow.id == ProposalApproverRow.proposal_id))
        .where(ProposalApproverRow.identity.in_(names) & ProposalRow.signer.is_null(False))
        .where(PROPOSALS.is_pending(now))
        .tuples()
        .execute(database)
    )

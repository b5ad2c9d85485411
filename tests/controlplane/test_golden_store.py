"""A store as the last release left it, with something of every kind: all of it goes on."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from controlplane.api.operations import line
from controlplane.audit.verification import verify_lines
from controlplane.domain.model import (
    Caller,
    GrantState,
    MemberRole,
    RequestState,
    Step,
    Verdict,
)
from controlplane.domain.operation import Operation, OperationFilter
from controlplane.domain.page import PageRequest
from controlplane.domain.policy import TermsEdit
from controlplane.errors import Code, Refused
from controlplane.service.gate import Proposed
from controlplane.service.installation import Services, open_services, upgrade
from controlplane.service.location import Location
from tests.world import a_call

HERE = Path(__file__).parent
WHAT = json.loads((HERE / "store-schema-2.json").read_text())
"""When it was made, its master key, API keys by identity, ids of requests and grants, and the head
of its log."""


@dataclass(frozen=True)
class Store:
    services: Services
    location: Location

    def __getitem__(self, name: str) -> Caller:
        return self.services.identities.authenticate(WHAT["keys"][name])


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    location = Location(tmp_path / "data")
    location.data_dir.mkdir(mode=0o700)
    with closing(sqlite3.connect(location.store_path)) as database:
        database.executescript((HERE / "store-schema-2.sql").read_text())
        database.execute("PRAGMA journal_mode = WAL")
    location.master_key_path.write_text(WHAT["master_key"])
    location.master_key_path.chmod(0o600)
    upgrade(location)
    soon = datetime.fromisoformat(WHAT["made_at"]) + timedelta(minutes=5)
    with open_services(location, lambda: soon.astimezone(UTC)) as services:
        yield Store(services, location)


def refusal(call: Any) -> Code:
    with pytest.raises(Refused) as refused:
        call()
    return refused.value.code


def rows_of(store: Store) -> list[Operation]:
    """Newest first."""
    page = PageRequest(1000)
    return list(store.services.audit.list(store["admin"], OperationFilter(), page).items)


def test_its_rows_verify_as_they_did(store: Store) -> None:
    exported = [line(row) for row in store.services.audit.export(store["admin"])]
    old = exported[: WHAT["head"]["sequence"]]
    assert [json.loads(each).get("version", 1) for each in old] == [1] * len(old)
    assert verify_lines(old).head == WHAT["head"]["row_hash"]
    store.services.signing.sign(store["ci"], a_call("release"))
    everything = [line(row) for row in store.services.audit.export(store["admin"])]
    assert json.loads(everything[-1])["version"] == 2
    verified = verify_lines(everything)
    assert (verified.intact, verified.rows) == (True, len(everything))


def test_its_keys_work_and_those_that_did_not_do_not(store: Store) -> None:
    for name in ("admin", "ann", "bob", "carol", "adam", "audrey", "root", "ci"):
        assert store[name].identity.name == name
    assert refusal(lambda: store["gone"]) is Code.IDENTITY_DISABLED
    assert refusal(lambda: store["revoked"]) is Code.API_KEY_REVOKED


def test_its_signers_sign_under_their_grants(store: Store) -> None:
    signed = store.services.signing.sign(store["ci"], a_call("release"))
    row = store.services.audit.get(store["admin"], signed.operation_id)
    assert row.entry.grant_id is not None
    assert row.entry.credential is not None
    assert not row.entry.credential.enrolled


def test_a_retry_of_before_gets_its_signature(store: Store) -> None:
    before = rows_of(store)
    signed = store.services.signing.sign(store["ci"], a_call("release", idempotency_key="once"))
    (row,) = [each for each in before if each.entry.id == signed.operation_id]
    assert (row.version, row.entry.signature) == (1, signed.signature)
    assert rows_of(store) == before


def test_its_requests_are_what_they_were(store: Store) -> None:
    states = {
        "done": RequestState.APPROVED,
        "rejected": RequestState.REJECTED,
        "cancelled": RequestState.CANCELLED,
        "half": RequestState.PENDING,
        "waiting": RequestState.PENDING,
    }
    for name, state in states.items():
        assert store.services.requests.get(store["admin"], WHAT["ids"][name]).state is state
    (decision,) = store.services.requests.get(store["admin"], WHAT["ids"]["half"]).request.decisions
    assert (decision.approver, decision.verdict) == ("bob", Verdict.APPROVED)
    assert decision.credential is None


def test_a_request_that_was_half_approved_is_approved_and_its_grant_names_both_rows(
    store: Store,
) -> None:
    requests = store.services.requests
    done = requests.approve(store["carol"], WHAT["ids"]["half"])
    assert done.state is RequestState.APPROVED
    grant = store.services.grants.get(store["admin"], done.request.grant_id or "").grant
    assert grant.approvals is not None
    assert [each.approver for each in grant.approvals] == ["bob", "carol"]
    named = {row.row_hash: row for row in rows_of(store)}
    versions = [named[each.row_hash].version for each in grant.approvals]
    assert versions == [1, 2]


def test_its_grants_are_what_they_were(store: Store) -> None:
    grants = store.services.grants
    assert grants.get(store["admin"], WHAT["ids"]["grant"]).state is GrantState.ACTIVE
    assert grants.get(store["admin"], WHAT["ids"]["revoked"]).state is GrantState.REVOKED


def test_its_members_and_policies_are_what_they_were(store: Store) -> None:
    services = store.services
    roles = {
        member.identity: member.role
        for member in services.members.list(store["admin"], "bare", PageRequest()).items
    }
    assert roles == {
        "adam": MemberRole.ADMINISTRATOR,
        "ann": MemberRole.AUDITOR,
        "ci": MemberRole.OPERATOR,
    }
    policy = services.policies.get(store["admin"], "two-steps").policy
    assert policy.terms.steps == (
        Step("lead", 1, ("ann", "bob")),
        Step("security", 1, ("carol",)),
    )
    assert not policy.terms.protected


def test_a_signer_that_was_deleted_stays_so(store: Store) -> None:
    get = store.services.signers.get
    assert refusal(lambda: get(store["admin"], "dead")) is Code.SIGNER_NOT_FOUND


def test_its_policies_can_be_protected(store: Store) -> None:
    services = store.services
    services.policies.edit(store["admin"], "two-steps", TermsEdit(protected=True))
    with pytest.raises(Proposed) as proposed:
        services.signers.set_policy(store["adam"], "release", None)
    approve = services.proposals.approve
    by_old_key = lambda: approve(store["ann"], proposed.value.view.proposal.id)  # noqa: E731
    assert refusal(by_old_key) is Code.CREDENTIAL_NOT_ENROLLED

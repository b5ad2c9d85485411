"""A store as the last release left it, with something of every kind: all of it goes on."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
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
    OperationKind,
    Outcome,
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
def old(tmp_path: Path) -> Location:
    """As that release left it."""
    location = Location(tmp_path / "data")
    location.data_dir.mkdir(mode=0o700)
    with closing(sqlite3.connect(location.store_path)) as database:
        database.executescript((HERE / "store-schema-2.sql").read_text())
        database.execute("PRAGMA journal_mode = WAL")
    location.master_key_path.write_text(WHAT["master_key"])
    location.master_key_path.chmod(0o600)
    return location


def soon() -> datetime:
    """When its grants are still open."""
    return datetime.fromisoformat(WHAT["made_at"]).astimezone(UTC) + timedelta(minutes=5)


@contextmanager
def opened(location: Location) -> Iterator[Store]:
    with open_services(location, soon) as services:
        yield Store(services, location)


@pytest.fixture
def store(old: Location) -> Iterator[Store]:
    upgrade(old, clock=soon)
    with opened(old) as store:
        yield store


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


def test_the_upgrade_says_that_all_of_it_fits(store: Store) -> None:
    (row,) = (each for each in rows_of(store) if each.entry.action == "installation:upgrade")
    assert row.entry.details is not None
    assert (row.entry.details["misfits"], row.entry.details["first_misfits"]) == (0, None)


def test_its_state_is_proven_from_then_on(store: Store) -> None:
    verdict = store.services.state.verify(store["admin"])
    assert (verdict.altered, verdict.objects > 50) == ((), True)
    alter(store.location, "UPDATE signers SET policy_id = NULL WHERE name = 'release'")
    verdict = store.services.state.verify(store["admin"])
    assert verdict.altered == ("signers/release",)


HEAD = WHAT["head"]["row_hash"]
ANN, CI = "01a22d87-bafa-782f-9fde-274627ae96f5", "01a22d87-bb7a-7bd2-905e-7b5ee4f346d6"
BARE = "01a22d87-bc62-7a53-9fa2-3061a1da0406"
DONE, GRANT, REVOKED = (WHAT["ids"][name] for name in ("done", "grant", "revoked"))
KEY_AND_CERTIFICATE_OF_RELEASE = (
    "(key_id, certificate_id) = (SELECT key_id, certificate_id FROM signers WHERE number = 1)"
)
ALTERED = {
    "a policy taken off": (
        "UPDATE signers SET policy_id = NULL WHERE name = 'release'",
        "signer release: policy_id is null, but row 16 says 01a22d87-bbc4-",
    ),
    "a key of one's own": (
        f"INSERT INTO api_keys VALUES ('k', '{ANN}', x'00', '2026-11-30T17:36:39Z', NULL)",
        "API key k of ann is there, but no row made it",
    ),
    "a key that is not revoked": (
        "UPDATE api_keys SET revoked_at = NULL",
        "of ci: revoked_at is null, but row 12 says 2026-11-30T17:36:39.857649Z",
    ),
    "an admin": (
        "UPDATE identities SET role = 'admin' WHERE name = 'ci'",
        "identity ci: role is admin, but row 9 says null",
    ),
    "somebody enabled": (
        "UPDATE identities SET disabled = FALSE",
        "identity gone: disabled is no, but row 10 says yes",
    ),
    "somebody who was never made": (
        "INSERT INTO identities VALUES ('m', 'mallory', 'user', NULL, NULL, 0, '2026')",
        "identity mallory is there, but no row made it",
    ),
    "somebody removed": (
        "DELETE FROM members WHERE role = 'auditor'",
        "member ann of the signer bare is not there, but row 30 made it",
    ),
    "a member": (
        f"INSERT INTO members VALUES ('{BARE}', '{CI}x', 'operator', '2026')",
        "member ? of the signer bare is there, but no row made it",
    ),
    "a grant that is fresh again": (
        "UPDATE grants SET used = 0",
        "used is 0, but 1 row signed under it",
    ),
    "a grant that is not revoked": (
        "UPDATE grants SET revoked_at = NULL, revoked_by = NULL, revoke_reason = NULL",
        f"grant {REVOKED}: revoked_at is null, but row 49 says 2026-11-30T17:36:41.892800Z",
    ),
    "a grant for more": (
        "UPDATE grants SET max_signings = 500",
        f"grant {GRANT}: max_signings is 500, but row 47 says 5",
    ),
    "other approvers": (
        "UPDATE policies SET terms = replace(terms, 'carol', 'adam')",
        "policy two-steps: steps is lead:1:ann,bob; security:1:adam, but row 13 says lead:",
    ),
    "other approvers of a request": (
        "UPDATE requests SET terms = replace(terms, 'carol', 'adam')",
        f"request {DONE}: steps is lead:1:ann,bob; security:1:adam, but row 34 says lead:",
    ),
    "a no that is a yes": (
        "UPDATE decisions SET verdict = 'approved'",
        "decision of bob on step 1 of the request ",
    ),
    "another signer's key": (
        f"UPDATE signers SET {KEY_AND_CERTIFICATE_OF_RELEASE} WHERE name = 'bare'",
        "signer bare: its key 01a22d87-bbe5-7805-b4aa-33d517854412 is none that was made for it",
    ),
    "a certificate that never ends": (
        "UPDATE certificates SET not_after = '2999-01-01T00:00:00.000000Z'",
        ": not_after is 2999-01-01T00:00:00.000000Z, but it says 2027-11-30T17:31:39.000000Z",
    ),
    "a row that says nothing": (
        "UPDATE operations SET details = '{' WHERE sequence = 12",
        "row 12 cannot be read",
    ),
}
"""By what it is: SQL, and the words in which the upgrade refuses it."""


def alter(location: Location, statement: str) -> None:
    """Past the triggers and references, which are there again afterwards."""
    with closing(sqlite3.connect(location.store_path)) as database:
        triggers = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
        found = database.execute(triggers).fetchall()
        for name, _ in found:
            database.execute(f"DROP TRIGGER {name}")
        assert database.execute(statement).rowcount > 0
        for _, trigger in found:
            database.execute(trigger)
        database.commit()


def everything_in(location: Location) -> list[str]:
    with closing(sqlite3.connect(location.store_path)) as database:
        return list(database.iterdump())


@pytest.mark.parametrize("what", ALTERED)
def test_what_does_not_fit_its_log_is_refused_and_stays_as_it_was(old: Location, what: str) -> None:
    statement, words = ALTERED[what]
    alter(old, statement)
    before = everything_in(old)
    for accepted in (None, "0" * 64):
        with pytest.raises(Refused) as refused:
            upgrade(old, accepted, soon)
        assert refused.value.code is Code.STATE_ALTERED
        assert words in refused.value.title
        assert f"--accept-rollback {HEAD}" in refused.value.title
    assert everything_in(old) == before


def test_what_does_not_fit_stands_for_who_names_the_head_and_its_row_says_so(old: Location) -> None:
    alter(old, "UPDATE grants SET max_signings = 500")
    upgrade(old, HEAD, soon)
    with opened(old) as store:
        (row,) = (each for each in rows_of(store) if each.entry.action == "installation:upgrade")
        grant = store.services.grants.get(store["admin"], GRANT).grant
    assert row.entry.details is not None
    assert row.entry.details["misfits"] == 3
    assert f"grant {GRANT}: max_signings is 500" in str(row.entry.details["first_misfits"])
    assert grant.max_signings == 500


def test_of_many_that_do_not_fit_the_first_are_named_and_the_others_counted(old: Location) -> None:
    alter(
        old,
        "INSERT INTO identities WITH n(i) AS (SELECT 1 UNION SELECT i + 1 FROM n WHERE i < 25)"
        " SELECT 'm' || i, 'm' || i, 'user', NULL, NULL, 0, '2026' FROM n",
    )
    with pytest.raises(Refused) as refused:
        upgrade(old, clock=soon)
    assert refused.value.title.count(" is there, but no row made it") == 20
    assert "; and 5 more." in refused.value.title


def test_what_somebody_wrote_into_a_table_is_told_on_one_line_and_short(old: Location) -> None:
    text = "\n\x1b[2J" + "x" * 500
    alter(old, f"UPDATE identities SET kind = '{text}' WHERE name = 'ann'")
    with pytest.raises(Refused) as refused:
        upgrade(old, clock=soon)
    assert refused.value.title.isprintable()
    assert "x" * 200 not in refused.value.title


def test_signatures_from_before_rows_named_approvals_are_reported_with_them(store: Store) -> None:
    admin, old = store["admin"], WHAT["head"]["sequence"]
    where = OperationFilter(kind=OperationKind.SIGN, outcome=Outcome.SUCCEEDED)
    reported = store.services.audit.report(admin, where, PageRequest(1000)).page.items
    granted = [each for each in reported if each.grant is not None]
    assert granted
    for each in granted:
        assert each.grant is not None
        assert each.operation.sequence <= old
        request = store.services.requests.get(
            admin, str(each.request and each.request.entry.object)
        ).request
        agreed = [decision.approver for decision in request.decisions]
        assert [row.entry.actor for row in each.approvals] == agreed

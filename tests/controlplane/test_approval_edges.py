"""Rules of approvals where they are easily missed: who is told what, by whom, in which order."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from controlplane.api.words import say_missing
from controlplane.domain.model import Caller, IdentityKind, MemberRole, ServerRole, Step, Terms
from controlplane.errors import Refused
from tests.world import World, a_call, edit_to

LEAD = Step("lead", 1, ("ann", "bob"))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path / "data")
    with world.services:
        for name in ("ann", "bob", "ci", "adam"):
            world.identity(name)
        world.policy("p", LEAD)
        world.policy("q", LEAD)
        world.signer(policy="p", ci=MemberRole.OPERATOR, adam=MemberRole.ADMINISTRATOR)
        yield world


def caller(world: World, name: str) -> Caller:
    code = world.services.enrolments.create(world.admin, name).code
    key = world.services.enrolments.use(code, None).new.api_key
    return world.services.identities.authenticate(key)


def test_an_exchange_of_policies_is_shown_in_order(world: World) -> None:
    """Both changes get UUIDv7 ids within one millisecond; they are sorted by id."""
    for number in range(20):
        view = world.services.signers.set_policy(world.admin, "release", "qp"[number % 2])
        assert [each.change.value for each in view.policy_changes[:2]] == ["attached", "detached"]


@pytest.fixture
def decided(world: World) -> Iterator[sqlite3.Connection]:
    """A request that waits, one that was approved with its decision, and two grants."""
    ci, ann = caller(world, "ci"), caller(world, "ann")
    requests = world.services.requests
    for number in range(2):
        asked = requests.create(ci, "release", str(number)).view.request.id
        requests.approve(ann, asked)
    requests.create(ci, "release", "waits")
    world.services.signing.sign(ci, a_call())
    with closing(sqlite3.connect(world.location.store_path)) as connection:
        yield connection


@pytest.mark.parametrize("recursive_triggers", ["on", "off"])
@pytest.mark.parametrize(
    "statement",
    [
        (
            "INSERT OR REPLACE INTO decisions (rowid, request_id, step, approver, verdict, at)"
            " SELECT rowid, request_id, 7, approver, 'rejected', at FROM decisions"
        ),
        (
            "INSERT OR REPLACE INTO grants (rowid, id, signer, grantee, policy_id, policy, hashes,"
            " justification, not_before, used) SELECT rowid, 'new' || rowid, signer, grantee,"
            " policy_id, policy, hashes, justification, not_before, 0 FROM grants"
        ),
        (
            "INSERT OR REPLACE INTO requests (rowid, id, signer, requester, policy_id, policy,"
            " terms, justification, created_at) SELECT rowid, 'new' || rowid, signer, requester,"
            " policy_id, policy, terms, 'other', created_at FROM requests WHERE ended IS NULL"
        ),
        "UPDATE OR REPLACE grants SET rowid = 2 WHERE rowid = 1",
        "UPDATE OR REPLACE requests SET rowid = 1 WHERE ended IS NULL",
        "UPDATE grants SET rowid = rowid + 100",
    ],
)
def test_nothing_is_replaced_by_its_rowid(
    decided: sqlite3.Connection, statement: str, recursive_triggers: str
) -> None:
    decided.execute(f"PRAGMA recursive_triggers = {recursive_triggers}")
    with pytest.raises(sqlite3.OperationalError, match="rowid"):
        decided.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE grants SET revoked_by = 'ann'",
        "UPDATE grants SET revoke_reason = 'x'",
        "UPDATE grants SET revoked_at = '2026-01-01T00:00:00.000000Z'",  # by nobody, for no reason
        "UPDATE requests SET ended_by = 'ann' WHERE ended IS NULL",
        "UPDATE requests SET comment = 'x' WHERE ended IS NULL",
        "UPDATE requests SET grant_id = 'x' WHERE ended IS NULL",
        "UPDATE requests SET ended_at = 'x' WHERE ended IS NULL",
        "UPDATE requests SET ended = 'expired', ended_at = 'x' WHERE ended IS NULL",
    ],
)
def test_half_an_end_or_half_a_revocation_is_refused(
    decided: sqlite3.Connection, statement: str
) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        decided.execute(statement)


def test_a_policy_does_not_tell_of_signers_that_the_reader_does_not_see(world: World) -> None:
    ci = caller(world, "ci")
    world.signer("top-secret", policy="p")
    view = world.services.policies.get(ci, "p")
    assert view.signers == ("release",)
    assert "top-secret" not in {each.signer for each in view.changes}


def test_what_an_edit_did_is_told_in_the_order_of_the_steps() -> None:
    program = (
        "from controlplane.domain.policy import compare\n"
        "from controlplane.domain.model import Step, Terms\n"
        "def terms(n): return Terms(60, None, tuple(Step(c, n, ('x', 'y')) for c in 'abcd'))\n"
        "print(compare(terms(2), terms(1)).loosened)\n"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | {"PYTHONHASHSEED": str(seed), "PYTHONPATH": str(Path.cwd())},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in range(6)
    }
    assert len(told) == 1


@pytest.mark.parametrize("what", ["server auditor", "auditor of the signer"])
def test_a_machine_of_an_auditor_does_not_decide(world: World, what: str) -> None:
    """A user and their machine are one person, and an auditor never decides."""
    world.identity("eve", role=ServerRole.AUDITOR if what == "server auditor" else None)
    bot = world.identity("bot", IdentityKind.MACHINE, owner="eve")
    if what == "auditor of the signer":
        world.services.members.add(world.admin, "release", "eve", MemberRole.AUDITOR)
    terms = Terms(3600, 5, (Step("x", 1, ("bot", "ann")),))
    world.services.policies.edit(world.admin, "p", edit_to(terms))
    asked = world.services.requests.create(caller(world, "ci"), "release", "x").view.request.id
    with pytest.raises(Refused) as refused:
        world.services.requests.approve(bot, asked)
    assert refused.value.code == "auditor_cannot_approve"


def test_a_step_of_their_machine_alone_cannot_be_met(world: World) -> None:
    world.identity("eve", role=ServerRole.AUDITOR)
    world.identity("bot", IdentityKind.MACHINE, owner="eve")
    world.policy("machine", Step("x", 1, ("bot",)))
    with pytest.raises(Refused) as refused:
        world.services.signers.set_policy(world.admin, "release", "machine")
    assert refused.value.code == "policy_cannot_be_met"


def test_deleting_a_signer_shows_as_taking_the_policy_off(world: World) -> None:
    world.delete_signer("release")
    world.identity("zoe")  # whoever writes next
    newest = world.services.policies.get(world.admin, "p").changes[0]
    assert (newest.change.value, newest.signer) == ("detached", "release")


def test_one_other_is_no_others(world: World) -> None:
    crowd = tuple(world.identity(f"p{number}").identity.name for number in range(9))
    terms = Terms(3600, 5, (Step("x", 1, crowd),))
    world.services.policies.edit(world.admin, "p", edit_to(terms))
    view = world.services.requests.create(caller(world, "ci"), "release", "x").view
    assert say_missing(view.missing[0]).endswith("p7 and 1 other.")


def test_one_approver_is_no_approvers(world: World) -> None:
    with pytest.raises(Refused) as refused:
        world.policy("x", Step("x", 2, ("ann",)))
    assert "has 1 approver and" in refused.value.title

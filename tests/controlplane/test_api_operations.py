"""The audit log over HTTP."""

import json

import pytest

from controlplane.domain.tree import grow
from controlplane.service import log
from tests.controlplane.conftest import Api
from tests.world import SetClock


@pytest.fixture
def ci(api: Api) -> str:
    key = api.machine("ci")
    api.signer("release", operator="ci")
    for _ in range(3):
        assert api.sign("release", key).status_code == 200
    return key


def test_operations_come_newest_first_and_in_pages(api: Api, ci: str) -> None:
    everything = api.rows(limit=1000)
    sequences = [row["sequence"] for row in everything]
    assert sequences == sorted(sequences, reverse=True)
    first = api.get("/v1/operations", params={"limit": 2}).json
    second = api.get("/v1/operations", params={"limit": 2, "cursor": first["next"]}).json
    assert first["items"] + second["items"] == everything[:4]


def test_operations_are_filtered(api: Api, ci: str) -> None:
    assert len(api.rows(signer="release", kind="sign", outcome="succeeded", actor="ci")) == 3
    assert api.rows(outcome="denied") == []
    assert {row["kind"] for row in api.rows(kind="change")} == {"change"}
    assert api.rows(since="2999-01-01T00:00:00Z") == []


def test_times_are_inclusive_on_both_sides(api: Api, ci: str) -> None:
    first, second, _ = sorted(row["created_at"] for row in api.rows(kind="sign"))
    found = api.rows(since=first, until=second, kind="sign")
    assert sorted(row["created_at"] for row in found) == [first, second]
    assert api.rows(until="2000-01-01T00:00:00Z") == []


def test_changes_are_found_by_what_was_done(api: Api, ci: str) -> None:
    (added,) = api.rows(action="member:add")
    assert (added["object"], added["signer"]) == ("ci", "release")
    assert api.rows(action="policy:delete") == []
    answer = api.get("/v1/operations", params={"action": "policy:burn"})
    assert (answer.status_code, answer.json["field"]) == (400, "action")


def test_a_name_that_no_row_tells_of_is_refused_with_names_that_read_alike(
    api: Api, ci: str
) -> None:
    assert api.sign("relese", ci).status_code == 404  # which is on record, and makes no signer
    for where, code, near in (
        ({"signer": "relese", "outcome": "succeeded"}, "signer_not_found", "release"),
        ({"actor": "cii"}, "identity_not_found", "ci"),
        ({"signer": "release", "actor": "nobody-like-it"}, "identity_not_found", None),
    ):
        answer = api.get("/v1/operations", params=where)
        assert (answer.status_code, answer.json["code"]) == (404, code)
        assert (f"Near it: {near}." in answer.json["title"]) is (near is not None)


def test_who_did_nothing_is_known_and_so_is_a_signer_that_is_gone(
    api: Api, ci: str, clock: SetClock
) -> None:
    api.machine("idle")
    assert api.rows(actor="idle") == []
    assert api.post("/v1/signers/release/disable").status_code == 200
    assert api.call("DELETE", "/v1/signers/release").status_code == 200
    clock.advance(days=60)
    assert len(api.rows(signer="release", outcome="succeeded")) == 3
    assert api.rows(signer="release", outcome="failed") == []


def test_who_reads_some_signers_hears_of_no_other_names(api: Api, ci: str) -> None:
    api.signer("hidden", operator="ci")
    api.machine("stranger")
    reader = api.user("reader")
    member = {"identity": "reader", "role": "auditor"}
    assert api.post("/v1/signers/release/members", member).status_code == 201
    for where, status in (
        ({"signer": "release", "outcome": "failed"}, 200),
        ({"actor": "reader"}, 200),
        ({"actor": "ci", "outcome": "failed"}, 200),
        ({"signer": "hidden"}, 404),
        ({"actor": "stranger"}, 404),
    ):
        assert api.get("/v1/operations", params=where, key=reader).status_code == status
    title = api.get("/v1/operations", params={"signer": "hiden"}, key=reader).json["title"]
    assert "Near it" not in title


def test_a_change_says_what_changed(api: Api, ci: str) -> None:
    api.post("/v1/signers/release/disable")
    newest = api.rows()[0]
    assert (newest["kind"], newest["action"], newest["object"]) == (
        "change",
        "signer:disable",
        "release",
    )
    assert (newest["actor"], newest["outcome"]) == ("admin", None)


def test_an_operation_is_found_by_its_id(api: Api, ci: str) -> None:
    newest = api.rows(kind="sign")[0]
    assert api.get(f"/v1/operations/{newest['id']}").json == newest
    assert api.get(f"/v1/operations/{newest['sequence']}").json == newest
    for nothing in ("none", "999999", "9" * 40, "0", "-1"):
        assert api.get(f"/v1/operations/{nothing}").status_code == 404


def test_the_export_is_the_whole_chain_in_order(api: Api, ci: str) -> None:
    answer = api.get("/v1/operations/export")
    assert answer.headers["content-type"] == "application/x-ndjson"
    rows = [json.loads(line) for line in answer.text.splitlines()]
    assert [row["sequence"] for row in rows] == list(range(1, len(rows) + 1))
    previous = "0" * 64
    for row in rows:
        assert row["previous_hash"] == previous
        previous = row["row_hash"]
    head = api.get("/v1/operations/head").json
    assert (head["sequence"], head["row_hash"]) == (rows[-1]["sequence"], previous)
    assert head["tree_root"] == grow(0, b"", [row["row_hash"] for row in rows]).root.hex()
    assert rows[::-1] == api.rows(limit=1000)


def test_the_export_can_begin_at_a_row_that_is_named_by_its_hash(
    api: Api, ci: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "_LOOKED_AT", 2)  # rows at a time, from the end
    rows = api.rows(limit=1000)
    for place in (0, 1, 2, 5, len(rows) - 1):
        answer = api.get("/v1/operations/export", params={"since_head": rows[place]["row_hash"]})
        assert [json.loads(line) for line in answer.text.splitlines()] == rows[place::-1]


def test_a_hash_that_no_row_has_begins_no_export(api: Api, ci: str) -> None:
    for head, status, code in (
        ("f" * 64, 404, "operation_not_found"),
        ("xyz", 400, "invalid_request"),
    ):
        answer = api.get("/v1/operations/export", params={"since_head": head})
        assert (answer.status_code, answer.json["code"]) == (status, code)


def test_the_whole_log_is_for_admins_and_auditors(api: Api, ci: str) -> None:
    body = {"name": "eve", "kind": "user", "role": "auditor"}
    auditor = api.post("/v1/identities", body).json["api_key"]
    for path in ("/v1/operations/export", "/v1/operations/head"):
        assert api.get(path, key=ci).status_code == 403
        assert api.get(path, key=auditor).status_code == 200

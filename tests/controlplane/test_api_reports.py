"""The report over HTTP: each signature with what it rests on, as the log says."""

from typing import Any

import pytest
from peewee import Database

from tests.controlplane.conftest import Api


@pytest.fixture
def people(api: Api) -> dict[str, str]:
    """API keys by name."""
    return {name: api.user(name) for name in ("ann", "bob")}


@pytest.fixture
def ci(api: Api, people: dict[str, str]) -> str:
    """May sign for `release` with the approval of ann and then of bob."""
    key = api.machine("ci")
    steps = [
        {"name": "lead", "required": 1, "approvers": ["ann"]},
        {"name": "security", "required": 1, "approvers": ["bob"]},
    ]
    api.made("/v1/policies", {"name": "two", "max_signings": 5, "steps": steps})
    api.signer("release", operator="ci")
    api.made("/v1/signers/release/policy", {"policy": "two"})
    return key


def approved(api: Api, ci: str, people: dict[str, str]) -> dict[str, Any]:
    body = {"justification": "version 1.2"}
    request = api.made("/v1/signers/release/requests", body, key=ci)
    for name, key in people.items():
        path = f"/v1/requests/{request['id']}/approve"
        request = api.made(path, {"comment": f"{name} agrees"}, key=key)
    return request


def report(api: Api, key: str = "admin", **where: object) -> list[dict[str, Any]]:
    return list(api.get("/v1/operations/report", params=where, key=key).json["items"])


def test_a_signature_is_reported_with_grant_request_and_approvals(
    api: Api, ci: str, people: dict[str, str]
) -> None:
    request = approved(api, ci, people)
    assert api.sign("release", ci).status_code == 200
    (found,) = report(api, signer="release", outcome="succeeded")
    (row,) = api.rows(kind="sign")
    added = ("grant", "request", "approved_by")
    assert {name: found[name] for name in found if name not in added} == row
    assert found["grant"] | {"sequence": 0, "created_at": ""} == {
        "sequence": 0,
        "id": request["grant_id"],
        "action": "grant:issue",
        "issued_by": "bob",
        "created_at": "",
        "policy": "two",
        "justification": "version 1.2",
    }
    assert (found["request"]["id"], found["request"]["requester"]) == (request["id"], "ci")
    assert [
        (
            each["approver"],
            each["comment"],
            each["credential"]["kind"],
            each["credential"]["issued_by"],
            each["credential"]["enrolled"],
        )
        for each in found["approved_by"]
    ] == [(name, f"{name} agrees", "api_key", "admin", False) for name in ("ann", "bob")]
    assert [each["sequence"] for each in found["approved_by"]] == [
        each["sequence"] for each in row["approvals"]
    ]


def test_a_preapproved_grant_is_reported_with_who_gave_it(
    api: Api, ci: str, people: dict[str, str]
) -> None:
    body = {"identity": "ci", "justification": "hotfix"}
    api.made("/v1/signers/release/members", {"identity": "ann", "role": "administrator"})
    api.made("/v1/signers/release/grants", body, key=people["ann"])
    assert api.sign("release", ci).status_code == 200
    (found,) = report(api, outcome="succeeded")
    assert (found["grant"]["action"], found["grant"]["issued_by"]) == ("grant:create", "ann")
    assert found["request"] is None
    assert [each["approver"] for each in found["approved_by"]] == ["ann"]


def test_a_signature_without_a_grant_and_a_denial_rest_on_nothing(api: Api, ci: str) -> None:
    assert api.sign("release", ci).status_code == 403
    api.signer("free", operator="ci")
    assert api.sign("free", ci).status_code == 200
    denied, signed = report(api)
    assert (denied["outcome"], signed["outcome"]) == ("denied", "succeeded")
    for each in (denied, signed):
        assert (each["grant"], each["request"], each["approved_by"]) == (None, None, [])


def test_changes_are_reported_by_what_was_done(api: Api, ci: str, people: dict[str, str]) -> None:
    approved(api, ci, people)
    (issued,) = report(api, action="grant:issue")
    assert (issued["kind"], issued["actor"]) == ("change", "bob")
    assert report(api, action="policy:delete") == []


def test_pages_go_from_the_oldest_to_the_newest_and_name_the_head(api: Api, ci: str) -> None:
    api.signer("free", operator="ci")
    for _ in range(5):
        assert api.sign("free", ci).status_code == 200
    seen: list[int] = []
    cursor: dict[str, str] = {}
    while True:
        page = api.get("/v1/operations/report", params={"limit": 2} | cursor).json
        seen += [each["sequence"] for each in page["items"]]
        end = api.get("/v1/operations/head").json
        assert page["head"] == {name: end[name] for name in ("sequence", "row_hash")}
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert seen == sorted(row["sequence"] for row in api.rows(kind="sign"))


def test_it_asks_the_store_no_more_for_a_hundred_rows_than_for_one(
    api: Api, ci: str, people: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    approved(api, ci, people)
    asked = 0

    def count(self: Any, sql: str, *given: Any, **more: Any) -> Any:
        nonlocal asked
        asked += "operations" in sql
        return execute(self, sql, *given, **more)

    execute: Any = Database.execute_sql
    monkeypatch.setattr(Database, "execute_sql", count)
    numbers = []
    for signings in (1, 4):
        for _ in range(signings):
            assert api.sign("release", ci).status_code == 200
        asked = 0
        report(api, outcome="succeeded")
        numbers.append(asked)
    assert numbers[0] == numbers[1]


def test_an_auditor_of_one_signer_is_told_of_that_alone(
    api: Api, ci: str, people: dict[str, str]
) -> None:
    approved(api, ci, people)
    api.signer("free", operator="ci")
    assert {api.sign(name, ci).status_code for name in ("release", "free")} == {200}
    auditor = api.user("auditor")
    api.made("/v1/signers/release/members", {"identity": "auditor", "role": "auditor"})
    (found,) = report(api, auditor)
    assert (found["signer"], found["request"]["justification"]) == ("release", "version 1.2")
    assert [each["approver"] for each in found["approved_by"]] == ["ann", "bob"]
    hidden = api.get("/v1/operations/report", params={"signer": "free"}, key=auditor)
    assert hidden.json["code"] == "signer_not_found"


def test_one_row_is_shown_with_what_it_rests_on(api: Api, ci: str, people: dict[str, str]) -> None:
    approved(api, ci, people)
    assert api.sign("release", ci).status_code == 200
    (found,) = report(api)
    for name in (found["id"], found["sequence"]):
        assert api.get(f"/v1/operations/{name}/report").json == found
    assert api.get("/v1/operations/0/report").status_code == 404

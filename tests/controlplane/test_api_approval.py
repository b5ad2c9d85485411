"""The story of an approval over the API: asked, approved in steps, signed, used up, on record."""

from typing import Any

import pytest

from tests.controlplane.conftest import Api
from tests.world import SetClock


@pytest.fixture
def people(api: Api) -> dict[str, str]:
    """API keys by name: who signs, and who approves."""
    keys = {name: api.user(name) for name in ("ann", "bob", "carol", "dave", "erin")}
    keys["ci"] = api.machine("ci")
    return keys


@pytest.fixture
def policy(api: Api, people: dict[str, str]) -> dict[str, Any]:
    steps = [
        {"name": "lead", "required": 1, "approvers": ["ann", "bob"]},
        {"name": "security", "required": 2, "approvers": ["carol", "dave", "erin"]},
    ]
    wanted = {"name": "four-eyes", "max_window_seconds": 3600, "max_signings": 2, "steps": steps}
    policy = api.made("/v1/policies", wanted)
    api.signer("release", operator="ci")
    api.made("/v1/signers/release/policy", {"policy": "four-eyes"})
    return policy


def test_two_steps_lead_to_two_signatures(
    api: Api, people: dict[str, str], policy: dict[str, Any]
) -> None:
    ci = people["ci"]
    denied = api.sign("release", ci)
    assert (denied.status_code, denied.json["code"]) == (403, "no_active_grant")
    assert "request" not in denied.json

    request = api.made("/v1/signers/release/requests", {"justification": "1.2"}, key=ci)
    assert (request["state"], request["step"]) == ("pending", 1)
    path = f"/v1/requests/{request['id']}"
    denied = api.sign("release", ci)
    assert denied.json["request"] == request["id"]
    assert denied.json["title"] == (
        "ci has no open grant for the signer 'release', which the policy 'four-eyes' asks for. "
        "The request waits for step 1 of 2, 'lead': 1 approval of ann, bob. "
        "Then step 2 of 2, 'security': 2 approvals of carol, dave, erin."
    )

    request = api.made(f"{path}/approve", {"comment": "ok", "step": 1}, key=people["bob"])
    assert (request["state"], request["step"]) == ("pending", 2)
    assert api.sign("release", ci).status_code == 403
    request = api.made(f"{path}/approve", {"step": 2}, key=people["erin"])
    assert request["missing"] == [
        "The request waits for step 2 of 2, 'security': 1 more approval of carol, dave."
    ]
    request = api.made(f"{path}/approve", {}, key=people["carol"])
    assert (request["state"], request["step"], request["missing"]) == ("approved", None, [])

    grant = api.get(f"/v1/grants/{request['grant_id']}", key=ci).json
    assert (grant["state"], grant["used"], grant["max_signings"]) == ("active", 0, 2)
    assert [api.sign("release", ci).status_code for _ in range(3)] == [200, 200, 403]
    grant = api.get(f"/v1/grants/{request['grant_id']}", key=ci).json
    assert (grant["state"], grant["used"]) == ("exhausted", 2)
    assert api.rows(outcome="succeeded")[0]["grant_id"] == grant["id"]
    assert "used up: 2 of 2 signings" in api.sign("release", ci).json["title"]


def test_a_grant_ends_with_its_window(
    api: Api, people: dict[str, str], policy: dict[str, Any], clock: SetClock
) -> None:
    api.made("/v1/signers/release/members", {"identity": "ann", "role": "administrator"})
    grant = api.made(
        "/v1/signers/release/grants",
        {"identity": "ci", "justification": "hotfix", "window_seconds": 60},
        key=people["ann"],
    )
    assert api.sign("release", people["ci"]).status_code == 200
    clock.advance(seconds=60)
    denied = api.sign("release", people["ci"])
    assert denied.json["code"] == "no_active_grant"
    assert "The last one ended at" in denied.json["title"]
    assert api.get(f"/v1/grants/{grant['id']}").json["state"] == "expired"

"""Identities and API keys over HTTP."""

import re

from tests.controlplane.conftest import Api


def test_a_new_machine_gets_its_key_once(api: Api) -> None:
    made = api.post("/v1/identities", {"name": "ci", "kind": "machine"})
    assert made.status_code == 201
    assert re.fullmatch(r"swk_[A-Za-z0-9]{43}", made.json["api_key"])
    assert made.json["owner"] == "admin"
    shown = api.get("/v1/identities/ci")
    assert "api_key" not in shown.json
    assert [key["id"] for key in shown.json["keys"]] == [made.json["api_key_id"]]


def test_a_caller_learns_who_it_is(api: Api) -> None:
    answer = api.get("/v1/whoami", key=api.machine("ci"))
    assert (answer.json["name"], answer.json["kind"], answer.json["role"]) == (
        "ci",
        "machine",
        None,
    )


def test_a_name_is_given_once(api: Api) -> None:
    api.machine("ci")
    answer = api.post("/v1/identities", {"name": "ci", "kind": "machine"})
    assert (answer.status_code, answer.json["code"]) == (409, "identity_exists")


def test_only_admins_make_identities(api: Api) -> None:
    body = {"name": "other", "kind": "machine"}
    assert api.post("/v1/identities", body, key=api.machine("ci")).status_code == 403


def test_lists_come_in_pages(api: Api) -> None:
    for name in ("m1", "m2", "m3"):
        api.machine(name)
    names: list[str] = []
    cursor = None
    while True:
        params = {"limit": 2} | ({} if cursor is None else {"cursor": cursor})
        page = api.get("/v1/identities", params=params).json
        assert len(page["items"]) <= 2
        names += [each["name"] for each in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert names == ["admin", "m1", "m2", "m3"]


def test_a_disabled_identity_is_refused_until_it_is_enabled(api: Api) -> None:
    key = api.machine("ci")
    assert api.post("/v1/identities/ci/disable").json["disabled"] is True
    refused = api.get("/v1/whoami", key=key)
    assert (refused.status_code, refused.json["code"]) == (401, "identity_disabled")
    assert api.post("/v1/identities/ci/enable").json["disabled"] is False
    assert api.get("/v1/whoami", key=key).status_code == 200


def test_a_revoked_key_is_refused_and_another_one_works(api: Api) -> None:
    old = api.machine("ci")
    added = api.post("/v1/identities/ci/keys")
    assert added.status_code == 201
    (first, _) = api.get("/v1/identities/ci").json["keys"]
    revoked = api.post(f"/v1/identities/ci/keys/{first['id']}/revoke")
    assert revoked.json["revoked_at"] is not None
    refused = api.get("/v1/whoami", key=old)
    assert (refused.status_code, refused.json["code"]) == (401, "api_key_revoked")
    assert api.get("/v1/whoami", key=added.json["api_key"]).status_code == 200


def test_a_machine_is_offered_and_accepted(api: Api) -> None:
    ann = api.user("ann")
    api.machine("ci")
    offered = api.call("PATCH", "/v1/identities/ci", {"owner": "ann"}).json
    assert (offered["owner"], offered["proposed_owner"]) == ("admin", "ann")
    (told,) = api.get("/v1/whoami", key=ann).json["warnings"]
    assert "sealwright identity accept ci" in told
    refused = api.post("/v1/identities/ci/accept", {})
    assert (refused.status_code, refused.json["code"]) == (403, "not_proposed_owner")
    accepted = api.post("/v1/identities/ci/accept", {}, key=ann).json
    assert (accepted["owner"], accepted["proposed_owner"]) == ("ann", None)
    assert api.get("/v1/whoami", key=ann).json["warnings"] == []


def test_what_an_edit_leaves_out_stays_and_null_takes_it_away(api: Api) -> None:
    api.user("ann")
    path = "/v1/identities/ann"
    api.call("PATCH", path, {"role": "auditor", "email": "ann@example.com"})
    edited = api.call("PATCH", path, {"email": None}).json
    assert (edited["role"], edited["email"]) == ("auditor", None)
    edited = api.call("PATCH", path, {"role": None}).json
    assert edited["role"] is None
    refused = api.call("PATCH", path, {"email": "ann@"})
    assert (refused.status_code, refused.json["field"]) == (400, "email")
    refused = api.call("PATCH", "/v1/identities/admin", {"role": None})
    assert (refused.status_code, refused.json["code"]) == (409, "last_admin")


def test_the_last_admin_cannot_be_disabled(api: Api) -> None:
    answer = api.post("/v1/identities/admin/disable")
    assert (answer.status_code, answer.json["code"]) == (409, "last_admin")

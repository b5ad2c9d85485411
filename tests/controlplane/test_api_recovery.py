"""What a rollback suspended, over HTTP."""

import pytest

from controlplane.domain.action import Action
from controlplane.domain.instant import now
from controlplane.service.changes import record
from controlplane.service.installation import proven_store
from controlplane.store.suspensions import suspend
from tests.controlplane.conftest import Api, Installation


@pytest.fixture
def machine(api: Api, installation: Installation) -> str:
    """The API key of `ci`, which is suspended, as all but the admin's are."""
    key = api.machine("ci")
    api.user("ann")
    admin = api.get("/v1/whoami").json["key"]["id"]
    store = proven_store(installation.location)
    with store.closing(), store.change() as database:
        for _ in suspend(database, {admin}, now()):
            record(database, None, Action.INSTALLATION_JOIN, "nobody", at=now())
    return key


def suspended(api: Api) -> dict[str, str]:
    """The ids of keys, by whose they are."""
    items = api.get("/v1/recovery").json["items"]
    assert {(each["kind"], each["signer"]) for each in items} <= {("api_key", None)}
    return {each["identity"]: each["id"] for each in items}


def test_a_suspended_key_shows_itself(api: Api, machine: str) -> None:
    refused = api.get("/v1/whoami", key=machine)
    assert (refused.status_code, refused.json["code"]) == (401, "api_key_suspended")
    (shown,) = api.get("/v1/identities/ci").json["keys"]
    assert shown["suspended_at"] is not None
    assert suspended(api)["ci"] == shown["id"]
    assert shown["id"] in refused.json["title"]


def test_one_is_confirmed(api: Api, machine: str) -> None:
    path = f"/v1/recovery/api_key/{suspended(api)['ci']}/confirm"
    assert api.post(path).json["identity"] == "ci"
    assert api.get("/v1/whoami", key=machine).status_code == 200
    assert set(suspended(api)) == {"ann"}
    again = api.post(path)
    assert (again.status_code, again.json["code"]) == (404, "suspension_not_found")


def test_all_are_confirmed(api: Api, machine: str) -> None:
    done = api.post("/v1/recovery/confirm").json
    assert {each["identity"] for each in done["confirmed"]} == {"ann", "ci"}
    assert (done["left"], suspended(api)) == ([], {})
    assert api.get("/v1/whoami", key=machine).status_code == 200


def test_there_are_no_other_kinds(api: Api) -> None:
    refused = api.post("/v1/recovery/member/x/confirm")
    assert (refused.status_code, refused.json["code"]) == (404, "suspension_not_found")


def test_others_do_not_confirm_and_do_not_see(api: Api) -> None:
    key = api.machine("other")
    for answer in (
        api.get("/v1/recovery", key=key),
        api.post("/v1/recovery/confirm", key=key),
        api.post("/v1/recovery/grant/x/confirm", key=key),
    ):
        assert answer.status_code == 403

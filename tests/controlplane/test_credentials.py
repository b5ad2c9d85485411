"""With which credential an approver may approve, and that each decision keeps the one that it was
made with. Whoever holds one admin key must not get to approve as somebody else with it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import falcon.testing
import pytest

from controlplane.domain.credential import Presented, check_approving
from controlplane.domain.model import ApiKey
from controlplane.errors import Refused
from controlplane.service.installation import initialise, new_admin_key, open_services
from controlplane.service.location import Location
from tests.controlplane.conftest import Api
from tests.postgresql import database, postgresql  # noqa: F401  # fixtures
from tests.world import SetClock

MADE = datetime(2026, 5, 1, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True)
class Case:
    """A key of ann's."""

    issued_by: str | None
    enrolled: bool
    is_first: bool
    is_protected: bool
    age: timedelta
    code: str | None
    hold: timedelta = DAY


@pytest.mark.parametrize(
    "case",
    [
        # In clear, by somebody else, to somebody who had one before.
        Case("admin", False, False, False, timedelta(), "credential_too_young"),
        Case("admin", False, False, False, DAY - MOMENT, "credential_too_young"),
        Case("admin", False, False, False, DAY, None),
        Case("admin", False, False, False, HOUR, None, hold=HOUR),
        Case("admin", False, False, False, timedelta(), None, hold=timedelta()),
        # To somebody who never had one: there is nobody whose place it takes.
        Case("admin", False, True, False, timedelta(), None),
        # By themselves.
        Case("ann", False, False, False, timedelta(), None),
        # From before that was noted, or on the server's own machine.
        Case(None, False, False, False, timedelta(), None),
        # Enrolled: nobody else saw it.
        Case("admin", True, False, False, timedelta(), None),
        # On protected ground nothing else counts.
        Case("admin", True, False, True, timedelta(), None),
        Case("ann", True, False, True, timedelta(), None),
        Case("admin", False, True, True, 9 * DAY, "credential_not_enrolled"),
        Case("admin", False, False, True, timedelta(), "credential_not_enrolled"),
        Case("ann", False, False, True, 9 * DAY, "credential_not_enrolled"),
        Case(None, False, True, True, 9 * DAY, "credential_not_enrolled"),
    ],
)
def test_which_keys_approve(case: Case) -> None:
    key = ApiKey("k1", "i1", MADE, None, issued_by=case.issued_by, enrolled=case.enrolled)
    code = None
    try:
        check_approving(
            Presented(key, "ann", case.is_first),
            is_protected=case.is_protected,
            hold=case.hold,
            now=MADE + case.age,
        )
    except Refused as refused:
        code = refused.code.value
    assert code == case.code


def test_the_answer_says_who_made_the_key_and_when_it_may_approve() -> None:
    key = ApiKey("k1", "i1", MADE, None, issued_by="admin")
    with pytest.raises(Refused) as refused:
        check_approving(Presented(key, "ann", False), is_protected=False, hold=DAY, now=MADE)
    assert refused.value.title == (
        "admin gave ann this API key, and knows it: it approves nothing until 2026-05-02T12:00:00Z."
    )


@pytest.fixture
def api(tmp_path: Path, database: str | None, clock: SetClock) -> Iterator[Api]:  # noqa: F811
    """With the machine `ci`, an operator of the signer `release`."""
    location = Location(tmp_path / "data", database)
    key = initialise(location).api_key
    with open_services(location, clock) as services:
        api = Api(services, key)
        api.machine("ci")
        api.signer("release", operator="ci")
        yield api


def attach_policy(api: Api, *, protected: bool = False, approvers: tuple[str, ...]) -> None:
    step = {"name": "lead", "required": 1, "approvers": list(approvers)}
    body = {"name": "p", "max_window_seconds": 3600, "steps": [step], "protected": protected}
    api.made("/v1/policies", body)
    api.made("/v1/signers/release/policy", {"policy": "p"})


def ask(api: Api) -> str:
    """The id of a request by a new operator."""
    name = f"asker-{len(api.get('/v1/requests').json['items'])}"
    key = api.machine(name)
    api.made("/v1/signers/release/members", {"identity": name, "role": "operator"})
    asked = {"justification": "build"}
    return str(api.made("/v1/signers/release/requests", asked, key=key)["id"])


def ask_as_a_user(api: Api) -> str:
    """The same, by nobody who is an admin, or a machine of one."""
    key = api.user("ops")
    api.made("/v1/signers/release/members", {"identity": "ops", "role": "operator"})
    why = {"justification": "x"}
    return str(api.made("/v1/signers/release/requests", why, key=key)["id"])


def approve(api: Api, request: str, key: str) -> falcon.testing.Result:
    return api.post(f"/v1/requests/{request}/approve", {}, key=key)


def code(answer: falcon.testing.Result) -> tuple[int, str | None]:
    return answer.status_code, answer.json.get("code")


def key_in_clear(api: Api, name: str, *, by: str = "admin") -> str:
    return str(api.made(f"/v1/identities/{name}/keys", {}, key=by)["api_key"])


def enrolled_key(api: Api, name: str) -> str:
    given = api.made(f"/v1/identities/{name}/enrolments", {})["enrolment_code"]
    return str(api.post("/v1/enrol", {"code": given}, key=None).json["api_key"])


def test_an_admin_cannot_make_a_key_of_an_approver_s_and_approve_with_it_at_once(
    api: Api, clock: SetClock
) -> None:
    own = api.user("ann")
    attach_policy(api, approvers=("ann",))
    stolen = key_in_clear(api, "ann")
    request = ask(api)
    assert code(approve(api, request, stolen)) == (403, "credential_too_young")
    assert approve(api, request, own).status_code == 200
    clock.advance(days=1)
    assert approve(api, ask(api), stolen).status_code == 200


def test_nor_by_revoking_what_they_had_first(api: Api) -> None:
    api.user("ann")
    attach_policy(api, approvers=("ann",))
    (first,) = api.get("/v1/identities/ann").json["keys"]
    api.made(f"/v1/identities/ann/keys/{first['id']}/revoke", {})
    assert code(approve(api, ask(api), key_in_clear(api, "ann"))) == (403, "credential_too_young")


def test_nor_by_way_of_a_machine_that_is_the_approver_s(api: Api) -> None:
    api.user("ann")
    attach_policy(api, approvers=("ann",))
    body = {"name": "robot", "kind": "machine", "role": "admin", "owner": "ann"}
    robot = str(api.made("/v1/identities", body)["api_key"])
    key = key_in_clear(api, "ann", by=robot)
    assert code(approve(api, ask(api), key)) == (403, "credential_too_young")


def test_rejecting_is_never_held(api: Api) -> None:
    api.user("ann")
    young = key_in_clear(api, "ann")
    attach_policy(api, approvers=("ann",), protected=True)
    rejected = api.made(f"/v1/requests/{ask(api)}/reject", {"comment": "no"}, key=young)
    assert rejected["state"] == "rejected"


def test_how_long_a_key_is_held_the_setting_says(api: Api, clock: SetClock) -> None:
    api.user("ann")
    attach_policy(api, approvers=("ann",))
    key = key_in_clear(api, "ann")
    request = ask(api)
    api.call("PUT", "/v1/settings/approval-hold", {"value": "48h"})
    clock.advance(days=1)
    assert code(approve(api, request, key)) == (403, "credential_too_young")
    clock.advance(days=1)
    assert approve(api, request, key).status_code == 200


def test_who_shortens_the_hold_waits_no_less(api: Api, clock: SetClock) -> None:
    """Or one admin would set it to nothing first."""
    api.user("ann")
    attach_policy(api, approvers=("ann",))
    for value in ("48h", "1h", "24h", "0"):
        api.call("PUT", "/v1/settings/approval-hold", {"value": value})
    key = key_in_clear(api, "ann")
    request = ask(api)
    clock.advance(hours=47)
    assert code(approve(api, request, key)) == (403, "credential_too_young")
    clock.advance(hours=1)
    assert approve(api, request, key).status_code == 200
    assert approve(api, ask(api), key_in_clear(api, "ann")).status_code == 200


def test_an_admin_who_makes_a_key_for_themselves_is_not_held(api: Api) -> None:
    attach_policy(api, approvers=("admin",))
    request = ask_as_a_user(api)
    assert approve(api, request, key_in_clear(api, "admin")).status_code == 200


def test_a_key_made_on_the_server_s_own_machine_is_not_held(tmp_path: Path) -> None:
    location = Location(tmp_path / "data")
    initialise(location)
    key = new_admin_key(location).api_key
    with open_services(location) as services:
        api = Api(services, key)
        api.signer("release")
        attach_policy(api, approvers=("admin",))
        request = ask_as_a_user(api)
        assert approve(api, request, key).status_code == 200


class TestUnderAProtectedPolicy:
    def test_only_an_enrolled_key_approves(self, api: Api, clock: SetClock) -> None:
        first, enrolled = api.user("ann"), enrolled_key(api, "ann")
        attach_policy(api, approvers=("ann",), protected=True)
        request = ask(api)
        clock.advance(days=2)
        assert code(approve(api, request, first)) == (403, "credential_not_enrolled")
        assert approve(api, request, enrolled).status_code == 200

    def test_it_counts_that_it_was_protected_when_the_request_was_made(self, api: Api) -> None:
        first = api.user("ann")
        attach_policy(api, approvers=("ann",), protected=True)
        request = ask(api)
        api.call("PATCH", "/v1/policies/p", {"protected": False})
        assert code(approve(api, request, first)) == (403, "credential_not_enrolled")


def decisions(api: Api, request: str) -> list[dict[str, Any]]:
    (step,) = api.get(f"/v1/requests/{request}").json["steps"]
    return list(step["decisions"])


def test_a_decision_keeps_the_credential_that_it_was_made_with(api: Api, clock: SetClock) -> None:
    clock.freeze()
    clear = api.user("ann")
    attach_policy(api, approvers=("ann",))
    enrolled = enrolled_key(api, "ann")
    clock.advance(hours=2)
    approved, rejected = ask(api), ask(api)
    assert approve(api, approved, enrolled).status_code == 200
    api.made(f"/v1/requests/{rejected}/reject", {"comment": "no"}, key=clear)
    first, second = api.get("/v1/identities/ann").json["keys"]
    expected = {"kind": "api_key", "issued_by": "admin", "age_seconds": 7200}
    api.made(f"/v1/identities/ann/keys/{second['id']}/revoke", {})
    ((yes,), (no,)) = decisions(api, approved), decisions(api, rejected)
    assert yes["credential"] == expected | {"id": second["id"], "enrolled": True}
    assert no["credential"] == expected | {"id": first["id"], "enrolled": False}
    rows = {row["action"]: row["credential"] for row in api.rows(kind="change", actor="ann")}
    assert rows["request:approve"] == yes["credential"]
    assert rows["request:reject"] == no["credential"]

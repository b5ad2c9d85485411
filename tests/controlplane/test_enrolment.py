"""Enrolment: a code for one use gets its holder an API key that nobody else saw, on both stores;
whatever is wrong with a code, the answer is one and the same."""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from controlplane.audit.verification import verify_lines
from controlplane.domain.enrolment import LIFETIME
from controlplane.domain.instant import to_text
from controlplane.errors import Refused
from controlplane.service.installation import initialise, open_services
from controlplane.service.location import Location
from tests.controlplane.conftest import Api
from tests.postgresql import database, postgresql  # noqa: F401  # fixtures
from tests.world import SetClock, World

DAY = 24 * 3600
HERE, ELSEWHERE = "192.0.2.7", "198.51.100.7"


@pytest.fixture
def api(tmp_path: Path, database: str | None, clock: SetClock) -> Iterator[Api]:  # noqa: F811
    location = Location(tmp_path / "data", database)
    key = initialise(location).api_key
    with open_services(location, clock) as services:
        yield Api(services, key)


def invite(api: Api, name: str = "ann", **more: object) -> str:
    """The code of a new identity."""
    body = {"name": name, "kind": "user", "enrol": True} | more
    return str(api.made("/v1/identities", body)["enrolment_code"])


def invite_again(api: Api, name: str = "ann", **limits: object) -> str:
    return str(api.made(f"/v1/identities/{name}/enrolments", limits)["enrolment_code"])


def enrol(api: Api, code: str) -> dict[str, Any]:
    answer = api.post("/v1/enrol", {"code": code}, key=None)
    assert answer.status_code == 201, answer.text
    return dict(answer.json)


def rows_of(api: Api, *actions: str) -> list[dict[str, Any]]:
    """Oldest first."""
    rows = [row for row in api.rows(kind="change") if row["action"] in actions]
    return list(reversed(rows))


def test_a_new_identity_has_a_code_and_no_key_until_it_enrols(api: Api, clock: SetClock) -> None:
    clock.freeze()
    made = api.made("/v1/identities", {"name": "ann", "kind": "user", "enrol": True})
    assert re.fullmatch(r"swe_[A-Za-z0-9]{43}", made["enrolment_code"])
    assert datetime.fromisoformat(made["enrolment_expires_at"]) == clock() + LIFETIME
    assert not {"api_key", "api_key_id"} & set(made)
    shown = api.get("/v1/identities/ann").json
    (pending,) = shown["enrolments"]
    assert (shown["keys"], pending["issued_by"]) == ([], "admin")
    assert pending["enrolment_expires_at"] == made["enrolment_expires_at"]
    assert made["enrolment_code"] not in str(shown)

    enrolled = enrol(api, made["enrolment_code"])
    assert (enrolled["identity"], enrolled["enrolled"], enrolled["issued_by"]) == (
        "ann",
        True,
        "admin",
    )
    who = api.get("/v1/whoami", key=enrolled["api_key"]).json
    assert (who["name"], who["key"]["id"], who["key"]["enrolled"]) == ("ann", enrolled["id"], True)
    assert api.get("/v1/identities/ann").json["enrolments"] == []


def test_a_machine_enrols_too(api: Api) -> None:
    key = enrol(api, invite(api, "ci", kind="machine"))["api_key"]
    assert api.get("/v1/whoami", key=key).json["owner"] == "admin"


def test_the_limits_are_those_of_the_key_from_its_beginning(api: Api, clock: SetClock) -> None:
    clock.freeze()
    api.user("ann")
    limits: dict[str, Any] = {"expires_in_seconds": DAY, "allowed_addresses": ["192.0.2.0/24"]}
    code = invite_again(api, **limits)
    (pending,) = api.get("/v1/identities/ann").json["enrolments"]
    assert limits.items() <= pending.items()
    clock.advance(hours=23)
    key = enrol(api, code)
    assert datetime.fromisoformat(key["expires_at"]) == clock() + timedelta(days=1)
    assert key["allowed_addresses"] == ["192.0.2.0/24"]
    assert api.get("/v1/whoami", key=key["api_key"], remote_addr=HERE).status_code == 200
    refused = api.get("/v1/whoami", key=key["api_key"], remote_addr=ELSEWHERE)
    assert refused.json["code"] == "address_not_allowed"


def test_a_limit_that_is_none_is_refused_by_its_name(api: Api) -> None:
    refused = api.post("/v1/identities/admin/enrolments", {"allowed_addresses": ["here"]})
    assert (refused.status_code, refused.json["field"]) == (400, "allowed_addresses")


def _used(api: Api, _clock: SetClock) -> str:
    code = invite(api)
    enrol(api, code)
    return code


def _old(api: Api, clock: SetClock) -> str:
    code = invite(api)
    clock.advance(seconds=LIFETIME.total_seconds())
    return code


def _replaced(api: Api, _clock: SetClock) -> str:
    code = invite(api)
    invite_again(api)
    return code


def _of_a_disabled_identity(api: Api, _clock: SetClock) -> str:
    code = invite(api)
    api.made("/v1/identities/ann/disable", {})
    return code


def _of_one_that_was_enabled_again(api: Api, clock: SetClock) -> str:
    code = _of_a_disabled_identity(api, clock)
    api.made("/v1/identities/ann/enable", {})
    return code


def _given_out_while_disabled(api: Api, _clock: SetClock) -> str:
    api.user("ann")
    api.made("/v1/identities/ann/disable", {})
    return invite_again(api)


@pytest.mark.parametrize(
    "code",
    [
        lambda *_: "swe_" + "a" * 43,
        lambda *_: "nonsense",
        lambda api, _: api.admin_key,
        _used,
        _old,
        _replaced,
        _of_a_disabled_identity,
        _of_one_that_was_enabled_again,
        _given_out_while_disabled,
    ],
)
def test_what_is_wrong_with_a_code_nobody_is_told(
    api: Api, clock: SetClock, code: Callable[[Api, SetClock], str]
) -> None:
    given = code(api, clock)
    before = api.rows()[0]
    refused = api.post("/v1/enrol", {"code": given}, key=None)
    assert (refused.status_code, refused.json["code"]) == (404, "enrolment_unknown")
    assert refused.json["title"] == (
        "No enrolment waits for this code: it was used, is void or older than 24 h, or never was."
    )
    assert api.rows()[0] == before


def test_a_newer_code_works_where_the_older_one_is_void(api: Api) -> None:
    invite(api)
    assert enrol(api, invite_again(api))["enrolled"] is True


def test_of_two_who_use_a_code_at_once_one_gets_a_key(tmp_path: Path) -> None:
    world = World(tmp_path / "data")
    with world.services:
        code = world.services.enrolments.create(world.admin, "admin").code

        def use(_number: int) -> str:
            try:
                return world.services.enrolments.use(code, None).identity.name
            except Refused as refused:
                return refused.code

        with ThreadPoolExecutor(4) as several:
            came = sorted(several.map(use, range(4)))
        assert came == ["admin", *["enrolment_unknown"] * 3]


def test_only_admins_give_codes(api: Api) -> None:
    auditor = api.user("eve", role="auditor")
    body = {"name": "bob", "kind": "user", "enrol": True}
    for path, sent in (("/v1/identities", body), ("/v1/identities/eve/enrolments", {})):
        refused = api.post(path, sent, key=auditor)
        assert (refused.status_code, refused.json["code"]) == (403, "admin_required")
    missing = api.post("/v1/identities/ghost/enrolments", {})
    assert (missing.status_code, missing.json["code"]) == (404, "identity_not_found")


def test_each_step_is_a_row_and_none_has_the_code(api: Api, clock: SetClock) -> None:
    clock.freeze()
    code = invite(api)
    key = enrol(api, code)
    made, given, used = rows_of(api, "identity:create", "enrolment:create", "enrolment:use")
    assert (made["object"], made["details"]["api_key_id"]) == ("ann", None)
    assert (given["object"], given["actor"]) == ("ann", "admin")
    enrolment = given["details"]["enrolment_id"]
    assert given["details"] == {
        "enrolment_id": enrolment,
        "enrolment_expires_at": to_text(clock() + LIFETIME),
        "expires_in_seconds": None,
        "allowed_addresses": None,
    }
    assert (used["object"], used["actor"], used["credential"], used["api_key_id"]) == (
        "ann",
        "ann",
        None,
        None,
    )
    assert used["details"] == {
        "enrolment_id": enrolment,
        "api_key_id": key["id"],
        "issued_by": "admin",
        "expires_at": None,
        "allowed_addresses": None,
    }
    export = api.get("/v1/operations/export").content
    assert code.encode() not in export
    assert key["api_key"].encode() not in export
    assert verify_lines(export.splitlines()).intact


def test_the_row_of_a_later_call_says_that_its_key_was_enrolled(api: Api) -> None:
    api.call("PUT", "/v1/settings/approval-hold", {"value": "12h"}, key=_admin_key(api))
    credential = api.rows(kind="change")[0]["credential"]
    assert (credential["issued_by"], credential["enrolled"]) == ("admin", True)


def _admin_key(api: Api) -> str:
    return str(enrol(api, invite(api, role="admin"))["api_key"])


def test_an_admin_who_has_not_enrolled_is_not_one_who_is_left(api: Api) -> None:
    code = invite(api, role="admin")
    refused = api.post("/v1/identities/admin/disable")
    assert (refused.status_code, refused.json["code"]) == (409, "last_admin")
    key = str(enrol(api, code)["api_key"])
    assert api.post("/v1/identities/admin/disable", key=key).status_code == 200


def test_who_fails_again_and_again_is_held_up_and_nobody_else(
    api: Api, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock.freeze()
    monkeypatch.setattr("controlplane.service.rates.Bound.burst", 3)
    code = invite(api)

    def use(given: str, place: str) -> int:
        return api.post("/v1/enrol", {"code": given}, key=None, remote_addr=place).status_code

    assert [use("swe_", ELSEWHERE) for _ in range(5)] == [404, 404, 404, 429, 429]
    assert use(code, HERE) == 201
    clock.advance(seconds=1)
    assert use("swe_", ELSEWHERE) == 404

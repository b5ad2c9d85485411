"""The holder of each API key is told what happened to their identity: once, and for each key on its
own, so that a thief who has one of them hides nothing from the others. On both stores."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from controlplane.api.notices import HEADER
from controlplane.domain.notice import MOST_AT_ONCE
from controlplane.service.installation import initialise, open_services
from controlplane.service.location import Location
from tests.controlplane.conftest import Api
from tests.postgresql import database, postgresql  # noqa: F401  # fixtures
from tests.world import SetClock


@pytest.fixture
def api(tmp_path: Path, database: str | None, clock: SetClock) -> Iterator[Api]:  # noqa: F811
    location = Location(tmp_path / "data", database)
    key = initialise(location).api_key
    with open_services(location, clock) as services:
        yield Api(services, key)


def notices(api: Api, key: str) -> list[dict[str, Any]]:
    return list(api.get("/v1/whoami", key=key).json["notices"])


def texts(api: Api, key: str) -> list[str]:
    """Without their dates."""
    return [each["text"].partition(" ")[2] for each in notices(api, key)]


def mark(api: Api, key: str, seen: str) -> None:
    assert api.post("/v1/whoami/notices", {"seen": seen}, key=key).status_code == 204


def number(api: Api, key: str, path: str = "/v1/signers") -> str | None:
    """As the header of an answer has it."""
    return api.get(path, key=key, headers={HEADER: "count"}).headers.get(HEADER.lower())


def add_key(api: Api, name: str) -> dict[str, Any]:
    return api.made(f"/v1/identities/{name}/keys", {})


def test_a_new_key_has_nothing_to_tell(api: Api) -> None:
    ann = api.user("ann")
    assert (texts(api, ann), number(api, ann)) == ([], None)
    bot = api.made("/v1/identities", {"name": "bot", "kind": "machine", "owner": "ann"})
    assert texts(api, bot["api_key"]) == []


def test_what_others_did_to_an_identity_is_told_with_its_day(api: Api, clock: SetClock) -> None:
    ann = api.user("ann")
    made = add_key(api, "ann")
    api.made(f"/v1/identities/ann/keys/{made['id']}/revoke", {})
    code = api.made("/v1/identities/ann/enrolments", {})["enrolment_code"]
    enrolled = api.post("/v1/enrol", {"code": code}, key=None).json
    api.made("/v1/identities/ann/disable", {})
    api.made("/v1/identities/ann/enable", {})
    told = notices(api, ann)
    day = clock().date().isoformat()
    assert [each["text"] for each in told] == [
        f"{day} admin gave you a new API key ({made['id']}).",
        f"{day} admin revoked an API key of yours ({made['id']}).",
        f"{day} admin made a code that gets you a new API key.",
        f"{day} somebody used the code that gets you a new API key ({enrolled['id']}).",
        f"{day} admin disabled you.",
        f"{day} admin enabled you again.",
    ]
    rows = {row["id"]: row["action"] for row in api.rows(kind="change")}
    assert [rows[each["id"]] for each in told] == [each["action"] for each in told]
    assert {(each["by"], each["about"]) for each in told} == {("admin", "ann"), ("ann", "ann")}


def test_an_owner_is_told_of_their_machines_but_not_of_what_they_did_themselves(api: Api) -> None:
    boss = api.user("boss", role="admin")
    body = {"name": "ci", "kind": "machine", "owner": "boss"}
    api.made("/v1/identities", body)
    api.made("/v1/identities", body | {"name": "own"}, key=boss)
    made = add_key(api, "ci")
    assert texts(api, boss) == [
        "admin made the machine ci.",
        f"admin gave the machine ci a new API key ({made['id']}).",
    ]


def test_who_is_to_own_a_machine_is_told_and_who_gets_another_role(api: Api) -> None:
    ann = api.user("ann")
    api.machine("ci")
    assert api.call("PATCH", "/v1/identities/ci", {"owner": "ann"}).status_code == 200
    assert api.call("PATCH", "/v1/identities/ann", {"role": "admin"}).status_code == 200
    edited = "role, e-mail address or owner."
    assert texts(api, ann)[-2:] == [
        f"admin edited the machine ci: {edited}",
        f"admin edited you: {edited}",
    ]


def test_nobody_is_told_of_others(api: Api) -> None:
    ann = api.user("ann")
    api.user("bob")
    add_key(api, "bob")
    assert texts(api, ann) == []


def test_a_header_says_how_many_there_are_to_who_asks_for_it(api: Api) -> None:
    ann = api.user("ann")
    add_key(api, "ann")
    add_key(api, "ann")
    assert number(api, ann) == "2"
    assert number(api, ann, "/v1/identities/ghost") == "2"  # of a refusal too
    assert HEADER.lower() not in api.get("/v1/signers", key=ann).headers


class TestWhatWasSeen:
    def test_is_not_told_again_to_this_key(self, api: Api) -> None:
        ann = api.user("ann")
        add_key(api, "ann")
        mark(api, ann, notices(api, ann)[-1]["id"])
        assert (texts(api, ann), number(api, ann)) == ([], None)
        made = add_key(api, "ann")
        assert texts(api, ann) == [f"admin gave you a new API key ({made['id']})."]

    def test_is_told_to_each_other_key(self, api: Api) -> None:
        """Of a thief and the owner, none can do it for the other."""
        ann, other = api.user("ann"), str(add_key(api, "ann")["api_key"])
        stolen = add_key(api, "ann")
        told = notices(api, other)
        mark(api, other, told[-1]["id"])
        assert texts(api, other) == []
        assert f"admin gave you a new API key ({stolen['id']})." in texts(api, ann)

    def test_is_nothing_but_what_is_told(self, api: Api) -> None:
        ann, bob = api.user("ann"), api.user("bob")
        add_key(api, "ann")
        add_key(api, "bob")
        for other in (api.rows()[0]["id"], notices(api, bob)[0]["id"], "x"):
            mark(api, ann, other)
        assert len(texts(api, ann)) == 1

    def test_stays_seen(self, api: Api) -> None:
        ann = api.user("ann")
        add_key(api, "ann")
        first = notices(api, ann)[0]["id"]
        add_key(api, "ann")
        mark(api, ann, notices(api, ann)[-1]["id"])
        mark(api, ann, first)
        assert texts(api, ann) == []

    def test_leaves_no_row(self, api: Api) -> None:
        ann = api.user("ann")
        add_key(api, "ann")
        before = api.rows()[0]
        mark(api, ann, notices(api, ann)[0]["id"])
        assert api.rows()[0] == before


def test_of_many_the_oldest_come_first(api: Api) -> None:
    ann = api.user("ann")
    ids = [add_key(api, "ann")["id"] for _ in range(MOST_AT_ONCE + 1)]
    assert number(api, ann) == str(MOST_AT_ONCE)
    told = notices(api, ann)
    assert ids[0] in told[0]["text"]
    mark(api, ann, told[-1]["id"])
    (last,) = notices(api, ann)
    assert ids[-1] in last["text"]

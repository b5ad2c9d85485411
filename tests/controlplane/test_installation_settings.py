"""Settings of the installation: one table, which admins change and readers see, on both stores."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from controlplane.domain.settings import (
    APPROVAL_HOLD,
    FOUR_EYES,
    HOLD,
    REQUIRE_POLICY,
    SETTINGS,
    RequirePolicy,
    Setting,
)
from controlplane.service.installation import initialise, open_services
from controlplane.service.location import Location
from controlplane.store.settings import read_setting
from tests.controlplane.conftest import Api
from tests.postgresql import database, postgresql  # noqa: F401  # fixtures
from tests.world import World

OPERATIONS = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()


@pytest.fixture
def api(tmp_path: Path, database: str | None) -> Iterator[Api]:  # noqa: F811
    location = Location(tmp_path / "data", database)
    key = initialise(location).api_key
    with open_services(location) as services:
        yield Api(services, key)


def values(api: Api) -> dict[str, str]:
    return {each["name"]: each["value"] for each in api.get("/v1/settings").json["items"]}


def test_each_has_its_default_until_it_is_set(api: Api) -> None:
    defaults = {
        "approval-hold": "24h",
        "four-eyes": "off",
        "log-origin": "sealwright.example/",
        "log-public": "off",
        "renew-before": "30d",
        "require-policy": "none",
        "timestamp-from": "any",
        "timestamp-policy": "1.3.6.1.4.1.32473.1",
    }
    assert values(api) == defaults
    set_ = api.call("PUT", "/v1/settings/approval-hold", {"value": "48h"})
    assert (set_.status_code, set_.json["value"], set_.json["default"]) == (200, "48h", "24h")
    assert values(api) == defaults | {"approval-hold": "48h"}
    api.call("PUT", "/v1/settings/approval-hold", {"value": "0"})
    assert values(api) == defaults | {"approval-hold": "0"}


def test_a_list_of_them_comes_in_pages(api: Api) -> None:
    first = api.get("/v1/settings", params={"limit": 4}).json
    rest = api.get("/v1/settings", params={"limit": 4, "cursor": first["next"]}).json
    names = [each["name"] for each in first["items"] + rest["items"]]
    assert (names, rest["next"]) == (sorted(each.name for each in SETTINGS), None)


def test_a_change_leaves_its_row_with_what_was_before(api: Api) -> None:
    for value in ("12h", "12h", "2h"):
        api.call("PUT", "/v1/settings/approval-hold", {"value": value})
    rows = [row for row in api.rows(kind="change") if row["action"] == "settings:set"]
    assert [(row["object"], row["actor"], row["details"]) for row in rows] == [
        ("approval-hold", "admin", {"before": "12h", "after": "2h"}),
        ("approval-hold", "admin", {"before": "24h", "after": "12h"}),
    ]


def test_admins_change_them_and_readers_see_them(api: Api) -> None:
    auditor, user = api.user("eve", role="auditor"), api.user("bob")
    assert api.get("/v1/settings", key=auditor).status_code == 200
    assert api.get("/v1/settings", key=user).json["code"] == "reader_required"
    for key in (auditor, user):
        refused = api.call("PUT", "/v1/settings/four-eyes", {"value": "on"}, key=key)
        assert (refused.status_code, refused.json["code"]) == (403, "admin_required")
    assert values(api)["four-eyes"] == "off"


def test_one_that_is_not_there_is_named_with_those_that_are(api: Api) -> None:
    refused = api.call("PUT", "/v1/settings/four-eye", {"value": "on"})
    assert (refused.status_code, refused.json["code"]) == (404, "setting_not_found")
    assert all(each.name in refused.json["title"] for each in SETTINGS)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("require-policy", "some"),
        ("require-policy", "None"),
        ("four-eyes", "yes"),
        ("approval-hold", "24"),
        ("approval-hold", "-1h"),
        ("approval-hold", "31d"),
        ("approval-hold", f"{APPROVAL_HOLD.most + 1}s"),
        ("approval-hold", "9999999999d"),
        ("approval-hold", ""),
        ("approval-hold", None),
    ],
)
def test_a_value_that_is_none_is_refused_by_its_name(api: Api, name: str, value: object) -> None:
    refused = api.call("PUT", f"/v1/settings/{name}", {"value": value})
    assert (refused.status_code, refused.json["field"]) == (400, "value")


@pytest.mark.parametrize(
    ("setting", "text", "value"),
    [
        (REQUIRE_POLICY, "protected", RequirePolicy.PROTECTED),
        (FOUR_EYES, "on", True),
        (FOUR_EYES, "off", False),
        (HOLD, "0", timedelta()),
        (HOLD, "0s", timedelta()),
        (HOLD, "90m", timedelta(minutes=90)),
        (HOLD, "30d", timedelta(days=30)),
    ],
)
def test_what_a_text_stands_for(setting: Setting[object], text: str, value: object) -> None:
    assert setting.read(text) == value


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda each: each.name)
def test_each_reads_its_default(setting: Setting[object]) -> None:
    setting.read(setting.default)


def test_the_services_read_one_as_of_their_transaction(tmp_path: Path) -> None:
    world = World(tmp_path / "data")
    with world.services:
        epoch = world.location.store().epoch()
        world.services.settings.set(world.admin, "approval-hold", "2h")
        store = world.location.store()
        with store.closing(), store.read() as database_:
            assert read_setting(database_, HOLD) == timedelta(hours=2)
            assert read_setting(database_, FOUR_EYES) is False
        assert store.epoch() == epoch + 1  # whoever decided by the old one decides again
        store.close()


def test_the_document_has_the_table() -> None:
    told = re.findall(
        r"^\| `([a-z-]+)` \| (.*) \| `(.*)` \| (.*) \|$",
        OPERATIONS[OPERATIONS.index("## Settings") : OPERATIONS.index("## Upgrade")],
        re.MULTILINE,
    )
    assert [
        (name, form.replace("\\|", "|"), default, what) for name, form, default, what in told
    ] == [(each.name, each.form, each.default, each.meaning) for each in SETTINGS]

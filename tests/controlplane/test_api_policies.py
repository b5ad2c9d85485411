"""Policies, requests and grants over the API: bodies, codes, what an edit leaves alone, lists."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import falcon.testing
import pytest

from controlplane.service.installation import initialise, open_services
from controlplane.service.location import Location
from tests.controlplane.conftest import Api
from tests.world import SetClock

LEAD = {"name": "lead", "required": 1, "approvers": ["ann", "bob"]}
HALF_A_YEAR = 183 * 24 * 3600


@dataclass(frozen=True)
class Plane:
    """`release` is under `p` (an hour, five signings, the step `lead`); `ci` is its operator and
    `adam` its administrator; `bare` has no policy. `waiting` is a request of `ci`, `grant` one that
    `adam` gave it."""

    api: Api
    keys: dict[str, str]
    waiting: str
    grant: str

    @classmethod
    def build(cls, api: Api) -> "Plane":
        names = ("ann", "bob", "ci", "adam", "sam")
        keys = {"admin": "admin"} | {name: api.user(name) for name in names}
        keys["eve"] = api.user("eve", role="auditor")
        wanted = {"name": "p", "max_window_seconds": 3600, "max_signings": 5, "steps": [LEAD]}
        api.made("/v1/policies", wanted)
        for signer in ("release", "bare"):
            api.signer(signer, operator="ci")
            adam = {"identity": "adam", "role": "administrator"}
            api.made(f"/v1/signers/{signer}/members", adam)
        api.made("/v1/signers/release/policy", {"policy": "p"})
        asking = {"justification": "waiting"}
        waiting = api.made("/v1/signers/release/requests", asking, key=keys["ci"])["id"]
        giving = {"identity": "ci", "justification": "x"}
        grant = api.made("/v1/signers/release/grants", giving, key=keys["adam"])["id"]
        return cls(api, keys, waiting, grant)

    def call(self, method: str, path: str, body: object, who: str) -> falcon.testing.Result:
        """`WAITING` and `GRANT` in the path stand for the ids."""
        path = path.replace("WAITING", self.waiting).replace("GRANT", self.grant)
        return self.api.call(method, path, body, key=self.keys[who])

    def post(self, path: str, body: object, who: str = "admin") -> falcon.testing.Result:
        return self.call("POST", path, body, who)

    def get(self, path: str, who: str = "admin", **params: object) -> Any:
        answer = self.api.get(path, key=self.keys[who], params=params)
        assert answer.status_code == 200, answer.text
        return answer.json

    def ids(self, path: str, who: str = "admin", **params: object) -> list[str]:
        return [each["id"] for each in self.get(path, who, **params)["items"]]

    def ask(self, why: str, who: str = "ci", signer: str = "release") -> str:
        body = {"justification": why}
        return str(self.api.made(f"/v1/signers/{signer}/requests", body, key=self.keys[who])["id"])

    def give(self, to: str = "ci", **more: object) -> str:
        body = {"identity": to, "justification": "x"} | more
        made = self.api.made("/v1/signers/release/grants", body, key=self.keys["adam"])
        return str(made["id"])


@dataclass(frozen=True)
class Template:
    """Made once; each test works on a copy of its own."""

    location: Location
    plane: Plane

    @contextmanager
    def copied_to(self, data_dir: Path, clock: SetClock) -> Iterator[Plane]:
        shutil.copytree(self.location.data_dir, data_dir)
        with open_services(Location(data_dir), clock) as services:
            yield replace(self.plane, api=Api(services, self.plane.api.admin_key))


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    location = Location(tmp_path_factory.mktemp("template") / "data")
    admin_key = initialise(location).api_key
    with open_services(location) as services:
        return Template(location, Plane.build(Api(services, admin_key)))


@pytest.fixture
def plane(template: Template, tmp_path: Path, clock: SetClock) -> Iterator[Plane]:
    with template.copied_to(tmp_path / "data", clock) as plane:
        yield plane


@pytest.fixture(scope="module")
def unchanged(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    """For calls that are refused: that nothing was recorded is checked at the end."""
    data_dir = tmp_path_factory.mktemp("unchanged") / "data"
    with template.copied_to(data_dir, SetClock()) as plane:
        before = plane.api.rows(limit=1)
        yield plane
        assert plane.api.rows(limit=1) == before


def code_of(answer: falcon.testing.Result) -> tuple[int, str]:
    return answer.status_code, answer.json["code"]


STEP_FIELDS: list[tuple[object, str]] = [
    ({}, "steps"),
    (None, "steps"),
    ([1], "steps[0]"),
    ([LEAD | {"name": f"s{index}"} for index in range(17)], "steps"),
    ([LEAD, LEAD], "steps[1].name"),
    ([LEAD | {"name": ""}], "steps[0].name"),
    ([LEAD | {"name": "x" * 65}], "steps[0].name"),
    ([LEAD | {"name": "a:b"}], "steps[0].name"),
    ([LEAD | {"name": " a"}], "steps[0].name"),
    ([LEAD | {"name": "a\nb"}], "steps[0].name"),
    ([LEAD, LEAD | {"name": 7}], "steps[1].name"),
    ([LEAD | {"required": 0}], "steps[0].required"),
    ([LEAD | {"required": 3}], "steps[0].required"),
    ([LEAD | {"required": 65}], "steps[0].required"),
    ([LEAD | {"required": "1"}], "steps[0].required"),
    ([{"name": "a", "approvers": ["ann"]}], "steps[0].required"),
    ([LEAD | {"approvers": []}], "steps[0].approvers"),
    ([LEAD | {"approvers": [f"p{index}" for index in range(65)]}], "steps[0].approvers"),
    ([LEAD | {"approvers": ["ann", "ann"]}], "steps[0].approvers"),
    ([LEAD | {"approvers": ["ann", "ghost"]}], "steps[0].approvers"),
    ([LEAD | {"approvers": ["ann", "a b"]}], "steps[0].approvers[1]"),
    ([LEAD | {"approvers": "ann"}], "steps[0].approvers"),
    ([{"name": "a", "required": 1}], "steps[0].approvers"),
    ([LEAD | {"colour": "red"}], "steps[0].colour"),
]
TERM_FIELDS: list[tuple[str, object, str]] = [
    ("max_window_seconds", 59, "max_window_seconds"),
    ("max_window_seconds", 30 * 24 * 3600 + 1, "max_window_seconds"),
    ("max_window_seconds", "60", "max_window_seconds"),
    ("max_window_seconds", 60.5, "max_window_seconds"),
    ("max_window_seconds", True, "max_window_seconds"),
    ("max_signings", 0, "max_signings"),
    ("max_signings", 1_000_000_001, "max_signings"),
    ("max_signings", 10**30, "max_signings"),
    ("max_signings", [1], "max_signings"),
    ("request_ttl_seconds", 0, "request_ttl_seconds"),
    ("request_ttl_seconds", 365 * 24 * 3600 + 1, "request_ttl_seconds"),
    ("request_ttl_seconds", "1h", "request_ttl_seconds"),
    ("hashes", None, "hashes"),
    ("hashes", "sha256", "hashes"),
    ("hashes", ["sha256", "sha256"], "hashes"),
    ("hashes", ["sha256", "md5"], "hashes[1]"),
    ("hashes", ["none"], "hashes[0]"),
    ("max_window", 60, "max_window"),
    ("colour", "red", "colour"),
    *[("steps", value, field) for value, field in STEP_FIELDS],
]
WHY_FIELDS: list[object] = [None, "", "  ", "x" * 2049, 7]


class TestBodies:
    """What is out of range, of the wrong type, missing or unknown is named."""

    def must_name(self, answer: falcon.testing.Result, field: str, what: object) -> None:
        assert code_of(answer) == (400, "invalid_request"), what
        assert answer.json["field"] == field, what

    @pytest.mark.parametrize("method", ["POST", "PATCH"])
    def test_of_policies(self, unchanged: Plane, method: str) -> None:
        path = "/v1/policies" if method == "POST" else "/v1/policies/p"
        rest: dict[str, object] = {"name": "new", "max_signings": 1} if method == "POST" else {}
        for name, value, field in TERM_FIELDS:
            answer = unchanged.call(method, path, rest | {name: value}, "admin")
            self.must_name(answer, field, (name, value))

    def test_of_a_policy_s_name(self, unchanged: Plane) -> None:
        for name in ("", "a b", "é", "x" * 65, "none", None, 7):
            answer = unchanged.post("/v1/policies", {"name": name, "max_signings": 1})
            self.must_name(answer, "name", name)
        self.must_name(unchanged.post("/v1/policies", {"max_signings": 1}), "name", "missing")
        renaming = unchanged.call("PATCH", "/v1/policies/p", {"name": "q"}, "admin")
        self.must_name(renaming, "name", "PATCH")

    def test_of_the_policy_of_a_signer(self, unchanged: Plane) -> None:
        for body, field in (
            ({}, "policy"),
            ({"policy": 7}, "policy"),
            ({"policy": ""}, "policy"),
            ({"policy": "a b"}, "policy"),
            ({"policy": "x" * 65}, "policy"),
            ({"policy": "p", "colour": "red"}, "colour"),
        ):
            self.must_name(unchanged.post("/v1/signers/bare/policy", body), field, body)
            if body:
                new = {"name": "new", "key": "p256", "common_name": "x"} | body
                self.must_name(unchanged.post("/v1/signers", new), field, body)

    @pytest.mark.parametrize("what", ["requests", "grants"])
    def test_of_requests_and_grants(self, unchanged: Plane, what: str) -> None:
        path, rest = f"/v1/signers/release/{what}", {"justification": "x"}
        who = "ci"
        if what == "grants":
            rest, who = rest | {"identity": "ci"}, "adam"
            for value in ("a b", "", "x" * 65, 7, None):
                body = {"justification": "x", "identity": value}
                self.must_name(unchanged.post(path, body, who), "identity", value)
            missing = unchanged.post(path, {"justification": "x"}, who)
            self.must_name(missing, "identity", "missing")
        wrong: list[tuple[str, object]] = [("justification", value) for value in WHY_FIELDS]
        wrong += [("window_seconds", value) for value in (0, -1, "1h", 1.5)]
        wrong += [("signings", 0), ("signings", "1"), ("colour", "red"), ("policy", "p")]
        for name, bad in wrong:
            answer = unchanged.post(path, rest | {name: bad}, who)
            self.must_name(answer, name, (name, bad))
        del rest["justification"]
        self.must_name(unchanged.post(path, rest, who), "justification", "missing")

    @pytest.mark.parametrize("what", ["requests", "grants"])
    def test_above_a_ceiling(self, unchanged: Plane, what: str) -> None:
        body: dict[str, object] = {"justification": "x"}
        who = "ci"
        if what == "grants":
            body, who = body | {"identity": "ci"}, "adam"
        for name, value, code, ceiling in (
            ("window_seconds", 3601, "window_above_ceiling", "1h"),
            ("window_seconds", 2**31 - 1, "window_above_ceiling", "1h"),
            ("signings", 6, "signings_above_ceiling", "5"),
            ("signings", 2**31 - 1, "signings_above_ceiling", "5"),
        ):
            answer = unchanged.post(f"/v1/signers/release/{what}", body | {name: value}, who)
            assert code_of(answer) == (400, code)
            assert answer.json["field"] == name
            assert f" {ceiling} " in answer.json["title"]

    def test_of_decisions(self, unchanged: Plane) -> None:
        for verb in ("approve", "reject"):
            path, rest = f"/v1/requests/WAITING/{verb}", {"comment": "x"}
            for body, field in (
                ({"step": 0}, "step"),
                ({"step": -1}, "step"),
                ({"step": "1"}, "step"),
                ({"comment": "x" * 2049}, "comment"),
                ({"comment": 7}, "comment"),
                ({"colour": "red"}, "colour"),
            ):
                self.must_name(unchanged.post(path, rest | body, "ann"), field, (verb, body))
        for bad in ({}, *({"comment": value} for value in WHY_FIELDS)):
            self.must_name(
                unchanged.post("/v1/requests/WAITING/reject", bad, "ann"), "comment", bad
            )

    def test_of_cancelling_and_revoking(self, unchanged: Plane) -> None:
        answer = unchanged.post("/v1/requests/WAITING/cancel", {"comment": "x"}, "ci")
        self.must_name(answer, "comment", "cancel")
        for bad in ({}, *({"reason": value} for value in WHY_FIELDS)):
            answer = unchanged.post("/v1/grants/GRANT/revoke", bad, "adam")
            self.must_name(answer, "reason", bad)
        answer = unchanged.post("/v1/grants/GRANT/revoke", {"reason": "x", "at": "now"}, "adam")
        self.must_name(answer, "at", "revoke")

    @pytest.mark.parametrize("path", ["/v1/policies", "/v1/requests", "/v1/grants"])
    def test_of_queries(self, unchanged: Plane, path: str) -> None:
        wrong = [
            ("limit", "0"),
            ("limit", "1001"),
            ("limit", "x"),
            ("cursor", "!"),
            ("colour", "x"),
        ]
        if path != "/v1/policies":
            wrong += [("state", "open"), ("state", ""), ("ending", "abc"), ("ending", "ABCDEF01")]
        for name, value in wrong:
            answer = unchanged.api.get(path, params={name: value})
            self.must_name(answer, name, (name, value))


REFUSED: tuple[tuple[str, str, object, str, int, str], ...] = (
    ("GET", "/v1/policies/ghost", None, "admin", 404, "policy_not_found"),
    ("GET", "/v1/policies/p", None, "sam", 404, "policy_not_found"),
    ("PATCH", "/v1/policies/ghost", {"max_signings": 1}, "admin", 404, "policy_not_found"),
    ("DELETE", "/v1/policies/ghost", None, "admin", 404, "policy_not_found"),
    ("POST", "/v1/policies", {"name": "p", "max_signings": 1}, "admin", 409, "policy_exists"),
    ("POST", "/v1/policies", {"name": "q"}, "admin", 400, "policy_unbounded"),
    (
        "PATCH",
        "/v1/policies/p",
        {"max_signings": None, "max_window_seconds": None},
        "admin",
        400,
        "policy_unbounded",
    ),
    (
        "PATCH",
        "/v1/policies/p",
        {"steps": [{"name": "x", "required": 2, "approvers": ["ann", "eve"]}]},
        "admin",
        409,
        "policy_cannot_be_met",
    ),
    ("DELETE", "/v1/policies/p", None, "admin", 409, "policy_in_use"),
    ("POST", "/v1/policies", {"name": "q", "max_signings": 1}, "adam", 403, "admin_required"),
    ("PATCH", "/v1/policies/p", {"max_signings": 1}, "adam", 403, "admin_required"),
    ("DELETE", "/v1/policies/p", None, "eve", 403, "admin_required"),
    ("POST", "/v1/signers/bare/policy", {"policy": "none"}, "admin", 404, "policy_not_found"),
    ("POST", "/v1/signers/ghost/policy", {"policy": "p"}, "admin", 404, "signer_not_found"),
    ("POST", "/v1/signers/bare/policy", {"policy": "p"}, "sam", 404, "signer_not_found"),
    ("POST", "/v1/signers/bare/policy", {"policy": "p"}, "ci", 403, "administrator_required"),
    (
        "POST",
        "/v1/signers",
        {"name": "new", "key": "p256", "common_name": "x", "policy": "ghost"},
        "admin",
        404,
        "policy_not_found",
    ),
    ("POST", "/v1/signers/bare/requests", {"justification": "x"}, "ci", 409, "no_policy"),
    (
        "POST",
        "/v1/signers/release/requests",
        {"justification": "x"},
        "sam",
        404,
        "signer_not_found",
    ),
    (
        "POST",
        "/v1/signers/release/requests",
        {"justification": "x"},
        "ann",
        403,
        "not_a_member",
    ),
    ("GET", "/v1/requests/ghost", None, "admin", 404, "request_not_found"),
    ("GET", "/v1/requests/WAITING", None, "sam", 404, "request_not_found"),
    ("POST", "/v1/requests/WAITING/approve", {}, "sam", 404, "request_not_found"),
    ("POST", "/v1/requests/WAITING/approve", {}, "ci", 403, "own_request"),
    ("POST", "/v1/requests/WAITING/approve", {}, "adam", 403, "not_an_approver"),
    ("POST", "/v1/requests/WAITING/approve", {}, "eve", 403, "auditor_cannot_approve"),
    ("POST", "/v1/requests/WAITING/approve", {"step": 2}, "ann", 409, "step_changed"),
    ("POST", "/v1/requests/WAITING/reject", {"comment": "x"}, "ci", 403, "not_an_approver"),
    (
        "POST",
        "/v1/requests/WAITING/reject",
        {"comment": "x", "step": 2},
        "ann",
        409,
        "step_changed",
    ),
    ("POST", "/v1/requests/WAITING/cancel", {}, "ann", 403, "requester_required"),
    (
        "POST",
        "/v1/signers/release/grants",
        {"identity": "adam", "justification": "x"},
        "adam",
        403,
        "own_grant",
    ),
    (
        "POST",
        "/v1/signers/release/grants",
        {"identity": "ci", "justification": "x"},
        "admin",
        403,
        "administrator_required",
    ),
    (
        "POST",
        "/v1/signers/release/grants",
        {"identity": "sam", "justification": "x"},
        "adam",
        404,
        "member_not_found",
    ),
    (
        "POST",
        "/v1/signers/bare/grants",
        {"identity": "ci", "justification": "x"},
        "adam",
        409,
        "no_policy",
    ),
    ("GET", "/v1/grants/ghost", None, "admin", 404, "grant_not_found"),
    ("GET", "/v1/grants/GRANT", None, "sam", 404, "grant_not_found"),
    (
        "POST",
        "/v1/grants/GRANT/revoke",
        {"reason": "x"},
        "ci",
        403,
        "administrator_required",
    ),
    ("POST", "/v1/grants/ghost/revoke", {"reason": "x"}, "admin", 404, "grant_not_found"),
)


class TestCodes:
    """One call for each, that is refused for this reason alone."""

    def test_of_calls_that_are_refused(self, unchanged: Plane) -> None:
        for method, path, body, who, status, code in REFUSED:
            answer = unchanged.call(method, path, body, who)
            assert code_of(answer) == (status, code), (method, path, body, who)

    def test_of_what_is_finished(self, plane: Plane) -> None:
        plane.post("/v1/grants/GRANT/revoke", {"reason": "x"}, "adam")
        again = plane.post("/v1/grants/GRANT/revoke", {"reason": "x"}, "adam")
        assert code_of(again) == (409, "grant_not_active")
        plane.post("/v1/requests/WAITING/cancel", None, "ci")
        for verb, body in (("approve", None), ("reject", {"comment": "x"})):
            answer = plane.post(f"/v1/requests/WAITING/{verb}", body, "ann")
            assert code_of(answer) == (409, "request_not_pending")
        answer = plane.post("/v1/requests/WAITING/cancel", {}, "ci")
        assert code_of(answer) == (409, "request_not_pending")

    def test_of_what_changed_meanwhile(self, plane: Plane) -> None:
        plane.post("/v1/signers/release/policy", {"policy": None})
        answer = plane.post("/v1/requests/WAITING/approve", {}, "ann")
        assert code_of(answer) == (409, "policy_detached")
        plane.post("/v1/signers/release/policy", {"policy": "p"})
        plane.post("/v1/signers/release/members", {"identity": "ci", "role": "auditor"})
        answer = plane.post("/v1/requests/WAITING/approve", {}, "ann")
        assert code_of(answer) == (409, "requester_cannot_sign")
        answer = plane.post(
            "/v1/signers/release/grants", {"identity": "ci", "justification": "x"}, "adam"
        )
        assert code_of(answer) == (409, "grantee_cannot_sign")

    def test_of_deciding_twice(self, plane: Plane) -> None:
        two = {"steps": [LEAD | {"required": 2}]}
        assert plane.call("PATCH", "/v1/policies/p", two, "admin").status_code == 200
        request = plane.ask("two")
        path = f"/v1/requests/{request}/approve"
        assert plane.post(path, {}, "ann").status_code == 200
        assert code_of(plane.post(path, {}, "ann")) == (409, "already_decided")


FULL: dict[str, object] = {
    "max_window_seconds": 7200,
    "max_signings": 9,
    "steps": [LEAD],
    "request_ttl_seconds": HALF_A_YEAR,
    "hashes": ["sha512", "sha256"],
    "protected": True,
}


class TestPolicies:
    @pytest.fixture
    def path(self, plane: Plane) -> str:
        """Of a policy with all there is."""
        plane.api.made("/v1/policies", {"name": "full", **FULL})
        return "/v1/policies/full"

    def terms(self, plane: Plane, path: str) -> dict[str, Any]:
        return {name: value for name, value in plane.get(path).items() if name in FULL}

    def test_created_with_all_there_is(self, plane: Plane, path: str) -> None:
        shown = plane.get(path)
        assert datetime.fromisoformat(shown["created_at"]).utcoffset() is not None
        (change,) = shown.pop("changes")
        assert (change["by"], change["change"], change["what"]) == ("admin", "created", [])
        assert (shown.pop("name"), shown.pop("signers")) == ("full", [])
        assert shown.keys() - FULL.keys() == {"id", "created_at"}
        assert self.terms(plane, path) == FULL

    def test_created_with_as_little_as_there_can_be(self, plane: Plane) -> None:
        created = plane.api.made("/v1/policies", {"name": "small", "max_signings": 1})
        assert self.terms(plane, "/v1/policies/small") == {
            "max_window_seconds": None,
            "max_signings": 1,
            "steps": [],
            "request_ttl_seconds": None,
            "hashes": [],
            "protected": False,
        }
        assert created == plane.get("/v1/policies/small")

    @pytest.mark.parametrize(
        "change",
        [
            {},
            {"max_window_seconds": 60},
            {"max_window_seconds": None},
            {"max_signings": 1},
            {"max_signings": None},
            {"request_ttl_seconds": 60},
            {"request_ttl_seconds": None},
            {"steps": [LEAD | {"approvers": ["bob", "ann"], "required": 2}]},
            {"steps": [], "protected": False},
            {"protected": False},
            {"hashes": ["sha384"]},
            {"hashes": []},
            {"max_window_seconds": None, "steps": [], "hashes": [], "protected": False},
        ],
    )
    def test_an_edit_changes_what_it_names_and_null_or_an_empty_list_removes(
        self, plane: Plane, path: str, change: dict[str, object]
    ) -> None:
        before = plane.get(path)
        answer = plane.call("PATCH", path, change, "admin")
        assert answer.status_code == 200
        assert answer.json == plane.get(path)
        assert self.terms(plane, path) == FULL | change
        assert answer.json["id"] == before["id"]
        assert len(answer.json["changes"]) == len(before["changes"]) + bool(change)

    def test_an_edit_without_a_body_changes_nothing(self, plane: Plane, path: str) -> None:
        before = plane.get(path)
        assert plane.call("PATCH", path, None, "admin").json == before

    def test_deleting_answers_nothing(self, plane: Plane, path: str) -> None:
        answer = plane.call("DELETE", path, None, "admin")
        assert (answer.status_code, answer.content) == (204, b"")
        assert plane.api.get(path).status_code == 404

    def test_are_listed_without_signers_and_changes(self, plane: Plane, path: str) -> None:
        items = plane.get("/v1/policies")["items"]
        assert [item["name"] for item in items] == ["full", "p"]
        assert items[0].keys() == FULL.keys() | {"id", "name", "created_at"}
        assert [item["name"] for item in plane.get("/v1/policies", "ann")["items"]] == ["full", "p"]
        assert [item["name"] for item in plane.get("/v1/policies", "ci")["items"]] == ["p"]
        assert plane.get("/v1/policies", "sam") == {"items": [], "next": None}

    def test_are_paged(self, plane: Plane, path: str) -> None:
        first = plane.get("/v1/policies", limit=1)
        second = plane.get("/v1/policies", limit=1, cursor=first["next"])
        names = [[item["name"] for item in page["items"]] for page in (first, second)]
        assert (names, second["next"]) == ([["full"], ["p"]], None)


class TestSigners:
    def test_show_policy_and_what_was_done_with_it(self, plane: Plane) -> None:
        shown = plane.get("/v1/signers/release", "ann")
        assert shown["policy"] == "p"
        assert [change["change"] for change in shown["policy_changes"]] == ["attached", "created"]
        plane.call("PATCH", "/v1/policies/p", {"steps": []}, "admin")
        shown = plane.post("/v1/signers/release/policy", {"policy": None}, "adam").json
        assert shown["policy"] is None
        newest = shown["policy_changes"][0]
        found = (newest["change"], newest["by"], newest["policy"], newest["signer"])
        assert found == ("detached", "adam", "p", "release")
        policy = plane.get("/v1/policies/p")
        assert policy["signers"] == []
        assert [(each["change"], each["what"]) for each in policy["changes"]] == [
            ("detached", []),
            ("loosened", ["step 'lead' removed"]),
            ("attached", []),
            ("created", []),
        ]

    def test_can_be_created_with_one(self, plane: Plane) -> None:
        rest = {"key": "p256"}
        for name, policy in (("new", "p"), ("newer", None)):
            answer = plane.post(
                "/v1/signers", rest | {"name": name, "common_name": name, "policy": policy}
            )
            assert (answer.status_code, answer.json["policy"]) == (201, policy)
        assert plane.get("/v1/policies/p")["signers"] == ["new", "release"]

    def test_lists_have_the_policy_and_not_the_changes(self, plane: Plane) -> None:
        items = plane.get("/v1/signers")["items"]
        assert [(item["name"], item["policy"]) for item in items] == [
            ("release", "p"),
            ("bare", None),
        ]
        assert all("policy_changes" not in item for item in items)


class TestRequests:
    def test_a_new_one_is_201_and_an_equal_one_200(self, plane: Plane) -> None:
        path, body = "/v1/signers/release/requests", {"justification": "1.2", "signings": 2}
        first, second = (plane.post(path, body, "ci") for _ in range(2))
        assert (first.status_code, second.status_code) == (201, 200)
        assert first.json == second.json

    def test_shows_itself_in_full(self, plane: Plane) -> None:
        shown = plane.get(f"/v1/requests/{plane.waiting}", "ci")
        assert datetime.fromisoformat(shown.pop("created_at")).utcoffset() is not None
        assert shown == {
            "id": plane.waiting,
            "signer": "release",
            "requester": "ci",
            "policy": "p",
            "state": "pending",
            "justification": "waiting",
            "window_seconds": 3600,
            "signings": 5,
            "step": 1,
            "steps": [LEAD | {"decisions": []}],
            "max_window_seconds": 3600,
            "max_signings": 5,
            "hashes": [],
            "protected": False,
            "expires_at": None,
            "ended_at": None,
            "ended_by": None,
            "comment": None,
            "grant_id": None,
            "missing": ["The request waits for step 1 of 1, 'lead': 1 approval of ann, bob."],
        }

    def test_approved_shows_decision_and_grant(self, plane: Plane) -> None:
        approved = plane.post("/v1/requests/WAITING/approve", {"comment": "ok", "step": 1}, "ann")
        shown = approved.json
        assert (shown["state"], shown["step"], shown["missing"]) == ("approved", None, [])
        (decision,) = shown["steps"][0]["decisions"]
        assert decision == {
            "approver": "ann",
            "verdict": "approved",
            "comment": "ok",
            "at": shown["ended_at"],
            "withdrawn_at": None,
            "suspended_at": None,
            "credential": decision["credential"],
        }
        assert decision["credential"]["issued_by"] == "admin"
        grant = plane.get(f"/v1/grants/{shown['grant_id']}", "ci")
        assert (grant["request_id"], grant["issued_by"]) == (plane.waiting, None)
        assert shown == plane.get(f"/v1/requests/{plane.waiting}", "ann")

    def test_rejected_shows_why(self, plane: Plane) -> None:
        shown = plane.post("/v1/requests/WAITING/reject", {"comment": "no"}, "bob").json
        found = [shown[name] for name in ("state", "ended_by", "comment", "grant_id", "step")]
        assert found == ["rejected", "bob", "no", None, None]
        assert shown["steps"][0]["decisions"][0]["verdict"] == "rejected"

    def test_expired_ended_when_it_expired(self, plane: Plane, clock: SetClock) -> None:
        plane.call("PATCH", "/v1/policies/p", {"request_ttl_seconds": 60}, "admin")
        request = plane.ask("short")
        clock.advance(seconds=61)
        shown = plane.get(f"/v1/requests/{request}")
        assert (shown["state"], shown["ended_by"], shown["missing"]) == ("expired", None, [])
        assert shown["ended_at"] == shown["expires_at"]

    def test_without_steps_is_approved_at_once(self, plane: Plane) -> None:
        plane.call("PATCH", "/v1/policies/p", {"steps": []}, "admin")
        created = plane.post("/v1/signers/release/requests", {"justification": "x"}, "ci")
        assert (created.status_code, created.json["state"]) == (201, "approved")
        assert created.json["grant_id"] in plane.ids("/v1/grants", "ci")

    def test_lists_are_filtered_and_paged(self, plane: Plane) -> None:
        rejected, cancelled = plane.ask("1"), plane.ask("2")
        of_adam = plane.ask("3", "adam")
        plane.post(f"/v1/requests/{rejected}/reject", {"comment": "no"}, "ann")
        plane.post(f"/v1/requests/{cancelled}/cancel", {}, "ci")
        everything = [of_adam, cancelled, rejected, plane.waiting]
        ids = plane.ids
        assert ids("/v1/requests") == ids("/v1/requests", "ann") == everything
        assert ids("/v1/requests", state="pending") == [of_adam, plane.waiting]
        assert ids("/v1/requests", state="rejected") == [rejected]
        assert ids("/v1/requests", requester="ci", state="cancelled") == [cancelled]
        assert ids("/v1/requests", requester="adam", signer="release") == [of_adam]
        assert ids("/v1/requests", ending=rejected[-8:]) == [rejected]
        assert ids("/v1/requests", ending=rejected[-8:], state="pending") == []
        assert ids("/v1/requests", "sam", ending=rejected[-8:]) == []
        assert ids("/v1/requests", signer="bare") == ids("/v1/requests", "sam") == []
        first = plane.get("/v1/requests", limit=3)
        second = plane.get("/v1/requests", limit=3, cursor=first["next"])
        found = [each["id"] for page in (first, second) for each in page["items"]]
        assert (found, second["next"]) == (everything, None)


class TestGrants:
    def test_a_pre_approved_one_shows_itself_in_full(self, plane: Plane) -> None:
        created = plane.post(
            "/v1/signers/release/grants",
            {"identity": "ci", "justification": "hotfix", "window_seconds": 60, "signings": 1},
            "adam",
        )
        assert created.status_code == 201
        shown = created.json
        assert shown == plane.get(f"/v1/grants/{shown['id']}", "ci")
        begin, end = (
            datetime.fromisoformat(shown.pop(name)) for name in ("not_before", "not_after")
        )
        assert (end - begin).total_seconds() == 60
        assert shown == {
            "id": shown["id"],
            "signer": "release",
            "grantee": "ci",
            "policy": "p",
            "state": "active",
            "used": 0,
            "max_signings": 1,
            "hashes": [],
            "justification": "hotfix",
            "request_id": None,
            "issued_by": "adam",
            "revoked_at": None,
            "revoked_by": None,
            "revoke_reason": None,
            "suspended_at": None,
        }

    def test_a_revoked_one_shows_by_whom_when_and_why(self, plane: Plane) -> None:
        shown = plane.post("/v1/grants/GRANT/revoke", {"reason": "leaked"}, "adam").json
        found = [shown[name] for name in ("state", "revoked_by", "revoke_reason")]
        assert found == ["revoked", "adam", "leaked"]
        assert datetime.fromisoformat(shown["revoked_at"]).utcoffset() is not None
        assert shown == plane.get(f"/v1/grants/{plane.grant}")

    def test_lists_are_filtered_and_paged(self, plane: Plane, clock: SetClock) -> None:
        revoked = plane.give()
        plane.post(f"/v1/grants/{revoked}/revoke", {"reason": "x"}, "adam")
        expired = plane.give(window_seconds=1)
        clock.advance(seconds=1)
        plane.post("/v1/signers/release/members", {"identity": "sam", "role": "operator"})
        of_sam = plane.give("sam", signings=1)
        everything = [of_sam, expired, revoked, plane.grant]
        ids = plane.ids
        assert ids("/v1/grants") == ids("/v1/grants", "ann") == everything
        assert ids("/v1/grants", state="active") == [of_sam, plane.grant]
        assert ids("/v1/grants", state="expired") == [expired]
        assert ids("/v1/grants", grantee="ci", state="revoked") == [revoked]
        assert ids("/v1/grants", grantee="sam", signer="release") == [of_sam]
        assert ids("/v1/grants", signer="bare") == ids("/v1/grants", state="exhausted") == []
        plane.api.sign("release", plane.keys["sam"])
        assert ids("/v1/grants", state="exhausted") == [of_sam]
        first = plane.get("/v1/grants", limit=3)
        second = plane.get("/v1/grants", limit=3, cursor=first["next"])
        found = [each["id"] for page in (first, second) for each in page["items"]]
        assert (found, second["next"]) == (everything, None)

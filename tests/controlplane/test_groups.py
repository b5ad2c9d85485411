"""Groups of users: named together as approvers and members. What rests on the store's queries is
tried on both stores."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from controlplane.service.installation import initialise, open_services
from controlplane.service.location import Location
from tests.controlplane.conftest import Api
from tests.postgresql import database_for, postgresql

__all__ = ["postgresql"]

BOTH = pytest.mark.parametrize("api", ["sqlite", "postgresql"], indirect=True)


class Groups(Api):
    """An API with users, by name, whose keys, which they enrolled, are kept."""

    keys: dict[str, str]

    def people(self, *names: str, **more: object) -> None:
        for name in names:
            body = {"name": name, "kind": "user", "enrol": True} | more
            code = self.made("/v1/identities", body)["enrolment_code"]
            self.keys[name] = self.made("/v1/enrol", {"code": code})["api_key"]

    def group(self, name: str, *users: str) -> None:
        self.made("/v1/groups", {"name": name})
        for user in users:
            self.made(f"/v1/groups/{name}/members", {"identity": user})

    def users(self, name: str) -> list[str]:
        return list(self.get(f"/v1/groups/{name}").json["users"])

    def leave(self, group: str, user: str) -> tuple[int, str | None]:
        answer = self.call("DELETE", f"/v1/groups/{group}/members/{user}")
        return answer.status_code, answer.json["code"] if answer.status_code >= 400 else None

    def policy(self, name: str, required: int, *approvers: str, protected: bool = False) -> None:
        step = {"name": "security", "required": required, "approvers": approvers}
        body = {"name": name, "max_signings": 5, "steps": [step], "protected": protected}
        self.made("/v1/policies", body)

    def member(self, signer: str, who: str, role: str) -> int:
        body = {"identity": who, "role": role}
        return self.post(f"/v1/signers/{signer}/members", body).status_code

    def attach(self, signer: str, policy: str | None) -> tuple[int, str | None]:
        answer = self.post(f"/v1/signers/{signer}/policy", {"policy": policy})
        return answer.status_code, answer.json.get("code")

    def proposed(self, answer: object) -> str:
        assert answer.status_code == 202, answer.text  # type: ignore[attr-defined]
        return str(answer.json["proposal"]["id"])  # type: ignore[attr-defined]


@pytest.fixture
def api(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Groups]:
    database = database_for(request) if hasattr(request, "param") else None
    location = Location(tmp_path / "data", database)
    key = initialise(location).api_key
    with open_services(location) as services:
        api = Groups(services, key)
        api.keys = {}
        yield api


@BOTH
def test_a_group_approves_and_another_signs(api: Groups) -> None:
    """From nothing to a signature: ann and bob approve as @security, dev signs as one of @devs."""
    api.people("ann", "bob", "carol", "dev")
    api.group("security", "ann", "bob")
    api.group("devs", "dev")
    api.signer("release")
    assert api.member("release", "@devs", "operator") == 201
    api.policy("two-people", 2, "@security", "carol")
    assert api.attach("release", "two-people") == (200, None)
    assert api.get("/v1/policies/two-people").json["steps"][0]["approvers"] == [
        "@security",
        "carol",
    ]

    refused = api.sign("release", api.keys["dev"])
    assert (refused.status_code, refused.json["code"]) == (403, "no_active_grant")
    asked = api.made("/v1/signers/release/requests", {"justification": "1.2"}, key=api.keys["dev"])
    assert asked["steps"][0]["approvers"] == ["ann", "bob", "carol"]
    path = f"/v1/requests/{asked['id']}/approve"
    assert api.made(path, {}, key=api.keys["ann"])["state"] == "pending"
    twice = api.post(path, {"step": 1}, key=api.keys["ann"])
    assert (twice.status_code, twice.json["code"]) == (409, "already_decided")
    assert api.made(path, {}, key=api.keys["bob"])["state"] == "approved"
    assert api.sign("release", api.keys["dev"]).status_code == 200

    assert api.leave("devs", "dev") == (204, None)
    gone = api.sign("release", api.keys["dev"])
    assert (gone.status_code, gone.json["code"]) == (404, "signer_not_found")


class TestAGroup:
    @BOTH
    def test_comes_fills_empties_and_goes_and_each_leaves_a_row(self, api: Groups) -> None:
        api.people("ann", "bob")
        api.group("security", "bob", "ann")
        assert api.users("security") == ["ann", "bob"]
        again = api.post("/v1/groups/security/members", {"identity": "ann"})
        assert (again.status_code, again.json["users"]) == (200, ["ann", "bob"])
        assert api.leave("security", "ann") == (204, None)
        assert api.leave("security", "ann") == (404, "member_not_found")
        assert api.call("DELETE", "/v1/groups/security").status_code == 204
        assert api.get("/v1/groups/security").json["code"] == "group_not_found"
        told = [(row["action"], row["object"], row["details"]) for row in api.rows()[:5]]
        assert [(action, details.get("identity")) for action, _, details in told] == [
            ("group:delete", None),
            ("group:remove", "ann"),
            ("group:add", "ann"),
            ("group:add", "bob"),
            ("group:create", None),
        ]
        assert {each for _, each, _ in told} == {"security"}
        assert told[0][2]["users"] == "bob"

    @BOTH
    def test_is_listed_to_readers_and_to_who_is_in_it(self, api: Groups) -> None:
        api.people("ann", "eve")
        api.people("aud", role="auditor")
        api.group("security", "ann")
        api.group("empty")

        def listed(key: str) -> list[str]:
            return [each["name"] for each in api.get("/v1/groups", key=key).json["items"]]

        assert listed("admin") == listed(api.keys["aud"]) == ["empty", "security"]
        assert listed(api.keys["ann"]) == ["security"]
        assert listed(api.keys["eve"]) == []
        assert api.get("/v1/groups/security", key=api.keys["ann"]).status_code == 200
        assert api.get("/v1/groups/security", key=api.keys["eve"]).status_code == 404
        first = api.get("/v1/groups", params={"limit": 1}).json
        second = api.get("/v1/groups", params={"limit": 1, "cursor": first["next"]}).json
        assert [each["name"] for each in first["items"] + second["items"]] == ["empty", "security"]

    def test_is_for_admins_to_change(self, api: Groups) -> None:
        api.people("ann")
        api.group("security", "ann")
        key = api.keys["ann"]
        for answer in (
            api.post("/v1/groups", {"name": "mine"}, key=key),
            api.post("/v1/groups/security/members", {"identity": "admin"}, key=key),
            api.call("DELETE", "/v1/groups/security/members/ann", key=key),
            api.call("DELETE", "/v1/groups/security", key=key),
        ):
            assert (answer.status_code, answer.json["code"]) == (403, "admin_required")

    def test_has_users_only(self, api: Groups) -> None:
        api.machine("ci")
        api.group("security")
        api.group("others")
        path = "/v1/groups/security/members"
        machine = api.post(path, {"identity": "ci"})
        assert (machine.status_code, machine.json["field"]) == (400, "identity")
        assert api.post(path, {"identity": "@others"}).json["code"] == "identity_not_found"

    def test_has_a_name_of_its_own_without_the_mark(self, api: Groups) -> None:
        api.group("security")
        taken = api.post("/v1/groups", {"name": "security"})
        assert (taken.status_code, taken.json["code"]) == (409, "group_exists")
        for name in ("@security", "", "a b", "x" * 64):
            assert api.post("/v1/groups", {"name": name}).json["field"] == "name"

    @BOTH
    def test_stays_while_a_policy_or_a_signer_names_it(self, api: Groups) -> None:
        api.group("security")
        api.signer("release")
        api.policy("one", 1, "@security")
        assert api.member("release", "@security", "operator") == 201
        shown = api.get("/v1/groups/security").json
        assert (shown["policies"], shown["signers"]) == (["one"], ["release"])

        def delete() -> int:
            return api.call("DELETE", "/v1/groups/security").status_code

        used = api.call("DELETE", "/v1/groups/security")
        assert (used.status_code, used.json["code"]) == (409, "group_in_use")
        assert "the policy 'one' and others" in used.json["title"]
        assert api.call("DELETE", "/v1/policies/one").status_code == 204
        assert delete() == 409
        gone = api.call("DELETE", "/v1/signers/release/members/@security")
        assert gone.status_code == 204
        assert delete() == 204


class TestASignersMembers:
    @BOTH
    def test_show_the_group_and_not_its_users(self, api: Groups) -> None:
        api.people("ann", "bob", "zoe")
        api.group("devs", "ann", "bob")
        api.signer("release", operator="zoe")
        assert api.member("release", "@devs", "operator") == 201
        assert api.member("release", "@devs", "administrator") == 200
        path = "/v1/signers/release/members"
        first = api.get(path, params={"limit": 1}).json
        second = api.get(path, params={"limit": 1, "cursor": first["next"]}).json
        found = [(each["identity"], each["role"]) for each in first["items"] + second["items"]]
        assert found == [("@devs", "administrator"), ("zoe", "operator")]
        assert second["next"] is None
        row = api.rows(signer="release")[0]
        assert (row["action"], row["object"]) == ("member:change", "@devs")

    @pytest.mark.parametrize(
        ("own", "of_groups", "counts"),
        [
            (None, ["operator"], "operator"),
            (None, ["operator", "administrator"], "administrator"),
            ("operator", ["administrator"], "operator"),
            ("administrator", ["operator"], "administrator"),
            (None, ["auditor"], "auditor"),
        ],
    )
    def test_have_their_own_role_or_the_greatest_of_their_groups(
        self, api: Groups, own: str | None, of_groups: list[str], counts: str
    ) -> None:
        api.people("ann")
        api.signer("release")
        if own is not None:
            api.member("release", "ann", own)
        for number, role in enumerate(of_groups):
            api.group(f"g{number}", "ann")
            assert api.member("release", f"@g{number}", role) == 201
        key = api.keys["ann"]
        assert api.get("/v1/signers/release", key=key).json["role"] == counts
        assert [each["role"] for each in api.get("/v1/signers", key=key).json["items"]] == [counts]
        assert api.sign("release", key).status_code == (403 if counts == "auditor" else 200)

    @pytest.mark.parametrize(
        ("own", "of_group"), [("operator", "auditor"), ("auditor", "operator")]
    )
    def test_are_auditors_and_nothing_else(self, api: Groups, own: str, of_group: str) -> None:
        api.people("ann")
        api.group("g", "ann")
        api.group("empty")
        api.signer("release")
        api.member("release", "ann", own)
        assert api.member("release", "@g", of_group) == 409
        assert api.member("release", "@empty", of_group) == 201
        joining = api.post("/v1/groups/empty/members", {"identity": "ann"})
        assert (joining.status_code, joining.json["code"]) == (409, "roles_exclude")
        assert "one of the two" in joining.json["title"]

    def test_are_no_auditors_by_one_group_and_operators_by_another(self, api: Groups) -> None:
        api.people("ann")
        api.group("signing", "ann")
        api.group("watching", "ann")
        api.signer("release")
        assert api.member("release", "@signing", "operator") == 201
        assert api.member("release", "@watching", "auditor") == 409
        assert api.member("release", "@signing", "auditor") == 200
        assert api.member("release", "@watching", "auditor") == 201

    def test_may_see_and_do_by_their_group(self, api: Groups) -> None:
        api.people("ann")
        api.group("rulers", "ann")
        api.signer("release")
        api.member("release", "@rulers", "administrator")
        key = api.keys["ann"]
        body = {"identity": "ann", "role": "operator"}
        assert api.post("/v1/signers/release/members", body, key=key).status_code == 201
        api.call("DELETE", "/v1/signers/release/members/ann")
        assert api.leave("rulers", "ann") == (204, None)
        assert api.get("/v1/signers/release", key=key).status_code == 404

    def test_that_are_not_there_are_not_found(self, api: Groups) -> None:
        api.signer("release")
        body = {"identity": "@nobody", "role": "operator"}
        assert api.post("/v1/signers/release/members", body).json["code"] == "group_not_found"
        path = "/v1/signers/release/members/@nobody"
        assert api.call("DELETE", path).json["code"] == "group_not_found"


class TestAPolicy:
    def test_naming_an_unknown_group_is_refused_with_the_step(self, api: Groups) -> None:
        step = {"name": "security", "required": 1, "approvers": ["@nobody"]}
        body = {"name": "p", "max_signings": 1, "steps": [step]}
        answer = api.post("/v1/policies", body)
        assert (answer.status_code, answer.json["field"]) == (400, "steps[0].approvers")
        assert "no group '@nobody'" in answer.json["title"]

    def test_is_put_on_a_signer_only_if_the_people_there_are_now_suffice(self, api: Groups) -> None:
        api.people("ann", "bob")
        api.group("security")
        api.signer("release")
        api.policy("two", 2, "@security")
        unmet = (409, "policy_cannot_be_met")
        assert api.attach("release", "two") == unmet
        for name in ("ann", "bob"):
            assert api.attach("release", "two") == unmet
            api.made("/v1/groups/security/members", {"identity": name})
        assert api.attach("release", "two") == (200, None)
        assert api.leave("security", "bob") == unmet
        new = {"name": "other", "key": "p256", "common_name": "Other", "policy": "two"}
        assert api.made("/v1/signers", new)["policy"] == "two"
        assert api.leave("security", "bob") == unmet
        assert api.attach("other", None) == (200, None)
        assert api.attach("release", None) == (200, None)
        assert api.leave("security", "bob") == (204, None)

    def test_counts_who_is_named_twice_as_one_person(self, api: Groups) -> None:
        api.people("ann")
        api.group("security", "ann")
        api.signer("release")
        api.policy("two", 2, "@security", "ann")
        assert api.attach("release", "two") == (409, "policy_cannot_be_met")

    def test_counts_no_auditor_by_a_group(self, api: Groups) -> None:
        api.people("ann")
        api.group("security", "ann")
        api.signer("release")
        api.member("release", "@security", "auditor")
        api.policy("one", 1, "@security")
        assert api.attach("release", "one") == (409, "policy_cannot_be_met")

    @BOTH
    def test_is_seen_with_its_signer_by_who_is_in_the_group(self, api: Groups) -> None:
        api.people("ann", "eve")
        api.group("security", "ann")
        api.signer("release")
        api.policy("one", 1, "@security")
        api.attach("release", "one")

        def seen(name: str) -> tuple[list[str], list[str], list[int]]:
            key = api.keys[name]
            return (
                [each["name"] for each in api.get("/v1/signers", key=key).json["items"]],
                [each["name"] for each in api.get("/v1/policies", key=key).json["items"]],
                [
                    api.get(path, key=key).status_code
                    for path in ("/v1/signers/release", "/v1/policies/one")
                ],
            )

        assert seen("ann") == (["release"], ["one"], [200, 200])
        assert seen("eve") == ([], [], [404, 404])
        assert api.sign("release", api.keys["ann"]).json["code"] == "not_a_member"

    def test_tells_its_readers_who_joins_and_leaves(self, api: Groups) -> None:
        api.people("ann", "bob")
        api.group("security", "ann")
        api.policy("one", 1, "@security")
        api.made("/v1/groups/security/members", {"identity": "bob"})
        api.leave("security", "ann")
        changes = api.get("/v1/policies/one").json["changes"]
        assert [(each["change"], each["what"]) for each in changes[:2]] == [
            ("tightened", ["@security: ann may no longer approve"]),
            ("loosened", ["@security: bob may approve"]),
        ]

    def test_may_be_edited_to_name_a_group_and_no_longer(self, api: Groups) -> None:
        api.people("ann")
        api.group("security", "ann")
        api.policy("one", 1, "ann")

        def edit(*approvers: str) -> None:
            step = {"name": "security", "required": 1, "approvers": approvers}
            answer = api.call("PATCH", "/v1/policies/one", {"steps": [step]})
            assert answer.status_code == 200, answer.text

        edit("@security")
        assert api.get("/v1/groups/security").json["policies"] == ["one"]
        edit("ann")
        assert api.get("/v1/groups/security").json["policies"] == []

    def test_takes_no_auditor_into_its_group(self, api: Groups) -> None:
        api.people("ann")
        api.people("aud", role="auditor")
        api.group("security", "ann")
        api.signer("release")
        api.policy("one", 1, "@security")
        api.attach("release", "one")
        joining = api.post("/v1/groups/security/members", {"identity": "aud"})
        assert (joining.status_code, joining.json["code"]) == (409, "roles_exclude")
        watching = api.member("release", "@security", "auditor")
        assert watching == 409

    def test_that_cannot_be_met_any_more_is_told_with_who_is_disabled(self, api: Groups) -> None:
        api.people("ann")
        api.group("security", "ann")
        api.signer("release")
        api.policy("one", 1, "@security")
        api.attach("release", "one")
        unmet = api.made("/v1/identities/ann/disable", {})["unmet"]
        assert [each["policy"] for each in unmet] == ["one"]


class TestARequest:
    def test_keeps_the_people_it_was_made_under(self, api: Groups) -> None:
        api.people("ann", "bob", "dev")
        api.group("security", "ann")
        api.signer("release", operator="dev")
        api.policy("one", 1, "@security")
        api.attach("release", "one")

        def ask() -> dict[str, object]:
            body = {"justification": "1.2"}
            return api.made("/v1/signers/release/requests", body, key=api.keys["dev"])

        first = ask()
        assert ask()["id"] == first["id"]
        api.made("/v1/groups/security/members", {"identity": "bob"})
        api.leave("security", "ann")
        path = f"/v1/requests/{first['id']}/approve"
        barred = api.post(path, {}, key=api.keys["bob"])
        assert (barred.status_code, barred.json["code"]) == (403, "not_an_approver")
        assert ask()["id"] != first["id"]
        assert api.made(path, {}, key=api.keys["ann"])["state"] == "approved"


class TestAProtectedPolicy:
    @pytest.fixture(autouse=True)
    def guarded(self, api: Groups) -> None:
        """`release` has the policy `two`, whose step asks for one of @security."""
        api.people("ann", "bob", "eve", "dev")
        api.group("security", "ann", "bob")
        api.signer("release", operator="dev")
        api.policy("two", 1, "@security", protected=True)
        assert api.attach("release", "two") == (200, None)

    def test_has_a_say_in_who_joins_the_group(self, api: Groups) -> None:
        answer = api.post("/v1/groups/security/members", {"identity": "eve"})
        proposal = answer.json["proposal"]
        assert (answer.status_code, proposal["action"]) == (202, "group:add")
        assert (proposal["object"], proposal["details"]) == ("security", {"identity": "eve"})
        assert proposal["steps"][0]["approvers"] == ["ann", "bob"]
        assert api.users("security") == ["ann", "bob"]
        path = f"/v1/proposals/{proposal['id']}/approve"
        assert api.post(path, {}, key=api.keys["eve"]).status_code == 404
        assert api.made(path, {}, key=api.keys["bob"])["state"] == "approved"
        assert api.users("security") == ["ann", "bob", "eve"]
        made = api.rows()[0]
        assert (made["action"], made["actor"]) == ("group:add", "bob")
        assert made["proposal"] == proposal["id"]

    def test_has_a_say_in_who_leaves_it(self, api: Groups) -> None:
        answer = api.call("DELETE", "/v1/groups/security/members/bob")
        path = f"/v1/proposals/{api.proposed(answer)}/approve"
        assert api.users("security") == ["ann", "bob"]
        assert api.made(path, {}, key=api.keys["ann"])["state"] == "approved"
        assert api.users("security") == ["ann"]
        assert api.leave("security", "ann") == (409, "policy_cannot_be_met")

    def test_finds_a_proposal_overtaken_once_the_group_has_changed(self, api: Groups) -> None:
        first = api.proposed(api.post("/v1/groups/security/members", {"identity": "eve"}))
        second = api.proposed(api.post("/v1/groups/security/members", {"identity": "dev"}))
        api.made(f"/v1/proposals/{first}/approve", {}, key=api.keys["ann"])
        late = api.post(f"/v1/proposals/{second}/approve", {}, key=api.keys["ann"])
        assert (late.status_code, late.json["code"]) == (409, "proposal_overtaken")

    def test_has_a_say_in_the_keys_of_who_is_in_the_group(self, api: Groups) -> None:
        assert api.post("/v1/identities/ann/keys", {}).status_code == 202
        assert api.post("/v1/identities/eve/keys", {}).status_code == 201

    def test_has_a_say_in_a_group_that_rules_or_watches_its_signer(self, api: Groups) -> None:
        for name, role in (("rulers", "administrator"), ("watchers", "auditor")):
            api.people(f"first-of-{name}")
            api.group(name, f"first-of-{name}")
            answer = api.post("/v1/signers/release/members", {"identity": f"@{name}", "role": role})
            assert answer.json["proposal"]["details"][f"@{name}"] == f"first-of-{name}"
            proposal = api.proposed(answer)
            api.made(f"/v1/proposals/{proposal}/approve", {}, key=api.keys["ann"])
            body = {"identity": "eve"}
            assert api.post(f"/v1/groups/{name}/members", body).status_code == 202
            assert (
                api.call("DELETE", f"/v1/groups/{name}/members/first-of-{name}").status_code == 202
            )

    def test_lets_operators_come_and_go_by_their_group(self, api: Groups) -> None:
        api.group("devs", "dev")
        assert api.member("release", "@devs", "operator") == 201
        assert api.post("/v1/groups/devs/members", {"identity": "eve"}).status_code == 201
        assert api.leave("devs", "eve") == (204, None)

    def test_is_not_edited_to_a_group_that_changes_before_all_agreed(self, api: Groups) -> None:
        api.group("others", "ann")
        step = {"name": "security", "required": 1, "approvers": ["@others"]}
        answer = api.call("PATCH", "/v1/policies/two", {"steps": [step]})
        assert answer.json["proposal"]["details"]["@others"] == "ann"
        proposal = api.proposed(answer)
        api.made("/v1/groups/others/members", {"identity": "eve"})
        late = api.post(f"/v1/proposals/{proposal}/approve", {}, key=api.keys["ann"])
        assert (late.status_code, late.json["code"]) == (409, "proposal_overtaken")


def test_no_new_identity_is_named_as_a_group_would_be(api: Groups) -> None:
    answer = api.post("/v1/identities", {"name": "@security", "kind": "user"})
    assert (answer.status_code, answer.json["field"]) == (400, "name")
    assert api.post("/v1/identities", {"name": "a@security", "kind": "user"}).status_code == 201

"""API keys that end, and that work from some addresses only, on both stores: whoever else presents
one is refused by every call, and a call to sign leaves its row."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import falcon.testing
import pytest

from controlplane.api.refusals import status_of
from controlplane.domain.api_key import LIFETIME, NETWORKS
from controlplane.domain.instant import to_text
from controlplane.domain.model import Client, MemberRole
from controlplane.domain.network import is_within, parse_network
from controlplane.errors import Refused
from controlplane.service.identities import RefusedCaller
from controlplane.service.installation import initialise, open_services
from controlplane.service.location import Location
from tests.controlplane.conftest import Api
from tests.postgresql import database, postgresql  # noqa: F401  # fixtures
from tests.world import SetClock, World, a_call

HERE, ELSEWHERE = "192.0.2.7", "198.51.100.7"
DAY = 24 * 3600


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


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path / "data")
    with world.services:
        yield world


def add_key(api: Api, name: str = "ci", **limits: object) -> str:
    return str(api.made(f"/v1/identities/{name}/keys", limits)["api_key"])


def code(answer: falcon.testing.Result) -> tuple[int, str | None]:
    return answer.status_code, answer.json.get("code")


def last_denial(api: Api) -> tuple[str, str, str, str | None]:
    row: dict[str, Any] = api.rows(kind="sign")[0]
    return row["outcome"], row["reason"], row["actor"], row["client"]["address"]


class TestAKeyThatEnds:
    def test_works_until_then(self, api: Api, clock: SetClock) -> None:
        key = add_key(api, expires_in_seconds=DAY)
        clock.advance(hours=23)
        assert api.get("/v1/whoami", key=key).status_code == 200
        clock.advance(hours=1)
        assert code(api.get("/v1/whoami", key=key)) == (401, "api_key_expired")
        assert code(api.get("/metrics", key=key)) == (401, "api_key_expired")

    def test_signs_no_more_where_memory_knows_it_and_leaves_a_row(
        self, api: Api, clock: SetClock
    ) -> None:
        key = add_key(api, expires_in_seconds=DAY)
        assert api.sign("release", key).status_code == 200
        clock.advance(days=1)
        assert code(api.sign("release", key)) == (401, "api_key_expired")
        assert last_denial(api) == ("denied", "api_key_expired", "ci", "127.0.0.1")

    def test_gets_no_old_signature_again(self, api: Api, clock: SetClock) -> None:
        key, headers = add_key(api, expires_in_seconds=DAY), {"Idempotency-Key": "k1"}
        assert api.sign("release", key, headers=headers).status_code == 200
        clock.advance(days=1)
        assert code(api.sign("release", key, headers=headers)) == (401, "api_key_expired")

    def test_says_so_and_by_whom_it_was_issued(self, api: Api, clock: SetClock) -> None:
        clock.freeze()
        body = {"expires_in_seconds": DAY, "allowed_addresses": [f"{HERE}", "2001:db8::/32"]}
        made = api.made("/v1/identities/ci/keys", body)
        (_first, shown) = api.get("/v1/identities/ci").json["keys"]
        assert shown == {name: value for name, value in made.items() if name != "api_key"}
        assert datetime.fromisoformat(shown["expires_at"]) == clock() + timedelta(days=1)
        assert shown["allowed_addresses"] == [f"{HERE}/32", "2001:db8::/32"]
        assert (shown["issued_by"], shown["enrolled"]) == ("admin", False)
        (row,) = [row for row in api.rows(kind="change") if row["action"] == "api_key:create"]
        assert row["details"] == {
            "api_key_id": shown["id"],
            "expires_at": to_text(clock() + timedelta(days=1)),
            "allowed_addresses": f"{HERE}/32 2001:db8::/32",
        }

    def test_is_warned_of_two_weeks_before(self, api: Api, clock: SetClock) -> None:
        clock.freeze()
        key = add_key(api, expires_in_seconds=30 * DAY)
        add_key(api, expires_in_seconds=300 * DAY)
        (_, shown, _) = api.get("/v1/identities/ci").json["keys"]
        clock.advance(days=16, seconds=-1)
        assert api.get("/v1/whoami", key=key).json["warnings"] == []
        clock.advance(seconds=1)
        warning = (
            f"The API key {shown['id']} of ci expires in 14 days, on {shown['expires_at'][:10]}. "
            "An admin gives out a new one: sealwright identity key add ci"
        )
        who = api.get("/v1/whoami", key=key).json
        assert (who["key"]["id"], who["warnings"]) == (shown["id"], [warning])
        assert api.get("/v1/identities/ci").json["warnings"] == [warning]
        clock.advance(days=13, seconds=1)
        (warning,) = api.get("/v1/whoami", key=key).json["warnings"]
        assert "expires today" in warning
        clock.advance(days=1)  # it does no more, and the list shows that
        assert api.get("/v1/identities/ci").json["warnings"] == []

    def test_is_not_warned_of_once_it_is_revoked(self, api: Api) -> None:
        ended = api.made("/v1/identities/ci/keys", {"expires_in_seconds": DAY})["id"]
        assert len(api.get("/v1/identities/ci").json["warnings"]) == 1
        api.post(f"/v1/identities/ci/keys/{ended}/revoke")
        assert api.get("/v1/identities/ci").json["warnings"] == []

    def test_ends_between_its_recognition_and_the_decision(self, world: World) -> None:
        world.identity("ci")
        world.signer(ci=MemberRole.OPERATOR)
        key = world.services.identities.add_key(world.admin, "ci", timedelta(seconds=1)).api_key
        caller = world.services.identities.authenticate(key)
        world.clock.advance(seconds=1)
        with pytest.raises(RefusedCaller) as refused:
            world.services.signing.sign(caller, a_call())
        assert refused.value.code == "api_key_expired"
        assert world.last_row().entry.reason == "api_key_expired"


class TestAKeyThatWorksFromSomeAddresses:
    @pytest.fixture
    def key(self, api: Api) -> str:
        return add_key(api, allowed_addresses=["203.0.113.0/24", HERE])

    def test_is_refused_from_everywhere_else(self, api: Api, key: str) -> None:
        assert api.get("/v1/whoami", key=key, remote_addr=HERE).status_code == 200
        for path in ("/v1/whoami", "/metrics", "/v1/catalogue"):
            answer = api.get(path, key=key, remote_addr=ELSEWHERE)
            assert code(answer) == (403, "address_not_allowed")

    def test_signs_from_nowhere_else_and_leaves_a_row(self, api: Api, key: str) -> None:
        body = {"scheme": "ecdsa", "hash": "sha256", "digest": "AAAA" * 10 + "AAA="}
        path, headers = "/v1/signers/release/sign", {"Idempotency-Key": "k1"}
        call = {"key": key, "headers": headers}
        first = api.post(path, body, remote_addr=HERE, **call)
        assert first.status_code == 200
        refused = api.post(path, body, remote_addr=ELSEWHERE, **call)  # not the signature again
        assert code(refused) == (403, "address_not_allowed")
        assert last_denial(api) == ("denied", "address_not_allowed", "ci", ELSEWHERE)
        assert api.post(path, body, remote_addr=HERE, **call).json == first.json

    def test_an_address_that_is_not_known_is_none_of_them(self, world: World) -> None:
        world.identity("ci")
        world.signer(ci=MemberRole.OPERATOR)
        networks = [ip_network("0.0.0.0/0"), ip_network("::/0")]
        identities = world.services.identities
        key = identities.add_key(world.admin, "ci", None, networks).api_key
        caller = identities.authenticate(key, HERE)
        assert identities.recognise(key, HERE) == caller
        assert identities.recognise(key, None) is None
        with pytest.raises(RefusedCaller) as refused:
            identities.authenticate(key, None)
        assert (status_of(refused.value.code), refused.value.code) == (403, "address_not_allowed")
        with pytest.raises(RefusedCaller):
            world.services.signing.sign(caller, a_call(client=Client(address=None)))
        assert world.services.signing.sign(caller, a_call(client=Client(address=HERE)))

    def test_calls_from_elsewhere_use_up_nothing_of_its_owner_s(
        self, api: Api, key: str, clock: SetClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        clock.freeze()
        monkeypatch.setattr("controlplane.service.rates.Bound.burst", 3)
        body = {"scheme": "ecdsa", "hash": "sha256", "digest": "AAAA" * 10 + "AAA="}
        came = [
            api.post("/v1/signers/release/sign", body, key=key, remote_addr=ELSEWHERE).status_code
            for _ in range(5)
        ]
        assert came == [403, 403, 403, 429, 429]
        assert api.get("/v1/whoami", key=key, remote_addr=HERE).status_code == 200


@pytest.mark.parametrize(
    ("address", "networks", "is_in"),
    [
        ("192.0.2.7", ["192.0.2.0/24"], True),
        ("192.0.3.7", ["192.0.2.0/24"], False),
        ("::ffff:192.0.2.7", ["192.0.2.0/24"], True),
        ("::ffff:192.0.2.7", ["::/0"], False),
        ("2001:db8::1", ["192.0.2.0/24", "2001:db8::/64"], True),
        ("192.0.2.7", ["192.0.2.7"], True),
        ("192.0.2.7", [], False),
        (None, ["0.0.0.0/0", "::/0"], False),
        ("builder", ["0.0.0.0/0"], False),
    ],
)
def test_where_an_address_is(address: str | None, networks: list[str], is_in: bool) -> None:
    assert is_within(address, [parse_network(each) for each in networks]) is is_in


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("allowed_addresses", ["192.0.2.1/24"]),
        ("allowed_addresses", ["builder.example"]),
        ("allowed_addresses", ["fe80::1%eth0"]),
        ("allowed_addresses", ["::ffff:192.0.2.0/120"]),
        ("allowed_addresses", ["192.0.2.1"] * (NETWORKS.most + 1)),
        ("expires_in_seconds", 0),
        ("expires_in_seconds", LIFETIME.most + 1),
    ],
)
def test_a_limit_that_is_none_is_refused_by_its_name(api: Api, field: str, value: object) -> None:
    refused = api.post("/v1/identities/ci/keys", {field: value})
    assert (refused.status_code, refused.json["field"].partition("[")[0]) == (400, field)


class TestTheLastAdmin:
    def test_keeps_a_key_that_has_not_ended(self, world: World) -> None:
        identities, admin = world.services.identities, world.admin
        short = identities.add_key(admin, "admin", timedelta(days=1)).key
        world.clock.advance(days=1)
        with pytest.raises(Refused) as refused:
            identities.revoke_key(admin, "admin", admin.api_key_id)
        assert refused.value.code == "last_admin"
        assert identities.revoke_key(admin, "admin", short.id).revoked_at is not None

    def test_is_not_replaced_by_one_whose_keys_have_ended(self, world: World) -> None:
        identities, admin = world.services.identities, world.admin
        second = identities.create(admin, "second", world.admin.identity.kind, admin.identity.role)
        identities.add_key(admin, "second", timedelta(days=1))
        identities.revoke_key(admin, "second", second.api_key_id)
        world.clock.advance(days=1)
        with pytest.raises(Refused) as refused:
            identities.disable(admin, "admin")
        assert refused.value.code == "last_admin"

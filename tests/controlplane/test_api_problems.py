"""What the API says when it refuses."""

import falcon.testing
import pytest

from controlplane.api.metrics import Metrics
from controlplane.app import create_app
from controlplane.errors import Code, Refused
from controlplane.service.installation import Services
from tests.controlplane.conftest import Api, run_here


def problem(answer: falcon.testing.Result) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json["request_id"] == answer.headers["x-request-id"]
    assert answer.json["status"] == answer.status_code
    return answer.status_code, answer.json["code"]


def test_an_unknown_address_is_not_found(api: Api) -> None:
    assert problem(api.get("/v2/signers")) == (404, "not_found")


def test_a_method_that_an_address_does_not_take_is_refused(api: Api) -> None:
    answer = api.call("PUT", "/v1/signers")
    assert problem(answer) == (405, "method_not_allowed")
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "POST", "OPTIONS"}


def test_without_a_key_nothing_but_health_metrics_and_the_document(api: Api) -> None:
    for path in ("/v1/health/live", "/v1/health/ready", "/metrics", "/v1/openapi.json"):
        assert api.get(path, key=None).status_code == 200
    assert problem(api.get("/v1/whoami", key=None)) == (401, "api_key_missing")


def test_a_key_that_nobody_has_is_unknown_and_asks_for_a_bearer(api: Api) -> None:
    answer = api.get("/v1/whoami", key="swk_" + "x" * 43)
    assert problem(answer) == (401, "api_key_unknown")
    assert answer.headers["www-authenticate"] == "Bearer"


def test_the_key_itself_is_never_repeated(api: Api) -> None:
    answer = api.get("/v1/whoami", key="swk_" + "x" * 43)
    assert "swk_" not in answer.text


@pytest.mark.parametrize("header", ["Authorization", "Idempotency-Key"])
def test_a_header_given_twice_is_refused(api: Api, header: str) -> None:
    headers = {"Authorization": f"Bearer {api.admin_key}", "Idempotency-Key": "one"}
    headers[header] = f"{headers[header]},{headers[header]}"  # as WSGI shows it
    answer = api.sign("any", api.admin_key, headers=headers)
    assert problem(answer) == (400, "invalid_request")
    assert answer.json["field"] == header


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "a", "kind": "machine", "colour": "red"}, "colour"),
        ({"kind": "machine"}, "name"),
        ({"name": 7, "kind": "machine"}, "name"),
        ({"name": "", "kind": "machine"}, "name"),
        ({"name": "a" * 65, "kind": "machine"}, "name"),
        ({"name": "a b", "kind": "machine"}, "name"),
        ({"name": "a\n", "kind": "machine"}, "name"),
        ({"name": "a", "kind": "robot"}, "kind"),
        ({"name": "a", "kind": "user", "role": "root"}, "role"),
        ([], "body"),
    ],
)
def test_what_is_wrong_with_a_body_is_named(api: Api, body: object, field: str) -> None:
    answer = api.post("/v1/identities", body)
    assert problem(answer) == (400, "invalid_request")
    assert answer.json["field"] == field


@pytest.mark.parametrize("text", [b"{", b'{"name": "a", "name', b"\xff", b"[" * 60_000, b"NaN"])
def test_a_body_that_is_no_json_is_refused(api: Api, text: bytes) -> None:
    answer = api.send("/v1/identities", text)
    assert problem(answer) == (400, "invalid_request")
    assert answer.json["field"] == "body"


def test_a_body_of_another_type_is_refused(api: Api) -> None:
    answer = api.send("/v1/identities", b"{}", content_type="text/plain")
    assert problem(answer) == (415, "unsupported_media_type")


def test_a_body_beyond_64_kib_is_too_large(api: Api) -> None:
    answer = api.post("/v1/identities", {"name": "a" * 65536, "kind": "machine"})
    assert problem(answer) == (413, "payload_too_large")


def test_a_chain_may_have_256_kib(api: Api) -> None:
    accepted = api.post("/v1/signers/none/certificate", {"chain": "x" * 200_000})
    assert accepted.status_code == 404
    answer = api.post("/v1/signers/none/certificate", {"chain": "x" * 300_000})
    assert problem(answer) == (413, "payload_too_large")


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "1001"}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"colour": "red"}, "colour"),
        ({"since": "yesterday"}, "since"),
        ({"since": "2026-01-01T00:00:00"}, "since"),
        ({"kind": ["sign", "change"]}, "kind"),
        ({"cursor": "nonsense"}, "cursor"),
    ],
)
def test_what_is_wrong_with_a_query_is_named(
    api: Api, params: dict[str, object], field: str
) -> None:
    answer = api.get("/v1/operations", params=params, params_csv=False)
    assert problem(answer) == (400, "invalid_request")
    assert answer.json["field"] == field


def test_a_query_where_none_is_known_is_refused(api: Api) -> None:
    answer = api.get("/v1/whoami", params={"verbose": "true"})
    assert problem(answer) == (400, "invalid_request")
    assert answer.json["field"] == "verbose"


@pytest.mark.parametrize(
    "body",
    [
        {"x" * 60_000: 1},
        {"name": "a", "kind": "x" * 60_000},
        {"name": "a", "kind": "machine", "owner": "x" * 60_000},
    ],
)
def test_what_a_caller_sent_is_repeated_in_part_only(api: Api, body: object) -> None:
    answer = api.post("/v1/identities", body)
    assert problem(answer) == (400, "invalid_request")
    assert len(answer.content) < 5000


def test_a_name_in_an_address_that_no_name_is_as_long_as_is_refused(api: Api) -> None:
    assert problem(api.get("/v1/policies/" + "x" * 255)) == (404, "policy_not_found")
    answer = api.get("/v1/policies/" + "x" * 256)
    assert problem(answer) == (400, "invalid_request")
    assert answer.json["field"] == "name"


@pytest.mark.parametrize("since", ["0001-01-01T00:00:00%2B01:00", "9999-12-31T23:59:59-01:00"])
def test_a_time_that_is_none_in_utc_is_refused(api: Api, since: str) -> None:
    answer = api.get("/v1/operations", query_string=f"since={since}")
    assert problem(answer) == (400, "invalid_request")
    assert answer.json["field"] == "since"


@pytest.mark.parametrize(
    ("text", "field"),
    [
        (rb'{"justification": "a\u0000b"}', "justification"),
        (rb'{"justification": "a\ud800b"}', "justification"),
        (b'{"justification": "a\xffb"}', "justification"),
        (rb'{"justification": "a", "\ud800": 1}', "\ufffd"),
        (rb'{"justification": "a", "justification": "a\u0000b"}', "justification"),
    ],
)
def test_a_string_that_is_no_text_is_refused_by_its_name(api: Api, text: bytes, field: str) -> None:
    answer = api.send("/v1/signers/release/requests", text)
    assert problem(answer) == (400, "invalid_request")
    assert answer.json["field"] == field
    assert "NUL" in answer.json["title"]


def test_text_that_only_looks_like_a_nul_is_text(api: Api) -> None:
    answer = api.send("/v1/signers/release/requests", rb'{"justification": "a\\u0000b"}')
    assert problem(answer) == (404, "signer_not_found")


@pytest.mark.parametrize(
    "fault",
    [RuntimeError("secret detail"), Refused(Code.MASTER_KEY_WRONG, "secret detail")],
    ids=["a bug", "a refusal that is for commands"],
)
def test_a_fault_of_ours_says_nothing_but_the_request_id(
    services: Services, fault: Exception
) -> None:
    def explode(_key: str | None) -> None:
        raise fault

    services.identities.authenticate = explode  # type: ignore[method-assign,assignment]
    client = falcon.testing.TestClient(create_app(services, Metrics(), run_here))
    answer = client.simulate_get("/v1/whoami")
    assert problem(answer) == (500, "internal_error")
    assert "secret detail" not in answer.text


def test_every_answer_has_an_id_of_its_own(api: Api) -> None:
    first, second = api.get("/v1/whoami"), api.get("/v1/whoami")
    assert first.headers["x-request-id"] != second.headers["x-request-id"]

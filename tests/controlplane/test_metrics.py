"""What Prometheus sees."""

from prometheus_client.parser import text_string_to_metric_families

from tests.controlplane.conftest import Api

Labels = tuple[tuple[str, str], ...]


def scrape(api: Api, key: str | None = None) -> dict[tuple[str, Labels], float]:
    text = api.get("/metrics", key=key).text
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def signatures(outcome: str, reason: str, scheme: str = "ecdsa") -> tuple[str, Labels]:
    labels = (("outcome", outcome), ("reason", reason), ("scheme", scheme))
    return ("sealwright_signatures_total", labels)


def test_signatures_are_counted_by_outcome_and_reason(api: Api) -> None:
    key = api.machine("ci")
    api.signer("release", operator="ci")
    api.signer("other")
    api.sign("release", key)
    api.sign("release", key)
    api.sign("other", key)
    api.post("/v1/signers/release/disable")
    api.sign("release", key)
    seen = scrape(api)
    assert seen[signatures("succeeded", "")] == 2
    assert seen[signatures("denied", "not_a_member")] == 1
    assert seen[signatures("denied", "signer_disabled")] == 1


def test_a_call_whose_body_is_not_read_is_counted_without_its_scheme(api: Api) -> None:
    key = api.machine("ci")
    api.made("/v1/identities/ci/disable", {})
    api.post("/v1/signers/release/sign", content=b" " * 20_000, key=key)
    assert scrape(api)[signatures("denied", "identity_disabled", scheme="")] == 1


def test_unknown_keys_are_counted(api: Api) -> None:
    api.get("/v1/whoami", key="swk_" + "x" * 43)
    assert scrape(api)[("sealwright_unknown_api_keys_total", ())] == 1


def test_requests_are_timed_by_route_and_not_by_name(api: Api) -> None:
    api.signer("release")
    api.get("/v1/signers/release")
    api.get("/v1/nothing/at/all")
    routes = {dict(labels).get("route") for name, labels in scrape(api) if "duration" in name}
    assert "/v1/signers/{name}" in routes
    assert "unknown" in routes
    assert not any(route and "release" in route for route in routes)


def test_certificates_that_end_soon_are_counted(api: Api) -> None:
    api.signer("long")
    body = {"name": "short", "key": "p256", "common_name": "ACME", "days": 10}
    assert api.post("/v1/signers", body).status_code == 201
    seen = scrape(api, "admin")
    assert seen[("sealwright_certificates_expiring", ())] == 1
    left = seen[("sealwright_certificate_expiry_seconds", (("signer", "short"),))]
    assert 9 * 86400 < left <= 10 * 86400
    assert seen[("sealwright_first_certificate_expiry_seconds", ())] == left


def test_strangers_see_numbers_and_no_names(api: Api) -> None:
    api.signer("release")
    assert "release" not in api.get("/metrics", key=None).text
    assert "release" not in api.get("/metrics", key=api.machine("ci")).text
    assert "release" in api.get("/metrics").text
    assert api.get("/metrics", key="swk_" + "x" * 43).status_code == 401

"""What Prometheus sees."""

from prometheus_client.parser import text_string_to_metric_families

from controlplane.service.installation import Services, existing_store
from controlplane.service.readiness import Readiness
from controlplane.store.ballots import Pending
from controlplane.store.migrations import current_version
from controlplane.store.tables import SchemaVersion
from tests.controlplane.conftest import Api, Installation
from tests.world import SetClock

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


def test_what_waits_is_counted_and_how_long_the_oldest_has_waited(
    api: Api, clock: SetClock, services: Services
) -> None:
    clock.freeze()
    ann, key = api.user("ann"), api.machine("ci")
    terms = {"max_signings": 5, "request_ttl_seconds": 7200}
    step = {"name": "ask", "required": 1, "approvers": ["ann"]}
    api.made("/v1/policies", {"name": "asked", "steps": [step]} | terms)
    api.signer("release", operator="ci")
    api.made("/v1/signers/release/policy", {"policy": "asked"})
    asked = {"justification": "1.0", "signings": 1}
    first = api.made("/v1/signers/release/requests", asked, key=key)
    clock.advance(hours=1)
    api.made("/v1/signers/release/requests", asked | {"signings": 2}, key=key)
    seen = scrape(api)
    assert seen["sealwright_requests_pending", ()] == 2
    assert seen["sealwright_requests_pending_oldest_seconds", ()] == 3600
    assert seen["sealwright_proposals_pending", ()] == 0
    assert seen["sealwright_proposals_pending_oldest_seconds", ()] == 0
    api.made(f"/v1/requests/{first['id']}/approve", {}, key=ann)
    clock.advance(minutes=30)
    assert services.figures.read().requests.number == 1
    clock.advance(hours=2)
    assert services.figures.read().requests == Pending(0, None)  # it expired


def test_the_store_and_its_log_are_measured(
    api: Api, services: Services, installation: Installation
) -> None:
    api.made("/v1/groups", {"name": "a"})
    services.published_log.checkpoint()
    api.made("/v1/groups", {"name": "b"})
    rows = api.get("/v1/operations/head").json["sequence"]
    seen = scrape(api)
    files = [installation.location.data_dir / f"sealwright.db{end}" for end in ("", "-wal")]
    assert seen["sealwright_store_octets", ()] == sum(each.stat().st_size for each in files)
    assert seen["sealwright_store_free_octets", ()] > 0
    assert seen["sealwright_log_rows", ()] == rows
    assert seen["sealwright_checkpoint_rows", ()] == rows - 1
    assert seen["sealwright_log_last_row_timestamp_seconds", ()] > 0


def test_a_node_whose_store_takes_no_write_says_so_and_little_else(
    api: Api, services: Services, installation: Installation
) -> None:
    assert scrape(api)["sealwright_ready", ()] == 1
    services._readiness = Readiness(services._try_to_write)  # looks at once
    store = existing_store(installation.location)
    with store.closing(), store.write() as there:
        SchemaVersion.insert(version=current_version(there) + 1, applied_at="").execute(there)
    other = Api(services, installation.admin_key)  # which has not looked yet
    seen = scrape(other)
    assert seen["sealwright_ready", ()] == 0
    assert ("sealwright_clock_behind_seconds", ()) in seen
    assert ("sealwright_log_rows", ()) not in seen

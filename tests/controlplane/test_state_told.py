"""How a state that somebody else wrote is told: to who rests on it, to who watches, and to who
starts the server."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from controlplane.domain.operation import OperationFilter
from controlplane.domain.page import PageRequest
from controlplane.errors import Code, Refused
from controlplane.service.installation import initialise, open_services
from controlplane.service.location import Location
from controlplane.service.start import make_ready
from controlplane.store.schema import find_guards
from tests.controlplane.conftest import Api, Installation
from tests.controlplane.tampering import looking, tampering
from tests.controlplane.test_metrics import scrape
from tests.postgresql import database, postgresql  # noqa: F401  # fixtures


@pytest.fixture
def altered(api: Api, installation: Installation) -> str:
    """The key of an operator of `release`, which somebody renamed, and of `other`."""
    key = api.machine("ci")
    for name in ("release", "other"):
        api.signer(name, operator="ci")
    with tampering(installation.location) as tables:
        tables.ask("UPDATE signers SET common_name = 'ACME' WHERE name = 'release'")
    return key


def test_a_call_that_rests_on_it_is_refused_for_good_and_others_go_on(
    api: Api, altered: str
) -> None:
    refused = api.sign("release", altered)
    assert (refused.status_code, refused.json["code"]) == (500, "state_altered")
    assert "retry-after" not in refused.headers
    assert "signers/release" not in refused.text
    assert api.sign("other", altered).status_code == 200
    second, first = api.rows(actor="ci")[:2]
    assert (first["outcome"], first["reason"]) == ("failed", "state_altered")
    assert second["outcome"] == "succeeded"


def test_the_log_of_the_server_names_it(api: Api, altered: str) -> None:
    with capture_logs() as told:
        api.sign("release", altered)
    (line,) = (each for each in told if each["event"] == "state_altered")
    assert (line["object"], line["log_level"]) == ("signers/release", "error")


def test_a_metric_names_it_to_who_may_read_and_its_kind_to_others(api: Api, altered: str) -> None:
    for _ in range(2):
        api.sign("release", altered)
    metric = "sealwright_state_altered_total"
    assert scrape(api, "admin")[metric, (("object", "signers/release"),)] == 2
    seen = scrape(api)
    assert seen[metric, (("object", "signers"),)] == 2
    assert (metric, (("object", "signers/release"),)) not in seen


def test_whoever_may_read_everything_asks_for_all_of_it(api: Api, altered: str) -> None:
    found = api.get("/v1/state").json
    assert found["altered"] == ["signers/release"]
    assert found["sequence"] == api.get("/v1/operations/head").json["sequence"]
    assert api.get("/v1/state", key=altered).status_code == 403


@pytest.fixture
def location(tmp_path: Path, database: str | None) -> tuple[Location, str]:  # noqa: F811
    location = Location(tmp_path / "data", database)
    key = initialise(location).api_key
    make_ready(location, None, None)
    return location, key


def guards_of(location: Location) -> tuple[set[str], tuple[str, ...]]:
    """Those that are missing, and those that are not ours."""
    store = location.store()
    with store.closing(), store.read() as read:
        found = find_guards(read)
    return set(found.missing), found.foreign


def test_a_store_as_it_was_made_has_its_guards(location: tuple[Location, str]) -> None:
    assert guards_of(location[0]) == (set(), ())


def test_triggers_that_are_gone_are_made_again_with_a_row(location: tuple[Location, str]) -> None:
    where, key = location
    gone = ("operations_never_updated", "operations_never_deleted")
    with tampering(where) as tables:
        if where.database is not None:
            for name in gone:
                tables.ask(f"DROP TRIGGER {name} ON operations")
    missing, _ = guards_of(where)
    assert missing >= set(gone)
    make_ready(where, None, None)
    assert guards_of(where) == (set(), ())
    with open_services(where) as services:
        admin = services.identities.authenticate(key)
        (last,) = services.audit.list(admin, OperationFilter(), PageRequest(1)).items
    assert (last.entry.action, last.entry.actor) == ("installation:repair", None)
    made_again = str((last.entry.details or {})["made_again"]).split(", ")
    assert set(made_again) == missing


def test_a_trigger_of_somebody_else_stops_the_start(location: tuple[Location, str]) -> None:
    where, _ = location
    with looking(where) as tables:
        if where.database is None:
            tables.ask("CREATE TRIGGER theirs AFTER INSERT ON operations BEGIN SELECT 1; END")
        else:
            tables.ask("CREATE RULE theirs AS ON DELETE TO signers DO INSTEAD NOTHING")
    with pytest.raises(Refused) as refused:
        make_ready(where, None, None)
    assert refused.value.code is Code.STATE_ALTERED
    assert "theirs" in refused.value.title

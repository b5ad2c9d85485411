"""The alerts for Prometheus: they hold, they rest on what a server says, and they say what to do.
The table of metrics is held against the same server."""

import re
import shutil
import sqlite3
import subprocess
import time
from base64 import b64encode
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.server import ControlPlane, running
from tests.world import DIGEST

ROOT = Path(__file__).parents[2]
ALERTS = ROOT / "packaging/prometheus/alerts.yml"
TEXT = (ROOT / "docs/operations.md").read_text()
NAMES = ("release", "renamed")
PATIENCE_SECONDS = 60.0
_METRIC = re.compile(r"\b(sealwright_\w+)(?:\{([^}]*)\})?")
_LABEL = re.compile(r"(\w+)\s*(?:=|!=|=~|!~)\s*\"")

Metrics = dict[str, set[str]]
"""Labels by name; of a histogram those of its parts."""


class Rule(msgspec.Struct):
    alert: str
    expr: str
    labels: dict[str, str]
    annotations: dict[str, str]


class Group(msgspec.Struct):
    rules: list[Rule]


class File(msgspec.Struct):
    groups: list[Group]


@pytest.fixture(scope="module")
def rules() -> list[Rule]:
    file = msgspec.yaml.decode(ALERTS.read_bytes(), type=File)
    return [rule for group in file.groups for rule in group.rules]


def scrape(plane: ControlPlane) -> Metrics:
    """As Prometheus reads it, which is told names of signers."""
    connection = HTTPConnection("127.0.0.1", plane.port)
    with closing(connection):
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
    found: Metrics = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


@pytest.fixture(scope="module")
def metrics(tmp_path_factory: pytest.TempPathFactory) -> Metrics:
    """All that a server says to which everything has happened."""
    folder = tmp_path_factory.mktemp("watched")
    with running(folder, "--workers", "2", "--metrics-names") as plane:
        _let_everything_happen(plane)
        deadline = time.monotonic() + PATIENCE_SECONDS
        seen: Metrics = {}
        while "sealwright_checkpoint_rows" not in seen or "sealwright_job_failures" not in seen:
            assert time.monotonic() < deadline, sorted(seen)
            time.sleep(0.2)
            seen |= scrape(plane)
        return seen


def _let_everything_happen(plane: ControlPlane) -> None:
    key = plane.create_machine("ci")
    for name in NAMES:
        plane.create_signer(name, "p256", ci="operator")
    plane.client().log_checkpoint()
    store = plane.folder / "data/sealwright.db"
    with closing(sqlite3.connect(store)) as connection, connection:
        connection.execute("UPDATE signers SET common_name = 'ACME' WHERE name = 'renamed'")
    body = {"scheme": "ecdsa", "hash": "sha256", "digest": b64encode(DIGEST).decode()}
    statuses = [_post(plane, f"/v1/signers/{name}/sign", body, key) for name in NAMES]
    assert statuses == [200, 500]


def _post(plane: ControlPlane, path: str, body: object, key: str) -> int:
    connection = HTTPConnection("127.0.0.1", plane.port)
    with closing(connection):
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        connection.request("POST", path, msgspec.json.encode(body), headers)
        return connection.getresponse().status


def base_of(name: str) -> str:
    """A histogram is its parts."""
    return re.sub(r"_(bucket|count|sum)$", "", name)


def test_every_metric_is_in_the_table_with_its_labels_and_no_other(metrics: Metrics) -> None:
    rows = re.findall(
        r"^\| `(sealwright_\w+)(?:\{([\w,]+)\})?` \| (node|store) \|", TEXT, re.MULTILINE
    )
    documented = {name: set(filter(None, labels.split(","))) for name, labels, _ in rows}
    said: Metrics = {}
    for name, labels in metrics.items():
        said.setdefault(base_of(name), set()).update(labels - {"le"})
    assert said == documented
    labels_of_prometheus = {"job", "instance"}  # it renames ours that are called so
    assert not labels_of_prometheus & set().union(*said.values())


def test_alerts_rest_on_what_a_server_says(rules: list[Rule], metrics: Metrics) -> None:
    for rule in rules:
        for name, chosen in _METRIC.findall(rule.expr):
            assert name in metrics, f"{rule.alert}: no metric {name}"
            unknown = {*_LABEL.findall(chosen)} - metrics[name]
            assert not unknown, f"{rule.alert}: {name} has no label {sorted(unknown)}"


def test_each_alert_has_its_place_in_the_runbook_and_no_other_has(rules: list[Rule]) -> None:
    for rule in rules:
        assert rule.annotations["runbook"] == f"docs/operations.md#{rule.alert.lower()}"
    headings = re.findall(r"^### (Sealwright\w+)$", TEXT, re.MULTILINE)
    assert headings == [rule.alert for rule in rules]


def test_each_alert_is_seen_to_come(rules: list[Rule]) -> None:
    """By what promtool runs."""
    tried = (ALERTS.parent / "alerts-test.yml").read_text()
    assert [rule.alert for rule in rules if f'"{rule.alert}"' not in tried] == []


@pytest.mark.parametrize(
    "command", [("check", "rules", "alerts.yml"), ("test", "rules", "alerts-test.yml")]
)
def test_promtool_takes_them_and_sees_them_come(command: tuple[str, ...]) -> None:
    fetched = ROOT / "build/promtool/promtool"
    promtool = fetched if fetched.exists() else shutil.which("promtool")
    if promtool is None:
        pytest.skip("no promtool: packaging/prometheus/promtool build/promtool fetches it")
    done = subprocess.run(
        [promtool, *command], cwd=ALERTS.parent, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr

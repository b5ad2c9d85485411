"""`audit report` and `audit show`: what an auditor is told, in each form, of texts that others
chose."""

import base64
import csv
import hashlib
import json
import re
import stat
from collections.abc import Iterator
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from controlplane.domain.model import Caller, Client, MemberRole, Step
from sealwright.cli import audit_report
from tests.cli.conftest import Run, ask
from tests.world import World, a_call

FORMULA = '=HYPERLINK("http://evil","click")'
SCRIPT = "<script>alert(1)</script>"
TURNED = "safe\u202egnp.exe"
COMMAND = f'sign "a, b"\n{SCRIPT}'
PLUS = bytes([0xF8]) + bytes(31)
"""A digest that begins with + in base64."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Four signatures: two of ci under a grant that ann and bob approved, two of free by ci."""
    world = World(tmp_path_factory.mktemp("world") / "data")
    people = {name: world.enrolled(name) for name in ("ann", "bob", "ci")}
    world.policy("two", Step("lead", 1, ("ann",)), Step("security", 1, ("bob",)))
    world.signer("release", policy="two", ci=MemberRole.OPERATOR)
    world.signer("free", ci=MemberRole.OPERATOR)
    services = world.services
    request = services.requests.create(people["ci"], "release", FORMULA).view.request.id
    for name in ("ann", "bob"):
        services.requests.approve(people[name], request, f"{SCRIPT} {name}")
    for digest in (hashlib.sha256(b"app").digest(), PLUS):
        sign(world, people["ci"], "release", digest)
    for _ in range(2):
        sign(world, people["ci"], "free", PLUS)
    yield world
    world.services.close()


def sign(world: World, caller: Caller, signer: str, digest: bytes) -> None:
    client = Client(address="192.0.2.7", hostname=TURNED, tool="@jarsigner", command=COMMAND)
    world.services.signing.sign(caller, a_call(signer, digest=digest, client=client))


def run(world: World, *arguments: str) -> Run:
    return ask("", "audit", *arguments, "--data-dir", str(world.location.data_dir))


def report(world: World, *options: str) -> Run:
    ended = run(world, "report", *options)
    assert ended.code == 0, ended.err
    return ended


def csv_of(world: World, *options: str) -> list[dict[str, str]]:
    out = report(world, "--csv", *options).out
    assert out.endswith("\r\n")
    return list(csv.DictReader(StringIO(out, newline=""), strict=True))


class TestCsv:
    def test_a_signature_is_one_record_with_all_that_is_asked(self, world: World) -> None:
        first, *_ = found = csv_of(world, "--signer", "release")
        assert len(found) == 2
        told = {
            "signer": "release",
            "outcome": "succeeded",
            "actor": "ci",
            "credential_kind": "api_key",
            "credential_enrolled": "yes",
            "address": "192.0.2.7",
            "hash": "sha256",
            "digest": base64.b64encode(hashlib.sha256(b"app").digest()).decode(),
            "digest_hex": hashlib.sha256(b"app").hexdigest(),
            "policy": "two",
            "requester": "ci",
            "approvers": "ann; bob",
            "approval_comments": f"{SCRIPT} ann\n{SCRIPT} bob",
        }
        assert {name: first[name] for name in told} == told
        for name in ("certificate_serial", "grant_id", "request_id", "credential_id", "row_hash"):
            assert re.fullmatch(r"[0-9a-f-]+", first[name]), name
        credentials = first["approval_credentials"].split("\n")
        assert [each.endswith(", enrolled") for each in credentials] == [True, True]
        assert first["approved_at"].count("Z") == 2

    def test_no_field_is_a_formula_and_no_other_field_is_changed(self, world: World) -> None:
        _, second = csv_of(world, "--signer", "release")
        assert second["justification"] == f"'{FORMULA}"
        assert second["tool"] == "'@jarsigner"
        assert second["digest"] == "'" + base64.b64encode(PLUS).decode()
        assert second["command"] == COMMAND
        assert second["hostname"] == TURNED

    @pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r"])
    def test_what_makes_a_formula(self, begin: str) -> None:
        from sealwright.cli.report_forms import _field

        assert _field(f"{begin}1") == f"'{begin}1"
        assert _field(f" {begin}1") == f" {begin}1"

    def test_a_report_of_nothing_is_its_header(self, world: World) -> None:
        assert csv_of(world, "--until", "2000-01-01") == []


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs


class TestHtml:
    def test_it_is_one_page_that_asks_for_nothing_and_runs_nothing(self, world: World) -> None:
        page = report(world, "--html").out
        parsed = _Tags()
        parsed.feed(page)
        assert not {"script", "link", "img", "iframe", "object", "form"} & set(parsed.tags)
        assert not [
            name for name, _ in parsed.attributes if name in ("src", "href") or name[:2] == "on"
        ]
        assert "default-src 'none'" in page
        assert "@media print" in page

    def test_it_says_what_was_asked_how_much_there_is_and_the_head(self, world: World) -> None:
        page = report(world, "--html", "--signer", "release", "--since", "2026-01-31").out
        last = world.last_row()
        for words in (
            "<title>Sealwright: Signatures on record</title>",
            "<dt>signer</dt><dd>release</dd>",
            "<dt>since</dt><dd>2026-01-31T00:00:00Z</dd>",
            "<dt>rows in this report</dt><dd>2</dd>",
            f"<dd>row {last.sequence}, {last.row_hash}</dd>",
        ):
            assert words in page

    def test_texts_of_others_are_shown_and_do_nothing(self, world: World) -> None:
        page = report(world, "--html").out
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
        assert SCRIPT not in page
        assert "\u202e" not in page
        assert "safe\\u202egnp.exe" in page


class TestOtherForms:
    def test_a_table_for_people(self, world: World) -> None:
        lines = report(world, "--signer", "release").out.splitlines()
        assert lines[0].split()[:4] == ["SEQUENCE", "TIME", "SIGNER", "ACTOR"]
        assert len(lines) == 3
        assert "ann; bob" in lines[1]
        assert "\u202e" not in "".join(lines)

    def test_json_is_a_list_of_the_api_with_the_head(self, world: World) -> None:
        found = report(world, "--json").json()
        assert found["next"] is None
        assert found["head"]["sequence"] == world.last_row().sequence
        assert [each["signer"] for each in found["items"]] == ["release"] * 2 + ["free"] * 2
        assert found["items"][0]["approved_by"][0]["approver"] == "ann"

    def test_changes_are_reported_by_their_action(self, world: World) -> None:
        found = report(world, "--action", "grant:issue", "--json").json()["items"]
        assert [(each["action"], each["actor"]) for each in found] == [("grant:issue", "bob")]
        assert "grant:issue" in report(world, "--action", "grant:issue").out
        assert "Changes on record" in report(world, "--action", "grant:issue", "--html").out

    def test_denials_are_asked_for(self, world: World) -> None:
        assert report(world, "--outcome", "denied", "--json").json()["items"] == []
        assert len(report(world, "--outcome", "all", "--json").json()["items"]) == 4

    def test_it_is_read_page_by_page_up_to_its_head(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        whole = report(world, "--csv").out
        monkeypatch.setattr(audit_report, "_PAGE", 1)
        assert report(world, "--csv").out == whole

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            (["--signer", "relese"], "no signer 'relese'"),
            (["--actor", "cii"], "Near it: ci"),
            (["--json", "--csv"], "--json is another form"),
        ],
    )
    def test_what_cannot_be_meant_is_an_error(
        self, world: World, options: list[str], words: str
    ) -> None:
        ended = run(world, "report", *options)
        assert ended.code in (1, 2)
        assert (words in ended.err, ended.out) == (True, "")


class TestOut:
    def test_the_file_is_its_owners_alone_and_whole(self, world: World, tmp_path: Path) -> None:
        path = tmp_path / "report.csv"
        path.write_text("before")
        path.chmod(0o644)
        assert report(world, "--csv", "--out", str(path)).out == ""
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert path.read_bytes().decode() == report(world, "--csv").out
        assert [each.name for each in tmp_path.iterdir()] == ["report.csv"]

    def test_a_report_that_fails_leaves_what_was_there(
        self, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(audit_report, "_PAGE", 5000)  # which no list takes
        path = tmp_path / "report.csv"
        path.write_text("before")
        assert run(world, "report", "--out", str(path)).code == 1
        assert path.read_text() == "before"
        assert [each.name for each in tmp_path.iterdir()] == ["report.csv"]

    @pytest.mark.parametrize("place", ["/nonexistent/report.csv", "/dev/null"])
    def test_a_place_that_is_none_is_named(self, world: World, place: str) -> None:
        ended = run(world, "report", "--out", place)
        assert ended.code == 1
        assert place in ended.err


class TestShow:
    def shown(self, world: World, *options: str) -> Any:
        return json.loads(run(world, "show", *options, "--json").out)

    def test_one_row_by_its_number_or_its_id(self, world: World) -> None:
        (first, *_) = report(world, "--signer", "release", "--json").json()["items"]
        assert self.shown(world, str(first["sequence"])) == first
        assert self.shown(world, first["id"]) == first

    def test_people_read_everything_that_it_says(self, world: World) -> None:
        (first, *_) = report(world, "--signer", "release", "--json").json()["items"]
        out = run(world, "show", first["id"]).out
        for words in (
            first["row_hash"],
            first["signature"],
            "client hostname",
            "safe\\u202egnp.exe",
            "\ngrant\n",
            "\nrequest\n",
            "credential enrolled",
            f"{SCRIPT} bob",
        ):
            assert words in out
        assert out.count("\napproval\n") == 2

    def test_a_change_lists_the_objects_that_it_left_behind(self, world: World) -> None:
        (change,) = report(world, "--action", "policy:create", "--json").json()["items"]
        assert "policies" in {name.partition("/")[0] for name in change["objects"]}
        out = run(world, "show", change["id"]).out
        for name, hash_ in change["objects"].items():
            assert re.search(f"{name} +{hash_}", out)

    def test_a_row_that_is_not_there_is_named(self, world: World) -> None:
        ended = run(world, "show", "999999")
        assert (ended.code, ended.out) == (1, "")
        assert "'999999'" in ended.err

"""Ids by their last eight characters: what is asked of the server, and what is not guessed."""

import pytest

from tests.cli.conftest import ask
from tests.cli.samples import decision, page, request
from tests.cli.scripted_server import Received, ScriptedServer, ok

FIRST = "01920000-0000-7000-8000-0000deadbeef"
OTHER = "01930000-0000-7000-8000-0001deadbeef"
SUSPENDED = {"kind": "grant", "id": FIRST, "identity": "ci", "at": "2026-12-01T05:00:00Z"}


def test_the_whole_id_is_found_first_and_then_decided_on() -> None:
    seen = request(id=FIRST)
    after = request([decision("carol")], id=FIRST, step=2)
    with ScriptedServer(ok(page(seen)), ok(seen), ok(after)) as server:
        ended = ask(server.url, "request", "approve", "DEADbeef")
    assert ended.code == 0, ended.err
    assert [(each.method, each.path) for each in server.received] == [
        ("GET", "/v1/requests?limit=10&ending=deadbeef"),
        ("GET", f"/v1/requests/{FIRST}"),
        ("POST", f"/v1/requests/{FIRST}/approve"),
    ]
    assert f"  request {FIRST}\n" in ended.out


@pytest.mark.parametrize("verb", [["approve"], ["reject", "--why", "no"], ["cancel"], ["show"]])
@pytest.mark.parametrize("noun", ["request", "proposal"])
def test_of_several_none_is_taken(noun: str, verb: list[str]) -> None:
    found = page(request(id=FIRST), request(id=OTHER))
    if noun == "proposal":
        more = {"action": "policy:edit", "object": "p", "proposer": "ann", "details": {}}
        items = [each | more | {"expires_at": each["created_at"]} for each in found["items"]]
        found = found | {"items": items}
    with ScriptedServer(ok(found)) as server:
        ended = ask(server.url, noun, *verb, "deadbeef")
    assert len(server.received) == 1
    assert ended.code == 1
    assert f"Several ids end in deadbeef: {FIRST}, {OTHER}." in ended.err
    assert "Give the whole id" in ended.err


def test_what_a_server_gives_that_does_not_end_like_this_is_not_taken() -> None:
    with ScriptedServer(ok(page(request(id=FIRST)))) as server:
        ended = ask(server.url, "request", "approve", "00000001")
    assert len(server.received) == 1
    assert ended.code == 1
    assert "sealwright request list" in ended.err


def test_a_whole_id_costs_no_call_more() -> None:
    with ScriptedServer(ok(request(id=FIRST))) as server:
        ask(server.url, "request", "show", FIRST)
    assert server.received == [Received("GET", f"/v1/requests/{FIRST}", None)]


def test_what_is_suspended_is_looked_for_on_all_pages_and_by_its_kind() -> None:
    key = SUSPENDED | {"kind": "api_key", "id": OTHER}
    pages = [{"items": [key], "next": "c"}, {"items": [SUSPENDED], "next": None}]
    with ScriptedServer(*map(ok, pages), ok(SUSPENDED)) as server:
        ended = ask(server.url, "recovery", "confirm", "grant", "deadbeef")
    assert ended.code == 0, ended.err
    assert server.received[-1].path.endswith(f"/grant/{FIRST}/confirm")


def test_an_approval_is_named_by_the_end_of_its_ballot() -> None:
    found = SUSPENDED | {"kind": "approval", "id": f"{FIRST}:1:ann"}
    other = found | {"id": f"{FIRST}:1:bob"}
    answers = ok({"items": [found, other], "next": None}), ok(found)
    with ScriptedServer(*answers) as server:
        ended = ask(server.url, "recovery", "confirm", "approval", "deadbeef:1:ann")
    assert ended.code == 0, ended.err
    assert FIRST in server.received[-1].path
    assert "ann" in server.received[-1].path

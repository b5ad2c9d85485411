"""sealwright grant: what is sent, and what people read."""

import json

import pytest

from tests.cli.conftest import ask
from tests.cli.samples import grant, page
from tests.cli.scripted_server import Received, ScriptedServer, ok, refusal


@pytest.mark.parametrize(
    ("options", "more"),
    [([], {}), (["--window", "1d", "--signings", "3"], {"window_seconds": 86400, "signings": 3})],
)
def test_a_grant_is_given_without_a_request(options: list[str], more: dict[str, int]) -> None:
    given = grant(request_id=None, issued_by="alice", used=0)
    with ScriptedServer(ok(given, "201 Created")) as server:
        ended = ask(server.url, "grant", "create", "release", "ci", "--why", "night", *options)
    body = {"identity": "ci", "justification": "night"} | more
    assert server.received == [Received("POST", "/v1/signers/release/grants", body)]
    assert ended.code == 0
    assert "pre-approved by  alice\n" in ended.out
    assert "used             0 of 5\n" in ended.out


@pytest.mark.parametrize(
    "arguments",
    [
        ["create", "release", "ci"],
        ["create", "release", "--why", "x"],
        ["create", "release", "ci", "--why", "x", "--window", "1w"],
        ["revoke", "g-1"],
        ["list", "--state", "pending"],
    ],
)
def test_wrong_usage_is_2(arguments: list[str]) -> None:
    ended = ask("", "grant", *arguments)
    assert ended.code == 2
    assert ended.err.startswith("Usage: sealwright grant")


def test_grants_are_listed_as_the_server_gives_them() -> None:
    endless = grant(id="g-0", not_after=None, state="exhausted", used=5)
    filters = ["--signer", "release", "--grantee", "ci", "--state", "active"]
    with ScriptedServer(ok(page(grant(max_signings=None), endless))) as server:
        ended = ask(server.url, "grant", "list", *filters, "--limit", "2", "--cursor", "c1")
        ask(server.url, "grant", "list")
    assert [each.path for each in server.received] == [
        "/v1/grants?limit=2&cursor=c1&signer=release&grantee=ci&state=active",
        "/v1/grants?limit=100",
    ]
    assert ended.out == (
        "ID   GRANTEE  SIGNER   POLICY      STATE      USED             FROM"
        "                  UNTIL\n"
        "g-1  ci       release  two-people  active     2 of any number  2026-01-31T08:00:00Z  "
        "2026-01-31T16:00:00Z\n"
        "g-0  ci       release  two-people  exhausted  5 of 5           2026-01-31T08:00:00Z  "
        "no end\n"
    )


def test_a_grant_is_shown_with_what_is_left_and_where_it_came_from() -> None:
    with ScriptedServer(ok(grant())) as server:
        ended = ask(server.url, "grant", "show", "g-1")
        for_machines = ask(server.url, "grant", "show", "g-1", "--json")
    assert server.received[0] == Received("GET", "/v1/grants/g-1", None)
    assert ended.out == (
        "id       g-1\n"
        "signer   release\n"
        "grantee  ci\n"
        "why      version 2\n"
        "used     2 of 5\n"
        "from     2026-01-31T08:00:00Z\n"
        "until    2026-01-31T16:00:00Z\n"
        "hashes   sha256\n"
        "policy   two-people\n"
        "state    active\n"
        "request  r-1\n"
    )
    assert for_machines.json() == grant()


def test_a_grant_is_revoked_with_a_reason() -> None:
    revoked = grant(
        state="revoked",
        revoked_at="2026-01-31T09:00:00Z",
        revoked_by="alice",
        revoke_reason="laptop lost",
    )
    with ScriptedServer(ok(revoked)) as server:
        ended = ask(server.url, "grant", "revoke", "g-1", "--why", "laptop lost")
    assert server.received == [Received("POST", "/v1/grants/g-1/revoke", {"reason": "laptop lost"})]
    assert ended.out.endswith(
        "state       revoked\n"
        "request     r-1\n"
        "revoked     2026-01-31T09:00:00Z\n"
        "revoked by  alice\n"
        "reason      laptop lost\n"
    )


def test_nothing_in_a_grant_draws_on_the_terminal() -> None:
    evil = "a\x1b[31m\u202eb\nc"
    texts = ("id", "signer", "grantee", "policy", "state", "justification", "request_id")
    more = ("issued_by", "revoked_by", "revoke_reason")
    hostile = grant(
        **dict.fromkeys((*texts, *more), evil), hashes=[evil], revoked_at="2026-01-31T09:00:00Z"
    )
    with ScriptedServer(ok(hostile), ok(page(hostile))) as server:
        shown = [ask(server.url, "grant", "show", "g"), ask(server.url, "grant", "list")]
    for ended in shown:
        assert ended.code == 0, ended.err
        assert "a\\x1b[31m\\u202eb\\x0ac" in ended.out
        assert all(line.isprintable() for line in ended.out.splitlines())


@pytest.mark.parametrize(
    ("code", "next_step"),
    [
        ("grant_not_found", "sealwright grant list"),
        ("grant_not_active", "sealwright grant show ID"),
        ("grantee_cannot_sign", "sealwright member add SIGNER IDENTITY --role operator"),
        ("own_grant", "sealwright request create SIGNER --why TEXT"),
        ("administrator_required", "sealwright member list SIGNER"),
    ],
)
def test_a_refusal_says_what_to_do_next(code: str, next_step: str) -> None:
    with ScriptedServer(refusal(code, status="403 Forbidden")) as server:
        ended = ask(server.url, "grant", "revoke", "g-1", "--why", "x", "--json")
    assert ended.code == 1
    assert next_step in json.loads(ended.err)["error"]["next_step"]

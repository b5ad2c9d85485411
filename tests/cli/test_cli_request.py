"""sealwright request and signer explain: what is sent, and what people read."""

import json

import pytest

from tests.cli.conftest import ask
from tests.cli.samples import approved, decision, grant, page, request
from tests.cli.scripted_server import Received, ScriptedServer, ok, refusal

EVIL = "a\x1b[31m\u202eb\nc"
ESCAPED = "a\\x1b[31m\\u202eb\\x0ac"
WAITS = "It waits for step 2 of 2, 'security': 2 approvals of carol, dave, eve."


@pytest.mark.parametrize(
    ("options", "more"),
    [
        ([], {}),
        (["--window", "90m"], {"window_seconds": 5400}),
        (["--signings", "5"], {"signings": 5}),
        (["--window", "8h", "--signings", "1"], {"window_seconds": 28800, "signings": 1}),
    ],
)
def test_a_request_says_why_and_what_is_wanted(options: list[str], more: dict[str, int]) -> None:
    with ScriptedServer(ok(request(), "201 Created")) as server:
        ended = ask(server.url, "request", "create", "release", "--why", "version 2", *options)
    body = {"justification": "version 2"} | more
    assert server.received == [Received("POST", "/v1/signers/release/requests", body)]
    assert ended.code == 0
    assert ended.err == "Approvers decide with: sealwright request approve r-1\n"


def test_a_request_that_was_there_already_is_told_as_such() -> None:
    with ScriptedServer(ok(request())) as server:
        create = ["request", "create", "release", "--why", "version 2"]
        ended = ask(server.url, *create)
        for_machines = ask(server.url, *create, "--json")
    assert "was there already; no second one was made" in ended.err
    assert (for_machines.json(), for_machines.err) == (request(), "")


def test_a_request_that_is_approved_at_once_waits_for_nobody() -> None:
    with ScriptedServer(ok(approved(steps=[]), "201 Created")) as server:
        ended = ask(server.url, "request", "create", "release", "--why", "version 2")
    assert ended.err == ""
    assert "state      approved\n" in ended.out
    assert "grant      g-1\n" in ended.out


@pytest.mark.parametrize(
    "arguments",
    [
        ["create", "release"],
        ["create", "release", "--why", "x", "--window", "none"],
        ["create", "release", "--why", "x", "--signings", "0"],
        ["reject", "r-1"],
        ["list", "--state", "open"],
    ],
)
def test_wrong_usage_is_2(arguments: list[str]) -> None:
    ended = ask("", "request", *arguments)
    assert ended.code == 2
    assert ended.err.startswith("Usage: sealwright request")


def test_requests_are_listed_as_the_server_gives_them() -> None:
    filters = ["--signer", "release", "--requester", "ci", "--state", "pending"]
    more = page(request(), approved(id="r-0", window_seconds=None)) | {"next": "c2"}
    with ScriptedServer(ok(more)) as server:
        ended = ask(server.url, "request", "list", *filters, "--limit", "2", "--cursor", "c1")
        ask(server.url, "request", "list")
    assert [each.path for each in server.received] == [
        "/v1/requests?limit=2&cursor=c1&signer=release&requester=ci&state=pending",
        "/v1/requests?limit=100",
    ]
    assert ended.out == (
        "ID   CREATED               REQUESTER  SIGNER   STATE     STEP    WINDOW    SIGNINGS  WHY\n"
        "r-1  2026-01-31T08:00:00Z  ci         release  pending   1 of 2  90m       5         "
        "version 2\n"
        "r-0  2026-01-31T08:00:00Z  ci         release  approved  -       no limit  5         "
        "version 2\n"
    )
    assert ended.err == "There are more: --cursor c2\n"


def test_a_request_is_shown_with_who_decided_what_and_what_is_missing() -> None:
    seen = request(
        [decision("carol", comment="looks fine")],
        [decision("eve")],
        step=2,
        missing=["It waits for step 2 of 2, 'security': 1 more approval of carol, dave."],
    )
    with ScriptedServer(ok(seen)) as server:
        ended = ask(server.url, "request", "show", "r-1")
    assert server.received == [Received("GET", "/v1/requests/r-1", None)]
    assert ended.out == (
        "id         r-1\n"
        "signer     release\n"
        "requester  ci\n"
        "why        version 2\n"
        "window     90m (the policy allows 8h)\n"
        "signings   5\n"
        "hashes     any\n"
        "policy     two-people\n"
        "state      pending\n"
        "created    2026-01-31T08:00:00Z\n"
        "expires    2026-01-31T16:00:00Z\n"
        "\n"
        "Step 1 of 2, 'lead'\n"
        "  1 of 1 approvals, of carol, dave\n"
        "  2026-01-31T08:00:00Z  approved by carol: looks fine\n"
        "\n"
        "Step 2 of 2, 'security', open now\n"
        "  1 of 2 approvals, of carol, dave, eve\n"
        "  2026-01-31T08:00:00Z  approved by eve\n"
        "\n"
        "Missing:\n"
        "- It waits for step 2 of 2, 'security': 1 more approval of carol, dave.\n"
    )


def test_a_request_that_has_ended_says_how() -> None:
    rejected = request(
        [decision("carol", verdict="rejected", comment="not now")],
        state="rejected",
        step=None,
        missing=[],
        comment="not now",
        ended_at="2026-01-31T09:00:00Z",
        ended_by="carol",
    )
    with ScriptedServer(ok(rejected)) as server:
        shown = ask(server.url, "request", "show", "r-1").out
    assert (
        "ended      2026-01-31T09:00:00Z\nended by   carol\ncomment    not now\n\nStep 1"
    ) in shown
    assert "  0 of 1 approvals, of carol, dave\n" in shown
    assert "  2026-01-31T08:00:00Z  rejected by carol: not now\n" in shown
    assert "Missing" not in shown
    assert "open now" not in shown


def test_an_approval_is_of_the_step_that_was_seen() -> None:
    after = request([decision("carol")], step=2, missing=[WAITS])
    with ScriptedServer(ok(request()), ok(after)) as server:
        ended = ask(server.url, "request", "approve", "r-1", "--comment", "fine")
    assert server.received == [
        Received("GET", "/v1/requests/r-1", None),
        Received("POST", "/v1/requests/r-1/approve", {"comment": "fine", "step": 1}),
    ]
    assert ended.code == 0
    assert ended.out == (
        "Approved step 1 of 2, 'lead': ci for the signer release.\n  request r-1\n"
        f"Still missing:\n- {WAITS}\n"
    )


def test_the_last_approval_names_the_grant() -> None:
    before = request([decision("carol")], [decision("dave")], step=2)
    with ScriptedServer(ok(before), ok(approved())) as server:
        ended = ask(server.url, "request", "approve", "r-1")
    assert server.received[1].json == {"step": 2}
    assert ended.out == (
        "Approved step 2 of 2, 'security': ci for the signer release.\n  request r-1\n"
        "The request is approved; its grant is g-1.\n"
    )


def test_a_rejection_is_of_the_step_that_was_seen() -> None:
    after = request(state="rejected", step=None, missing=[], comment="not now")
    with ScriptedServer(ok(request()), ok(after)) as server:
        ended = ask(server.url, "request", "reject", "r-1", "--why", "not now")
    assert server.received == [
        Received("GET", "/v1/requests/r-1", None),
        Received("POST", "/v1/requests/r-1/reject", {"comment": "not now", "step": 1}),
    ]
    assert ended.out == (
        "Rejected step 1 of 2, 'lead': ci for the signer release.\n  request r-1\n"
        "The request is rejected.\n"
    )


def test_with_json_a_decision_prints_the_request_once() -> None:
    for command in (["approve", "r-1"], ["reject", "r-1", "--why", "not now"]):
        with ScriptedServer(ok(request()), ok(approved())) as server:
            assert ask(server.url, "request", *command, "--json").json() == approved()


def test_whether_a_request_that_has_ended_can_be_decided_is_the_servers_to_say() -> None:
    with ScriptedServer(ok(approved(step=None)), refusal("request_not_pending")) as server:
        ended = ask(server.url, "request", "approve", "r-1")
    assert server.received[1].json == {}
    assert ended.code == 1
    assert ended.out == ""
    assert "What became of it: sealwright request show ID" in ended.err


def test_a_request_that_is_not_there_is_not_decided() -> None:
    with ScriptedServer(refusal("request_not_found", status="404 Not Found")) as server:
        ended = ask(server.url, "request", "approve", "../r")
    assert server.received == [Received("GET", "/v1/requests/..%2Fr", None)]
    assert ended.code == 1
    assert "sealwright request list" in ended.err


def test_a_request_is_cancelled() -> None:
    after = request(state="cancelled", step=None, missing=[])
    with ScriptedServer(ok(after)) as server:
        ended = ask(server.url, "request", "cancel", "r-1")
    assert server.received == [Received("POST", "/v1/requests/r-1/cancel", {})]
    assert "state      cancelled\n" in ended.out


def test_nothing_in_a_request_draws_on_the_terminal() -> None:
    texts = ("id", "signer", "requester", "policy", "state", "justification", "comment", "ended_by")
    hostile = request(
        **dict.fromkeys(texts, EVIL),
        ended_at="2026-01-31T09:00:00Z",
        grant_id=EVIL,
        hashes=[EVIL],
        missing=[EVIL],
        steps=[
            {
                "name": EVIL,
                "required": 1,
                "approvers": [EVIL],
                "decisions": [decision(EVIL, verdict=EVIL, comment=EVIL)],
            }
        ],
    )
    done = hostile | {"missing": []}
    with ScriptedServer(ok(hostile), ok(page(hostile)), ok(hostile), ok(hostile), ok(done)) as it:
        shown = [
            ask(it.url, "request", "show", "r"),
            ask(it.url, "request", "list"),
            ask(it.url, "request", "create", "s", "--why", "x"),
            ask(it.url, "request", "approve", "r"),
        ]
    for ended in shown:
        assert ended.code == 0, ended.err
        assert ESCAPED in ended.out
        assert all(line.isprintable() for line in (ended.out + ended.err).splitlines())


def test_octets_that_are_no_text_are_not_sent() -> None:
    with ScriptedServer(b"") as server:
        ended = ask(server.url, "request", "create", "release", "--why", "caf\udce9")
        named = ask(server.url, "request", "show", "caf\udce9")
    assert server.heads == []
    assert (ended.code, named.code) == (2, 2)
    assert ended.err == named.err == "Error: 'caf\\udce9' is not UTF-8 text.\n"


EXPLAINED = {
    "signer": "release",
    "identity": "ci",
    "allowed": False,
    "code": "no_active_grant",
    "title": "ci has no open grant for the signer 'release'.",
    "missing": [WAITS],
    "policy": "two-people",
    "grant": None,
    "request": "r-1",
}


def test_an_explanation_is_a_verdict_and_what_is_missing() -> None:
    with ScriptedServer(ok(EXPLAINED)) as server:
        explain = ["signer", "explain", "release", "--identity", "ci"]
        ended = ask(server.url, *explain)
        for_machines = ask(server.url, *explain, "--hash", "sha256", "--json")
    assert [(each.method, each.path) for each in server.received] == [
        ("GET", "/v1/signers/release/explain?identity=ci"),
        ("GET", "/v1/signers/release/explain?identity=ci&hash=sha256"),
    ]
    assert ended.code == 0  # the question was answered
    assert ended.out == (
        "ci has no open grant for the signer 'release'.\n"
        f"- {WAITS}\n"
        "The request that waits: sealwright request show r-1\n"
    )
    assert for_machines.json() == EXPLAINED


def test_an_explanation_of_what_is_allowed_is_a_sentence() -> None:
    allowed = EXPLAINED | {
        "allowed": True,
        "code": None,
        "title": "ci may sign with 'release' now, by the grant g-1: 3 signings left.",
        "missing": [],
        "grant": grant(),
        "request": None,
    }
    with ScriptedServer(ok(allowed)) as server:
        ended = ask(server.url, "signer", "explain", "release", "--identity", "ci")
    assert ended.out == ("ci may sign with 'release' now, by the grant g-1: 3 signings left.\n")


def test_nothing_in_an_explanation_draws_on_the_terminal() -> None:
    hostile = EXPLAINED | {"title": EVIL, "missing": [EVIL], "request": EVIL}
    with ScriptedServer(ok(hostile | {"grant": grant(id=EVIL)})) as server:
        ended = ask(server.url, "signer", "explain", "release", "--identity", "ci")
    assert ended.out.count(ESCAPED) == 3
    assert all(line.isprintable() for line in ended.out.splitlines())


@pytest.mark.parametrize(
    ("code", "next_step"),
    [
        ("no_active_grant", "Ask for one: sealwright request create SIGNER --why TEXT"),
        ("algorithm_not_allowed", "sealwright policy show NAME"),
        ("own_request", "sealwright request show ID"),
        ("not_an_approver", "sealwright request show ID"),
        ("auditor_cannot_approve", "sealwright request show ID"),
        ("already_decided", "sealwright request show ID"),
        ("step_changed", "Look again, then decide: sealwright request show ID"),
        ("policy_detached", "sealwright request create SIGNER --why TEXT"),
        ("too_many_pending", "sealwright request cancel ID"),
        ("not_a_member", "sealwright member add SIGNER IDENTITY --role operator"),
        ("role_cannot_sign", "sealwright member add SIGNER IDENTITY --role operator"),
        ("requester_cannot_sign", "sealwright member add SIGNER IDENTITY --role operator"),
        ("requester_required", "sealwright member list SIGNER"),
        ("window_above_ceiling", "Give a shorter --window"),
        ("signings_above_ceiling", "Give fewer --signings"),
    ],
)
def test_a_refusal_says_what_to_do_next(code: str, next_step: str) -> None:
    with ScriptedServer(refusal(code, status="403 Forbidden")) as server:
        ended = ask(server.url, "request", "cancel", "r-1", "--json")
    assert ended.code == 1
    assert next_step in json.loads(ended.err)["error"]["next_step"]


def test_a_refusal_names_the_request_that_is_open() -> None:
    said = refusal("no_active_grant", "ci has no open grant.", "403 Forbidden", request="r-1")
    with ScriptedServer(said) as server:
        ended = ask(server.url, "request", "create", "release", "--why", "x")
        for_machines = ask(server.url, "request", "create", "release", "--why", "x", "--json")
    assert ended.err == (
        "Error: ci has no open grant.\n"
        "  (code no_active_grant, open request r-1)\n"
        "  What the open request waits for: sealwright request show r-1\n"
    )
    assert json.loads(for_machines.err)["error"]["request"] == "r-1"

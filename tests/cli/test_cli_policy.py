"""sealwright policy, and signers with one: what is sent, and what people read."""

import json
from typing import Any

import pytest

from sealwright.cli.policy_options import parse_step
from sealwright.client.objects import PolicyStep
from tests.cli.conftest import ask
from tests.cli.samples import STEPS, change, page, policy, signer
from tests.cli.scripted_server import Received, ScriptedServer, answer, ok, refusal


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("lead:1:carol", PolicyStep("lead", 1, ["carol"])),
        ("lead:2:carol,dave", PolicyStep("lead", 2, ["carol", "dave"])),
        ("two of us:12: a@b.c , d+e_f", PolicyStep("two of us", 12, ["a@b.c", "d+e_f"])),
        ("with:colons:1:carol", PolicyStep("with:colons", 1, ["carol"])),
        ("lead:9:carol", PolicyStep("lead", 9, ["carol"])),
    ],
)
def test_a_step_is_read_from_its_end(text: str, step: PolicyStep) -> None:
    assert parse_step(text) == step


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("", "'' is no step such as"),
        ("lead", "'lead' is no step such as 'lead:1:carol,dave'"),
        ("lead:carol", "'lead:carol' is no step"),
        (":1:carol", "no name before its first colon"),
        ("lead:one:carol", "step 'lead': 'one' is no number of approvals"),
        ("lead::carol", "step 'lead': '' is no number of approvals"),
        ("lead:0:carol", "step 'lead': '0' is no number of approvals"),
        ("lead:-1:carol", "'-1' is no number of approvals"),
        ("lead:²:carol", "is no number of approvals"),
        ("lead:99999:carol", "is no number of approvals"),
        ("lead:1:", "step 'lead': it names no approvers"),
        ("lead:1:carol,,dave", "step 'lead': an approver has no name"),
        ("lead:1:carol,", "step 'lead': an approver has no name"),
    ],
)
def test_what_is_no_step_is_told_by_its_wrong_part(text: str, wrong: str) -> None:
    with pytest.raises(ValueError, match=r"NAME:REQUIRED:WHO,WHO\)$") as fault:
        parse_step(text)
    assert wrong in str(fault.value)


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        (["--max-window", "8"], "'8' is no duration such as"),
        (["--request-ttl", "soon"], "'soon' is no duration such as"),
        (["--max-signings", "0"], "'0' is no number of signings"),
        (["--max-signings", "x"], "'x' is no number of signings"),
        (["--max-signings", "9" * 30], "is no number of signings"),
        (["--step", "lead"], "'lead' is no step such as"),
        (["--step", "none", "--step", "lead:1:carol"], "give it alone"),
        (["--hash", "sha1"], "'sha1' is no hash that a policy can allow: sha256, sha384, sha512"),
        (["--hash", "sha256,"], "'' is no hash"),
        (["--hash", "sha256,none"], "'none' is no hash"),
        (["--hash", "sha256", "--hash", "none"], "give it alone"),
        ([], "Nothing to change"),
    ],
)
def test_wrong_terms_are_wrong_usage_and_named(options: list[str], wrong: str) -> None:
    ended = ask("", "policy", "edit", "two-people", *options)
    assert ended.code == 2
    assert ended.err.startswith("Usage: sealwright policy edit")
    assert wrong in ended.err
    assert all(option in ended.err for option in options[:1])


def sent(*arguments: str) -> Received:
    """The one request that a command on a policy comes down to."""
    with ScriptedServer(ok(policy())) as server:
        ended = ask(server.url, "policy", *arguments)
    assert ended.code == 0, ended.err
    (received,) = server.received
    return received


def test_a_policy_is_made_with_the_terms_given() -> None:
    options = ["--max-window", "8h", "--max-signings", "5", "--request-ttl", "2d"]
    steps = ["--step", "lead:1:carol,dave", "--step", "security:2:carol,dave,eve"]
    hashes = ["--hash", "sha384,sha256", "--hash", "sha256"]
    body = {
        "name": "two-people",
        "max_window_seconds": 28800,
        "max_signings": 5,
        "request_ttl_seconds": 172800,
        "steps": STEPS,
        "hashes": ["sha384", "sha256"],
    }
    received = sent("create", "two-people", *options, *steps, *hashes)
    assert received == Received("POST", "/v1/policies", body)


@pytest.mark.parametrize("options", [[], ["--max-window", "none", "--max-signings", "none"]])
def test_whether_a_policy_needs_limits_is_the_servers_to_say(options: list[str]) -> None:
    with ScriptedServer(refusal("policy_unbounded", field="max_window_seconds")) as server:
        ended = ask(server.url, "policy", "create", "two-people", *options)
    assert server.received == [Received("POST", "/v1/policies", {"name": "two-people"})]
    assert ended.code == 1
    assert "\n  Give --max-window, --max-signings or both.\n" in ended.err


@pytest.mark.parametrize(
    ("options", "body"),
    [
        (["--max-window", "30m"], {"max_window_seconds": 1800}),
        (["--max-window", "none"], {"max_window_seconds": None}),
        (["--max-signings", "1"], {"max_signings": 1}),
        (["--max-signings", "none"], {"max_signings": None}),
        (["--request-ttl", "90s"], {"request_ttl_seconds": 90}),
        (["--request-ttl", "none"], {"request_ttl_seconds": None}),
        (["--step", "lead:1:carol,dave"], {"steps": STEPS[:1]}),
        (["--step", "none"], {"steps": []}),
        (["--hash", "sha512"], {"hashes": ["sha512"]}),
        (["--hash", "none"], {"hashes": []}),
        (
            ["--max-signings", "none", "--max-window", "1d", "--step", "none"],
            {"max_signings": None, "max_window_seconds": 86400, "steps": []},
        ),
    ],
)
def test_an_edit_sends_what_was_given_and_nothing_else(
    options: list[str], body: dict[str, Any]
) -> None:
    received = sent("edit", "two-people", *options)
    assert received == Received("PATCH", "/v1/policies/two-people", body)


def test_a_policy_is_shown_with_its_steps_and_what_was_done_to_it() -> None:
    changes = [
        change("loosened", "max signings: 1 → 5", "step 'lead': eve may approve"),
        change("detached", signer="nightly", by=None),
        change("attached", signer="nightly"),
        change("created"),
    ]
    with ScriptedServer(ok(policy(changes=changes))) as server:
        ended = ask(server.url, "policy", "show", "two-people")
    assert server.received == [Received("GET", "/v1/policies/two-people", None)]
    assert ended.out == (
        "name          two-people\n"
        "id            p-1\n"
        "max window    8h\n"
        "max signings  5\n"
        "request ttl   2d\n"
        "hashes        sha256, sha384\n"
        "protected     no\n"
        "signers       nightly, release\n"
        "created       2026-01-31T08:00:00Z\n"
        "\n"
        "STEP  NAME      REQUIRED  APPROVERS\n"
        "1     lead      1         carol, dave\n"
        "2     security  2         carol, dave, eve\n"
        "\n"
        "Changes, newest first; ! marks those that ask for less than before:\n"
        "! 2026-01-31T08:00:00Z  two-people loosened by alice\n"
        "    max signings: 1 → 5\n"
        "    step 'lead': eve may approve\n"
        "! 2026-01-31T08:00:00Z  two-people detached from nightly\n"
        "  2026-01-31T08:00:00Z  two-people attached to nightly by alice\n"
        "  2026-01-31T08:00:00Z  two-people created by alice\n"
    )


def test_what_a_policy_does_not_limit_is_said() -> None:
    bare = policy(
        max_window_seconds=None, max_signings=None, request_ttl_seconds=None, hashes=[], steps=[]
    )
    for missing in ("signers", "changes"):
        del bare[missing]
    with ScriptedServer(ok(page(bare, policy())), ok(bare)) as server:
        listed = ask(server.url, "policy", "list", "--limit", "2", "--cursor", "c").out
        shown = ask(server.url, "policy", "show", "two-people").out
    assert server.received[0].path == "/v1/policies?limit=2&cursor=c"
    assert listed == (
        "NAME        MAX WINDOW  MAX SIGNINGS  REQUEST TTL  HASHES          STEPS\n"
        "two-people  no limit    no limit      no limit     any             -\n"
        "two-people  8h          5             2d           sha256, sha384  "
        "lead (1 of 2); security (2 of 3)\n"
    )
    assert "max window    no limit\n" in shown
    assert "signers       -\n" in shown
    assert "Changes" not in shown


def test_a_policy_is_deleted() -> None:
    with ScriptedServer(answer("204 No Content", b"")) as server:
        ended = ask(server.url, "policy", "delete", "two-people")
        for_machines = ask(server.url, "policy", "delete", "two-people", "--json")
    assert server.received == [Received("DELETE", "/v1/policies/two-people", None)] * 2
    assert (ended.code, ended.out, ended.err) == (0, "", "Deleted two-people.\n")
    assert for_machines.json() == {"name": "two-people", "deleted": True}


def test_json_is_the_apis_own() -> None:
    with ScriptedServer(ok(policy())) as server:
        for command in ("show", "create"):
            assert ask(server.url, "policy", command, "p", "--json").json() == policy()
        assert ask(server.url, "policy", "edit", "p", "--hash", "none", "--json").json() == policy()


def test_nothing_in_a_policy_draws_on_the_terminal() -> None:
    evil = "a\x1b[31m\u202eb\nc"
    hostile = policy(
        name=evil,
        hashes=[evil],
        signers=[evil],
        steps=[{"name": evil, "required": 1, "approvers": [evil]}],
        changes=[change("loosened", evil, by=evil, policy=evil, signer=evil), change(evil)],
    )
    with ScriptedServer(ok(hostile), ok(page(hostile))) as server:
        shown = [
            ask(server.url, "policy", "show", "p"),
            ask(server.url, "policy", "list"),
        ]
    for ended in shown:
        assert ended.code == 0, ended.err
        assert "a\\x1b[31m\\u202eb\\x0ac" in ended.out
        assert all(line.isprintable() for line in ended.out.splitlines())


@pytest.mark.parametrize(("given", "body"), [("two-people", "two-people"), ("none", None)])
def test_a_signer_gets_a_policy_or_none(given: str, body: str | None) -> None:
    detached = change("detached", signer="release")
    with ScriptedServer(ok(signer(policy=body, policy_changes=[detached]))) as server:
        ended = ask(server.url, "signer", "set-policy", "release", given)
        shown = ask(server.url, "signer", "show", "release")
    assert server.received[0] == Received("POST", "/v1/signers/release/policy", {"policy": body})
    assert f"policy              {body or '-'}\n" in ended.out
    assert ended.out.endswith("! 2026-01-31T08:00:00Z  two-people detached from release by alice\n")
    assert shown.out == ended.out


def test_a_signer_is_made_with_a_policy() -> None:
    create = ["signer", "create", "release", "--key", "p256", "--common-name", "Release"]
    body = {"name": "release", "key": "p256", "common_name": "Release"}
    with ScriptedServer(ok(signer())) as server:
        assert ask(server.url, *create, "--policy", "two-people").code == 0
        assert ask(server.url, *create).code == 0
    assert [each.json for each in server.received] == [body | {"policy": "two-people"}, body]


def test_the_list_of_signers_has_their_policies() -> None:
    with ScriptedServer(ok(page(signer(), signer(name="free", policy=None)))) as server:
        lines = ask(server.url, "signer", "list").out.splitlines()
    assert lines[0].split() == ["NUMBER", "NAME", "STATUS", "KEY", "POLICY", "ROLE", "NOT", "AFTER"]
    assert [line.split()[4] for line in lines[1:]] == ["two-people", "-"]


@pytest.mark.parametrize(
    ("code", "next_step"),
    [
        ("policy_not_found", "sealwright policy list"),
        ("policy_exists", "sealwright policy edit NAME"),
        ("policy_in_use", "sealwright signer set-policy SIGNER none"),
        ("policy_cannot_be_met", "sealwright policy edit NAME --step NAME:REQUIRED:WHO,WHO"),
        ("no_policy", "sealwright signer set-policy SIGNER POLICY"),
    ],
)
def test_a_refusal_says_what_to_do_next(code: str, next_step: str) -> None:
    with ScriptedServer(refusal(code)) as server:
        ended = ask(server.url, "policy", "delete", "two-people", "--json")
    assert ended.code == 1
    assert next_step in json.loads(ended.err)["error"]["next_step"]

"""Questions that an auditor asks of the log."""

from urllib.parse import parse_qs, urlsplit

import pytest

from tests.cli.conftest import ask
from tests.cli.samples import page
from tests.cli.scripted_server import ScriptedServer, ok

ELSEWHERE = "http://127.0.0.1:9"


def asked(*options: str) -> dict[str, str]:
    """The query that `audit list` sends."""
    with ScriptedServer(ok(page())) as server:
        assert ask(server.url, "audit", "list", *options).code == 0
    query = parse_qs(urlsplit(server.received[0].path).query)
    return {name: value for name, (value,) in query.items() if name != "limit"}


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        (["--since", "2026-01-31"], {"since": "2026-01-31T00:00:00Z"}),
        (["--until", "2026-01-31"], {"until": "2026-01-31T23:59:59.999999Z"}),
        (["--since", "2026-01-31T08:00:00+01:00"], {"since": "2026-01-31T07:00:00Z"}),
        (["--until", "2026-01-31T08:00:00Z"], {"until": "2026-01-31T08:00:00Z"}),
        (["--action", "policy:edit"], {"action": "policy:edit"}),
    ],
)
def test_times_and_actions_are_sent_as_they_are_meant(
    options: list[str], sent: dict[str, str]
) -> None:
    assert asked(*options) == sent


@pytest.mark.parametrize(
    "time",
    ["yesterday", "2026-01-31T08:00:00", "2026-02-30", "20260131", "", "9999-12-31T23:00:00-05:00"],
)
@pytest.mark.parametrize("option", ["--since", "--until"])
def test_a_time_that_says_no_instant_is_wrong_usage(option: str, time: str) -> None:
    ended = ask(ELSEWHERE, "audit", "list", option, time)
    assert ended.code == 2
    assert "no RFC 3339 time such as 2026-01-31T08:00:00Z, nor a date" in ended.err


def test_an_unknown_action_is_named_with_those_near_it() -> None:
    ended = ask(ELSEWHERE, "audit", "list", "--action", "policy:edti")
    assert ended.code == 2
    assert "'policy:edti'; near it: policy:edit" in ended.err

"""What the command says and returns when things go wrong: 1 refused or failed, 2 wrong usage,
3 server unreachable, and always a sentence with what to do next."""

import json
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import KEY, ask, call, run
from tests.cli.scripted_server import ScriptedServer, answer


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def test_a_server_that_is_down_is_3() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    ended = call(url, "signer", "list")
    assert ended.code == 3
    assert ended.err == (
        f"Error: No control plane answered: {url}: connection refused\n"
        "  Check --url or SEALWRIGHT_URL, and that `sealwright serve` runs there.\n"
    )


def test_a_socket_that_is_not_there_is_3(tmp_path: Path) -> None:
    ended = ask(f"unix:{tmp_path}/none.sock", "signer", "list")
    assert ended.code == 3
    assert "no such file or directory" in ended.err


def test_a_name_that_does_not_resolve_is_3() -> None:
    assert ask("https://sealwright.invalid", "signer", "list").code == 3


def test_the_next_url_is_tried_when_no_connection_can_be_made() -> None:
    with ScriptedServer(answer("200 OK", b'{"items": [], "next": null}')) as server:
        ended = ask(f"http://127.0.0.1:{free_port()},{server.url}", "signer", "list")
    assert ended.code == 0
    assert len(server.heads) == 1


@pytest.mark.parametrize(
    ("said", "code", "words"),
    [
        (answer("200 OK", b"{"), 1, "does not answer"),
        (answer("200 OK", b'{"items": 7}'), 1, "does not answer"),
        (answer("200 OK", b"<html>", "text/html"), 1, "does not answer"),
        (answer("500 Oops", b"<html>", "text/html"), 1, "answered 500 without saying why"),
        (answer("404 Not Found", b"", "text/html"), 1, "is this the URL of a control plane?"),
        (answer("502 Bad Gateway", b"<html>", "text/html"), 3, "a gateway answered 502"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{", 3, "in the middle of the answer"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", 3, "No control plane answered"),
        (b"", 3, "No control plane answered"),
    ],
)
def test_what_does_not_speak_as_a_control_plane_is_told_so(
    said: bytes, code: int, words: str
) -> None:
    with ScriptedServer(said) as server:
        ended = ask(server.url, "signer", "list")
    assert ended.code == code, ended.err
    assert words in ended.err
    assert "Traceback" not in ended.err


def test_redirects_are_never_followed() -> None:
    with ScriptedServer(answer("200 OK", b'{"items": [], "next": null}')) as elsewhere:
        moved = answer("307 Moved", b"", "text/html", f"Location: {elsewhere.url}/v1/signers")
        with ScriptedServer(moved) as server:
            ended = ask(server.url, "signer", "list")
    assert ended.code == 1
    assert "redirect" in ended.err
    assert elsewhere.heads == []


def test_an_export_that_breaks_off_is_no_success() -> None:
    said = (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n3\r\n{}\n\r\n"
    )
    with ScriptedServer(said) as server:
        ended = ask(server.url, "audit", "export")
    assert ended.code == 3
    assert ended.out == "{}\n"


PROBLEM = {
    "type": "about:blank",
    "title": "There is no signer 'release' that you may see.",
    "status": 404,
    "code": "signer_not_found",
    "request_id": "r-1",
}


def problem(**more: str) -> bytes:
    body = json.dumps(PROBLEM | more, ensure_ascii=False).encode()
    return answer("404 Not Found", body, "application/problem+json")


def test_a_refusal_is_told_with_its_code_its_id_and_what_to_do() -> None:
    with ScriptedServer(problem()) as server:
        ended = ask(server.url, "signer", "show", "release")
    assert ended.code == 1
    assert ended.out == ""
    assert ended.err == (
        "Error: There is no signer 'release' that you may see.\n"
        "  (code signer_not_found, server's request id r-1)\n"
        "  Those that you may see: sealwright signer list\n"
    )


def test_with_json_a_refusal_is_one_object_on_stderr() -> None:
    with ScriptedServer(problem(field="name")) as server:
        ended = ask(server.url, "signer", "show", "release", "--json")
    assert ended.code == 1
    assert ended.out == ""
    assert json.loads(ended.err)["error"] == {
        "code": "signer_not_found",
        "title": PROBLEM["title"],
        "status": 404,
        "field": "name",
        "request_id": "r-1",
        "next_step": "Those that you may see: sealwright signer list",
    }


def test_what_a_server_says_cannot_draw_on_the_terminal() -> None:
    hostile = problem(title="a\x1b[31mb\u202ec", request_id="\x07", request="\x9b7")
    with ScriptedServer(hostile) as server:
        ended = ask(server.url, "signer", "list")
        for_machines = ask(server.url, "signer", "list", "--json")
    assert "a\\x1b[31mb\\u202ec" in ended.err
    assert "sealwright request show \\x9b7" in ended.err
    for shown in (ended.err, for_machines.err):
        assert all(line.isprintable() for line in shown.splitlines())
    assert json.loads(for_machines.err)["error"]["title"] == "a\x1b[31mb\u202ec"


def test_names_are_one_segment_of_a_path_whatever_they_hold() -> None:
    with ScriptedServer(problem()) as server:
        for name in ("../identities", "a/b?c#d", ".."):
            ask(server.url, "signer", "show", "--", name)
    paths = [head.split()[1] for head in server.heads if b"?limit=" not in head]
    assert paths == [
        b"/v1/signers/..%2Fidentities",
        b"/v1/signers/a%2Fb%3Fc%23d",
        b"/v1/signers/%2E%2E",
    ]


def test_shared_options_may_stand_before_and_after_the_subcommand() -> None:
    places: list[Callable[[str], list[str]]] = [
        lambda url: ["--json", "--url", url, "signer", "list"],
        lambda url: ["signer", "--json", "--url", url, "list"],
        lambda url: ["signer", "list", "--json", "--url", url],
        lambda url: ["--url", "http://127.0.0.1:1", "--json", "signer", "list", "--url", url],
    ]
    with ScriptedServer(answer("200 OK", b'{"items": [], "next": null}')) as server:
        for place in places:
            ended = run(*place(server.url), environment={"SEALWRIGHT_API_KEY": KEY})
            assert (ended.code, ended.json()) == (0, {"items": [], "next": None})


@pytest.mark.parametrize(
    "arguments",
    [
        ["signer"],
        ["nothing"],
        ["signer", "create", "release"],
        ["signer", "create", "r", "--key", "dsa", "--common-name", "x"],
        ["signer", "create", "r", "--key", "p256", "--common-name", "x", "--days", "461"],
        ["signer", "list", "--limit", "1001"],
        ["audit", "list", "--since", "yesterday"],
        ["audit", "list", "--since", "2026-01-31T00:00:00"],
        ["audit", "verify", "/nonexistent"],
        ["serve", "--workers", "0"],
        ["serve", "--bind", "0.0.0.0:8443"],
        ["serve", "--tls-cert", "x"],
    ],
)
def test_wrong_usage_is_2(arguments: list[str]) -> None:
    ended = run(*arguments)
    assert ended.code == 2
    assert ended.err.startswith("Usage: sealwright")


def test_a_key_file_that_others_can_read_is_refused_before_anything_is_sent(
    tmp_path: Path,
) -> None:
    key_file = tmp_path / "api.key"
    key_file.write_text(KEY)
    key_file.chmod(0o644)
    with ScriptedServer(b"") as server:
        ended = run("signer", "list", "--url", server.url, "--api-key-file", key_file)
    assert (ended.code, server.heads) == (1, [])
    assert f"chmod 600 {key_file}" in ended.err

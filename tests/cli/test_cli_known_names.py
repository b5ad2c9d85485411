"""Names that are mistyped, and names that a shell completes: only such as the caller may see."""

import json
import re
import subprocess
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from sealwright.cli.failure import NEXT_STEPS
from tests.cli.conftest import NOWHERE, RUN_SECONDS, Caller
from tests.server import COMMAND, ControlPlane, surroundings


@pytest.fixture(scope="module")
def named(control_plane: ControlPlane, admin: Caller) -> None:
    """Things with names, of which an admin sees each."""
    control_plane.create_signer("orchard-releases", "p256")
    admin.json("identity", "create", "hildegard", "--kind", "user")
    admin.json("policy", "create", "harvest", "--max-signings", "1")
    admin.json("group", "create", "gardeners")


@pytest.mark.usefixtures("named")
@pytest.mark.parametrize(
    ("command", "near"),
    [
        ("signer show orchard-release", "orchard-releases"),
        ("signer explain Orchard-Releases", "orchard-releases"),
        ("identity show hildegart", "hildegard"),
        ("policy show havrest", "harvest"),
        ("group show gardener", "gardeners"),
        ("member add orchard-releases hildegrad --role operator", "hildegard"),
        ("signer set-policy orchard-releases harvets", "harvest"),
    ],
)
def test_a_name_that_does_not_exist_says_which_is_near(
    admin: Caller, command: str, near: str
) -> None:
    ended = admin.run(*command.split())
    assert ended.code == 1
    (said,) = (line for line in ended.err.splitlines() if "Did you mean" in line)
    assert near in re.split("[ ?]", said)  # among what other tests have made


@pytest.mark.usefixtures("named")
def test_what_the_caller_may_not_see_is_not_near(machine: Caller) -> None:
    for command in ("signer show orchard-release", "identity show hildegart"):
        ended = machine.run(*command.split())
        assert ended.code == 1
        assert "Did you mean" not in ended.err


def test_the_words_of_the_command_are_nobodys_name(admin: Caller) -> None:
    """`audit` looks like `admin`."""
    assert "Did you mean" not in admin.run("audit", "list", "--actor", "xyzzy-nobody").err


@pytest.mark.usefixtures("named")
def test_for_machines_it_is_a_list(admin: Caller) -> None:
    ended = admin.run("signer", "show", "orchard-release", "--json")
    assert '"near":["orchard-releases"]' in ended.err


def test_a_command_that_does_not_exist_says_which_is_near(admin: Caller) -> None:
    for command, near in (("singer list", "signer"), ("signer lst", "list")):
        ended = admin.run(*command.split())
        assert ended.code == 2
        assert f"Did you mean '{near}'?" in ended.err


PRESS_TAB = """
set -u
eval "$1"
shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_sealwright_completion sealwright
printf '%s\\n' "${COMPREPLY[@]}"
"""


def complete(caller: Caller, tmp_path: Path, line: str) -> list[str]:
    """What bash offers for the last word of LINE."""
    binary = tmp_path / "bin"
    binary.mkdir(exist_ok=True)
    launcher = binary / "sealwright"
    launcher.write_text(f'#!/bin/sh\nexec {" ".join(COMMAND)} "$@"\n')
    launcher.chmod(0o755)
    script = caller.run("completion", "bash")
    assert script.code == 0, script.err
    words = line.split(" ")
    ended = subprocess.run(
        [
            "bash",
            "-c",
            PRESS_TAB,
            "bash",
            script.out,
            *words,
        ],
        capture_output=True,
        text=True,
        env=surroundings(NOWHERE)
        | {
            "PATH": f"{binary}:/usr/bin:/bin",
            "SEALWRIGHT_URL": caller.url,
            "SEALWRIGHT_API_KEY_FILE": str(caller.key_file),
        },
        timeout=RUN_SECONDS,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout.split()


@pytest.mark.usefixtures("named")
@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("sealwright sig", "signer"),
        ("sealwright signer cert", "certificate"),
        ("sealwright signer show orch", "orchard-releases"),
        ("sealwright member add orchard-releases hilde", "hildegard"),
        ("sealwright signer create x --policy harv", "harvest"),
        ("sealwright signer create x --key p3", "p384"),
        ("sealwright group add gard", "gardeners"),
    ],
)
def test_a_shell_completes_commands_options_and_names(
    admin: Caller, tmp_path: Path, line: str, offered: str
) -> None:
    assert complete(admin, tmp_path, line) == [offered]


def test_without_a_server_nothing_is_offered_and_nothing_said(tmp_path: Path) -> None:
    key_file = tmp_path / "key"
    key_file.touch(mode=0o600)
    key_file.write_text("swk_" + "k" * 43)
    nobody = Caller("http://127.0.0.1:1", key_file)
    assert complete(nobody, tmp_path, "sealwright signer show x") == []


@pytest.mark.usefixtures("named")
def test_what_a_shell_would_run_is_not_offered(admin: Caller, tmp_path: Path) -> None:
    """Bash writes what is offered without quotes, and a server can answer anything."""
    signer = admin.json("signer", "show", "orchard-releases")
    names = ("orchard", "orchard;reboot", "orchard$(reboot)", "orchard`reboot`", "orchard|sh")
    page = {"items": [signer | {"name": name} for name in names], "next": None}

    class Hostile(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(page).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Hostile) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        caller = Caller(f"http://127.0.0.1:{server.server_port}", admin.key_file)
        offered = complete(caller, tmp_path, "sealwright signer show orch")
        server.shutdown()
    assert offered == ["orchard"]


def test_a_new_name_is_not_completed(admin: Caller, tmp_path: Path) -> None:
    assert complete(admin, tmp_path, "sealwright signer create orch") == []


@pytest.mark.usefixtures("named")
def test_explain_is_about_oneself_unless_another_is_named(admin: Caller) -> None:
    said = admin.json("signer", "explain", "orchard-releases")
    assert said["title"] == "admin is no member of the signer 'orchard-releases'."


def test_the_root_alone_is_the_last_of_the_chain(admin: Caller) -> None:
    chain = admin.run("ca", "certificate").out
    root = admin.run("ca", "certificate", "--root").out
    assert root.count("BEGIN CERTIFICATE") == 1
    assert chain.endswith(root)


def test_every_refusal_has_its_next_step() -> None:
    from controlplane.errors import Code

    assert {code.value for code in Code} <= set(NEXT_STEPS)

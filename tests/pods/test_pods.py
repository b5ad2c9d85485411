"""No home, no entry in /etc/passwd and no such file, no /tmp, a folder that is gone, stdout closed
or full: each command does its work there, or ends with a sentence and the exit code that says so.
"""

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import click
import msgspec
import pytest

from tests.capability import AS_NOBODY_KNOWN, Capability, needs
from tests.cli.commands import every_command
from tests.pods.order import Ended, Order, Pod
from tests.server import COMMAND, ControlPlane, running, surroundings
from tests.serving.test_read_only_root import with_only
from tests.serving.wire import until

SECONDS = 120
pytestmark = needs(Capability.MOUNTS, Capability.USER_NAMESPACES)

NO_PASSWD = 'mount --bind /dev/null /etc/passwd && exec "$@"'
CODES = {0, 1, 2, 3, 4}

# Where the folders of a store, a home and a key stand, and what each pod is called.
CALLER = {"SEALWRIGHT_API_KEY_FILE": "{folder}/admin.key", "PATH": "/usr/bin:/bin"}
SHUT = {"HOME": "{folder}/shut", "TMPDIR": "{folder}/shut", "LANG": "C", "XDG_CACHE_HOME": "x"}
PODS = [
    Pod("bare", {}),
    Pod("locked-out", SHUT, cwd="{folder}/store"),
    Pod("adrift", {"HOME": "/nonexistent", "TMPDIR": ""}, cwd=None, closed=[0, 2]),
    Pod("mute", {"HOME": "/"}, closed=[0, 1]),
    Pod("full", {"HOME": ""}, full=[1]),
]
TALKING = ["bare", "locked-out", "adrift"]
"""Pods in which an answer can be told."""

STORE = ["--data-dir", "{folder}/plane/data"]
MASTER_KEY = ["--master-key-file", "{folder}/plane/data/master.key"]
NO_KEY = ["--master-key-file", "{folder}/shut/key"]
WORKS = [
    ["init", "--data-dir", "{folder}/{pod}"],
    ["init", "--new-admin-key", *STORE],
    ["backup", "{folder}/{pod}.backup", *STORE],
    ["restore", "{folder}/{pod}.backup", "--yes", "--data-dir", "{folder}/{pod}-2", *MASTER_KEY],
    ["audit", "verify", *STORE],
    ["audit", "export", "--json"],
    ["audit", "report", "--html", "--out", "{folder}/{pod}.html"],
    ["receipt", "get", "{operation}", "--out", "{folder}/{pod}.receipt"],
    ["receipt", "verify", "{folder}/{pod}.receipt", "--log-key", "{log_key}"],
    ["log", "check", "{folder}/checkpoint"],
    ["signer", "list"],
    ["whoami"],
    ["module", "path"],
    ["module", "doctor"],
]
"""Local work and files, all of which can be done wherever there is somebody to tell."""
TRIED = [["init", "--data-dir", "relative-{pod}"], ["backup", "relative-{pod}.backup", *STORE]]
"""Works or not, as the folder is that a pod was started in."""
REFUSED = [
    ["init", "--data-dir", "/nowhere/store"],
    ["init", "--data-dir", "{folder}/shut/store"],
    ["init", "--join", "--data-dir", "/nowhere/store", "--database", "sqlite:////x.db", *NO_KEY],
    ["serve", "--data-dir", "{folder}/shut/store"],
    ["serve", "--data-dir", "/nowhere/store", "--bind", "unix:here"],
    ["serve", *STORE, "--bind", "unix:/nowhere/socket"],
    ["serve", *STORE, "--bind", "127.0.0.1:0", *NO_KEY],
    ["serve", *STORE, "--bind", "127.0.0.1:0", "--anchor", "{folder}/shut/anchor"],
    ["serve", *STORE, "--bind", "127.0.0.1:0", "--tls-cert", "{folder}/shut/x", "--tls-key", "y"],
    ["backup", "/nowhere/backup", *STORE],
    ["backup", "{folder}/shut/backup", *STORE],
    ["backup", "{folder}/{pod}-2.backup", "--data-dir", "{folder}/shut/store"],
    ["restore", "{folder}/shut/backup", *STORE],
    ["restore", "{folder}/{pod}.backup", "--yes", "--data-dir", "/nowhere/store"],
    ["recovery", "detach-policy", "release", "--data-dir", "{folder}/shut/store"],
    ["audit", "verify", "--data-dir", "{folder}/shut/store"],
    ["audit", "verify", "{folder}/shut/export"],
    ["audit", "report", "--html", "--out", "{folder}/shut/report"],
    ["receipt", "get", "{operation}", "--out", "/nowhere/receipt"],
    ["identity", "create", "made-in-{pod}", "--kind", "machine", "--key-out", "/nowhere/key"],
    ["whoami", "--api-key-file", "{folder}/shut/key"],
    ["whoami", "--ca-file", "{folder}/shut/ca"],
    ["whoami", "--url", "unix:/nowhere/socket"],
    ["whoami", "--url", "unix:{folder}/shut/socket"],
]
"""What no pod lets be done."""


def plausible(parameter: click.Parameter) -> list[str]:
    """Arguments for one that has to be there."""
    choices = getattr(parameter.type, "choices", ["release"])
    value = "/etc/hostname" if "File" in type(parameter.type).__name__ else str(choices[0])
    value = "p256" if parameter.name == "key" else value
    return [value] if isinstance(parameter, click.Argument) else [parameter.opts[0], value]


def every_leaf() -> list[list[str]]:
    """Each command with what it has to be given, in whatever the tree is made of today."""
    leaves = []
    for context in every_command():
        if not isinstance(context.command, click.Group):
            needed = [each for each in context.command.get_params(context) if each.required]
            name = context.command_path.split()[1:]
            leaves.append([*name, *(text for each in needed for text in plausible(each))])
    return leaves


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The one that can be written to."""
    made = tmp_path_factory.mktemp("pods")
    (made / "shut").mkdir()
    (made / "store").mkdir()
    (made / "shut").chmod(0)
    yield made
    (made / "shut").chmod(0o700)


@pytest.fixture(scope="module")
def plane(folder: Path) -> Iterator[ControlPlane]:
    with running(folder / "plane") as made:
        made.create_signer("release", "p256", admin="operator")
        (folder / "checkpoint").write_text(made.client().log_checkpoint())
        key = folder / "admin.key"
        key.touch(0o600)
        key.write_text(made.admin_key)
        yield made


@pytest.fixture(scope="module")
def known(folder: Path, plane: ControlPlane) -> dict[str, str]:
    """What stands in commands and variables for what is there."""
    return {
        "folder": str(folder),
        "operation": sign(plane, "release"),
        "log_key": plane.client().log_keys().value.items[0].key,
    }


def sign(plane: ControlPlane, signer: str) -> str:
    """The operation's id."""
    digest = base64.b64encode(bytes(32)).decode()
    asked = Request(  # noqa: S310  # our own URL
        f"{plane.url}/v1/signers/{signer}/sign",
        json.dumps({"scheme": "ecdsa", "hash": "sha256", "digest": digest}).encode(),
        {"Authorization": f"Bearer {plane.admin_key}", "Content-Type": "application/json"},
    )
    with urlopen(asked) as answer:  # noqa: S310
        return str(json.load(answer)["operation_id"])


@pytest.fixture(scope="module")
def commands_run(folder: Path, plane: ControlPlane, known: dict[str, str]) -> list[Ended]:
    """Each command in each pod."""
    caller = CALLER | {"SEALWRIGHT_URL": plane.url}
    pods = [msgspec.structs.replace(each, environment=caller | each.environment) for each in PODS]
    order = Order(known, pods, [*every_leaf(), *WORKS, *TRIED, *REFUSED])
    environment = surroundings(folder)
    del environment["HOME"]
    ended = subprocess.run(
        [*in_a_pod(folder), sys.executable, "-m", "tests.pods.driver"],
        input=msgspec.json.encode(order),
        capture_output=True,
        env=environment,
        cwd="/",
        timeout=SECONDS,
        check=False,
    )
    assert (ended.returncode, ended.stderr.decode()) == (0, "")
    return [msgspec.json.decode(line, type=Ended) for line in ended.stdout.splitlines()]


def in_a_pod(folder: Path) -> list[str]:
    """Around a command that becomes a stranger's, for whom nothing but `folder` is there."""
    return [*with_only(folder), "sh", "-c", NO_PASSWD, "sh", *AS_NOBODY_KNOWN]


def told(runs: list[Ended]) -> str:
    return "\n".join(map(str, runs))


def test_no_command_ends_with_a_traceback(commands_run: list[Ended]) -> None:
    assert told([each for each in commands_run if each.code not in CODES]) == ""
    assert told([each for each in commands_run if "Traceback" in each.err]) == ""


def test_what_can_be_done_is_done_where_the_answer_can_be_told(
    commands_run: list[Ended], known: dict[str, str]
) -> None:
    expected = {
        (pod, *(text.format(pod=pod, **known) for text in command))
        for command in WORKS
        for pod in TALKING
    }
    done = {(each.pod, *each.command) for each in commands_run if each.code == 0}
    assert told([r for r in commands_run if (r.pod, *r.command) in expected - done]) == ""


def test_what_cannot_be_done_is_refused_with_a_sentence(
    commands_run: list[Ended], known: dict[str, str]
) -> None:
    refused = {
        (pod.name, *(text.format(pod=pod.name, **known) for text in command))
        for command in REFUSED
        for pod in PODS
    }
    runs = [each for each in commands_run if (each.pod, *each.command) in refused]
    assert len(runs) == len(refused)
    assert told([each for each in runs if each.code not in {1, 2, 3}]) == ""


def test_whoever_fails_says_why(commands_run: list[Ended]) -> None:
    can_say = {each.name for each in PODS if 2 not in each.closed}
    silent = [
        r for r in commands_run if r.pod in can_say and r.code and not (r.err or r.out).strip()
    ]
    assert told(silent) == ""


def test_a_server_serves_without_a_home_with_stdin_and_stderr_closed(tmp_path: Path) -> None:
    plane = ControlPlane.install(tmp_path)
    nothing = ["env", "-u", "HOME", "-u", "TMPDIR", "sh", "-c", 'exec "$@" <&- 2>&-', "sh"]
    plane.around = (*in_a_pod(tmp_path), *nothing)
    plane.start()
    try:
        plane.create_signer("release", "p256", admin="operator")
        assert sign(plane, "release")
    finally:
        plane.stop()


def test_a_server_serves_whom_nobody_listens_to(tmp_path: Path) -> None:
    """Its stdout is closed, its stderr full."""
    plane = ControlPlane.install(tmp_path)
    socket = tmp_path / "socket"
    serve = [*COMMAND, "serve", "--data-dir", str(tmp_path / "data"), "--bind", f"unix:{socket}"]
    with subprocess.Popen(
        [*in_a_pod(tmp_path), "sh", "-c", 'exec "$@" >&- 2>/dev/full', "sh", *serve],
        env=surroundings(tmp_path),
    ) as server:
        try:
            plane.url = f"unix:{socket}"
            until(socket.exists)
            assert plane.client().whoami().value.name == "admin"
        finally:
            server.terminate()
        assert server.wait(SECONDS) == 0

"""What each list reads like on a terminal of 80 columns: a recorded session, to the letter.

`SEALWRIGHT_WRITE_GOLDEN=1 pytest tests/cli/test_cli_at_80_columns.py` records it anew. Ids are
numbered in the order in which they come. It is three hours after all was made, so that what
people read of times stays.
"""

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
import threading
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from sealwright.cli import short_id, tabular, text
from sealwright.cli.columns import width
from sealwright.cli.run import run as run_here
from sealwright.client.errors import Refused
from tests.cli.commands import every_command
from tests.cli.conftest import KEY, NOWHERE, Run, run_in_this_process
from tests.cli.scripted_server import ScriptedServer, ok
from tests.server import COMMAND, ControlPlane, running, surroundings

SESSION = Path(__file__).parent / "session"
AGES = timedelta(hours=3, minutes=30)  # in the middle of what is told as an hour
LISTS: dict[str, tuple[str, ...]] = {
    "identity list": (),
    "identity show": ("eve",),
    "group list": (),
    "settings list": (),
    "signer list": (),
    "signer show": ("release",),
    "member list": ("release",),
    "policy list": (),
    "policy show": ("two-steps",),
    "request list": (),
    "request show": ("REQUEST",),
    "proposal list": (),
    "proposal show": ("PROPOSAL",),
    "grant list": (),
    "grant show": ("GRANT",),
    "audit list": ("--limit", "12"),
    "audit report": ("--outcome", "all"),
}
"""Of a server."""

AT = "2026-12-01T05:00:00Z"
LATER = "2026-12-01T05:10:00Z"
ID = "019a0000-0000-7000-8000-00000000000"
SCRIPTED: dict[str, list[dict[str, Any]]] = {
    "jobs list": [
        {
            "name": "deletions",
            "does": "destroys keys",
            "every_seconds": 3600,
            "next_at": LATER,
            "ran_at": AT,
            "succeeded_at": AT,
            "failures": 0,
            "failed_at": None,
            "failure": None,
            "node": "node-1.example.org",
            "process": 4711,
        },
        {
            "name": "witnessing",
            "does": "asks witnesses",
            "every_seconds": 60,
            "next_at": LATER,
            "ran_at": AT,
            "succeeded_at": None,
            "failures": 3,
            "failed_at": AT,
            "failure": "https://witness.example.org/log answered with 502",
            "node": "node-1.example.org",
            "process": 4711,
        },
    ],
    "recovery list": [
        {"kind": "api_key", "id": f"{ID}1", "identity": "ci", "at": AT},
        {"kind": "grant", "id": f"{ID}2", "identity": "ci", "at": AT, "signer": "release"},
        {
            "kind": "approval",
            "id": f"{ID}3:1:ann.of.the.release.team@example.org",
            "identity": "ann.of.the.release.team@example.org",
            "at": AT,
            "signer": "release",
        },
    ],
    "log witness list": [
        {
            "id": f"{ID}4",
            "name": "witness.example.org/w1",
            "url": "https://witness.example.org/a/rather/long/address",
            "key": "witness.example.org/w1+01020304+AAAA",
            "created_at": AT,
            "succeeded_at": AT,
            "size": 123456,
            "failed_at": None,
            "failure": None,
        },
        {
            "id": f"{ID}5",
            "name": "other.example.net",
            "url": "https://other.example.net",
            "key": "other.example.net+01020304+AAAA",
            "created_at": AT,
            "succeeded_at": None,
            "size": None,
            "failed_at": AT,
            "failure": "did not answer within 10 s",
        },
    ],
}
"""What a server says only after a rollback, a failure or a while."""


class World:
    """Objects of all kinds at one server. `ids`: of what some commands show."""

    def __init__(self, plane: ControlPlane) -> None:
        self.url = plane.url
        self._plane = plane
        self.keys = {"admin": plane.admin_key}
        self._fill()
        self.at = datetime.now(UTC)

    def run(self, who: str, *arguments: str) -> Run:
        environment = {"SEALWRIGHT_URL": self.url, "SEALWRIGHT_API_KEY": self.keys[who]}
        return run_in_this_process(*arguments, environment=environment)

    def made(self, who: str, *arguments: str) -> Any:
        ended = self.run(who, *arguments, "--json")
        assert ended.code in (0, 4), ended.err
        return ended.json()

    def _fill(self) -> None:
        for name, kind in (("ann", "user"), ("bob.miller@example.org", "user"), ("ci", "machine")):
            new = self.made("admin", "identity", "create", name, "--kind", kind)
            self.keys[name] = new["api_key"]
        self.keys["nobody"] = self.made("admin", "identity", "create", "nobody", "--kind", "user")[
            "api_key"
        ]
        self.made("admin", "identity", "create", "eve", "--kind", "user")  # who never calls
        self.made(
            "admin", "identity", "key", "add", "eve", "--expires", "30d", "--from", "10.0.0.0/8"
        )
        self.made("admin", "identity", "key", "add", "eve", "--enrol")
        self.made("admin", "group", "create", "security")
        self.made("admin", "group", "add", "security", "ann")
        self.made("admin", "group", "add", "security", "bob.miller@example.org")
        for signer, key in (("release", "p256"), ("a-signer-with-a-rather-long-name", "p384")):
            self.made(
                "admin", "signer", "create", signer, "--key", key, "--common-name", f"ACME {key}"
            )
        self.made("admin", "member", "add", "release", "ci", "--role", "operator")
        steps = ("--step", "lead:1:ann", "--step", "security:1:@security")
        bounds = ("--max-window", "8h", "--max-signings", "5", "--hash", "sha256")
        self.made("admin", "policy", "create", "two-steps", *bounds, *steps)
        self.made("admin", "policy", "create", "lone", "--max-window", "2d")
        self.made("admin", "signer", "set-policy", "release", "two-steps")
        asked = [
            self.made("ci", "request", "create", "release", "--why", why, "--signings", number)
            for why, number in (
                ("Release 4.2.1 of the installer, with the fix for the customer in 大阪", "1"),
                ("4.2.2", "2"),
                ("4.2.3", "3"),
            )
        ]
        self.made("ann", "request", "approve", asked[1]["id"], "--comment", "seen")
        self.made("ann", "request", "reject", asked[2]["id"], "--why", "tests are red")
        done = self.made("bob.miller@example.org", "request", "approve", asked[1]["id"])
        for hash_, octets in (("sha256", 32), ("sha512", 64)):
            self._sign(hash_, octets)
        self.made("admin", "policy", "edit", "two-steps", "--max-signings", "9", "--protected")
        proposed = self.made("admin", "signer", "set-policy", "release", "none")["proposal"]
        self.ids = {
            "REQUEST": asked[0]["id"],
            "PROPOSAL": proposed["id"],
            "GRANT": done["grant_id"],
        }

    def _sign(self, hash_: str, octets: int) -> None:
        """With a hash that the policy allows, or not."""
        digest = b64encode(b"\xd1" * octets).decode()
        body = {"scheme": "ecdsa", "hash": hash_, "digest": digest}
        with suppress(Refused):
            self._plane.client(self.keys["ci"])._call(
                "POST", "/v1/signers/release/sign", dict[str, Any], body
            )


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running(tmp_path_factory.mktemp("tables") / "plane") as plane:
        yield World(plane)


class Terminal:
    """A real one, on which commands of this process write. `shown`: all that stands on it."""

    def __init__(self) -> None:
        self._master, self._slave = pty.openpty()
        self._pieces: list[bytes] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        with suppress(OSError):  # its other end is closed
            while piece := os.read(self._master, 65536):
                self._pieces.append(piece)

    def show(self, url: str, key: str, arguments: Sequence[str], **more: str) -> str:
        said = {"SEALWRIGHT_URL": url, "SEALWRIGHT_API_KEY": key, "COLUMNS": "80"}
        said |= {"TERM": "xterm-256color", "NO_COLOR": "1"} | more
        variables = {name: value for name, value in said.items() if value}
        with (
            os.fdopen(self._slave, "w", encoding="utf-8") as screen,
            patch.dict(os.environ, surroundings(NOWHERE) | variables, clear=True),
            redirect_stdout(screen),
            redirect_stderr(screen),
        ):
            run_here(list(arguments))
        self._reader.join()
        os.close(self._master)
        return b"".join(self._pieces).decode().replace("\r\n", "\n")


@contextmanager
def three_hours_after(time: datetime) -> Iterator[None]:
    with ExitStack() as patches:
        for module in (tabular, text):
            patches.enter_context(patch.object(module, "now", lambda: time + AGES))
        yield


def recorded(world: World, command: str) -> tuple[list[str], str]:
    """What was typed, and what stood on the terminal."""
    if command in SCRIPTED:
        arguments = command.split()
        with (
            ScriptedServer(ok({"items": SCRIPTED[command], "next": None})) as server,
            three_hours_after(datetime.fromisoformat(AT)),
        ):
            return arguments, Terminal().show(server.url, KEY, arguments)
    arguments = [*command.split(), *(world.ids.get(each, each) for each in LISTS[command])]
    with three_hours_after(world.at):
        return arguments, Terminal().show(world.url, world.keys["admin"], arguments)


_ID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b[0-9a-f]{8}\b")
_NOT_THE_SAME = (
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"), "2026-12-01T05:00:00Z"),
    (re.compile(r"\d{4}-\d\d-\d\d(?!T)"), "2026-12-01"),
    (re.compile(r"(?<=certificate serial  )[0-9a-f]+"), "5" * 32),
    (re.compile(r"\b\d+s old"), "9s old"),
)


def steady(shown: str) -> str:
    """The same for another world that was made alike: ids as wide as they are, and numbered."""
    numbers: dict[str, str] = {}

    def numbered(found: re.Match[str]) -> str:
        end = found[0][-8:]
        number = numbers.setdefault(end, f"{len(numbers) + 1:08d}")
        return found[0][:-8].translate(str.maketrans("123456789abcdef", "0" * 15)) + number

    shown = _ID.sub(numbered, shown)
    for pattern, instead in _NOT_THE_SAME:
        shown = pattern.sub(instead, shown)
    return shown


def golden_file(command: str) -> Path:
    return SESSION / f"{command.replace(' ', '-')}.txt"


@pytest.mark.parametrize("command", [*LISTS, *SCRIPTED])
def test_a_terminal_of_80_columns_shows_what_was_agreed(world: World, command: str) -> None:
    arguments, shown = recorded(world, command)
    session = steady(f"$ sealwright {' '.join(arguments)}\n{shown}")
    golden = golden_file(command)
    if os.environ.get("SEALWRIGHT_WRITE_GOLDEN"):
        golden.write_text(session)
    assert session == golden.read_text()
    assert [line for line in shown.splitlines() if width(line) > 80] == []


def test_each_list_has_its_session_and_no_session_is_left_of_one_that_is_gone() -> None:
    lists = {
        context.command_path.removeprefix("sealwright ")
        for context in every_command()
        if context.info_name == "list"
    }
    assert lists <= {*LISTS, *SCRIPTED}
    expected = {golden_file(command) for command in (*LISTS, *SCRIPTED)}
    assert set(SESSION.iterdir()) == expected


@pytest.mark.parametrize("columns", [40, 60, 80, 132, 400])
@pytest.mark.parametrize("command", ["request list", "grant list", "signer list", "audit list"])
def test_ids_and_states_are_whole_at_any_width(world: World, command: str, columns: int) -> None:
    key = world.keys["admin"]
    shown = Terminal().show(world.url, key, command.split(), COLUMNS=str(columns))
    listed = world.made("admin", *command.split())["items"]
    assert all(width(line) <= columns for line in shown.splitlines())
    for each in listed:
        if command in ("request list", "grant list"):
            assert short_id.short(each["id"]) in shown
        for member in ("state", "status", "outcome"):
            assert (each.get(member) or "") in shown


@pytest.mark.parametrize("columns", [40, 60])
def test_one_thing_is_whole_on_a_narrow_terminal_too(world: World, columns: int) -> None:
    arguments = ["grant", "show", world.ids["GRANT"]]
    shown = Terminal().show(world.url, world.keys["admin"], arguments, COLUMNS=str(columns))
    assert all(width(line) <= columns for line in shown.splitlines())
    assert world.ids["GRANT"] in shown
    assert world.ids["REQUEST"] not in shown
    assert re.search(r"^until *\n? +\d{4}-\d\d-\d\dT", shown, re.MULTILINE)


def test_a_terminal_says_itself_how_wide_it_is(world: World) -> None:
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 64, 0, 0))
    variables = {"SEALWRIGHT_URL": world.url, "SEALWRIGHT_API_KEY": world.keys["admin"]}
    said = surroundings(NOWHERE) | variables | {"TERM": "xterm"}
    with subprocess.Popen(
        [*COMMAND, "grant", "list"],
        stdout=slave,
        stderr=subprocess.DEVNULL,
        env={name: value for name, value in said.items() if name != "COLUMNS"},
    ) as running_command:
        os.close(slave)
        pieces = []
        with suppress(OSError):
            while piece := os.read(master, 65536):
                pieces.append(piece)
    os.close(master)
    assert running_command.returncode == 0
    heading, *lines = b"".join(pieces).decode().splitlines()
    assert heading.startswith("\x1b[1mID")
    assert 40 < max(map(width, lines)) <= 64


def test_an_id_among_names_is_shown_by_its_end() -> None:
    columns = [tabular.word("sequence"), tabular.either("on")]
    rows = [(2, "release"), (1, f"{ID}1")]
    shown = list(tabular.lines(columns, rows, for_a_terminal=True))
    assert [line.split() for line in shown[1:]] == [["2", "release"], ["1", f"{ID}1"[-8:]]]
    assert f"{ID}1" in list(tabular.lines(columns, rows, for_a_terminal=False))[2]


@pytest.mark.parametrize("plain", [{"NO_COLOR": "1"}, {"NO_COLOR": "", "TERM": "dumb"}])
def test_who_wants_no_colours_gets_none(world: World, plain: dict[str, str]) -> None:
    key = world.keys["admin"]
    assert "\x1b" in Terminal().show(world.url, key, ["grant", "list"], NO_COLOR="")
    assert "\x1b" not in Terminal().show(world.url, key, ["grant", "list"], **plain)


def test_an_approval_by_a_short_id_is_of_that_request_and_names_it_in_full(world: World) -> None:
    asked = world.made("ci", "request", "create", "release", "--why", "short")["id"]
    short = short_id.short(asked)
    shown = world.run("ci", "request", "show", short.upper()).out
    assert f"id         {asked}\n" in shown
    refused = world.run("ci", "request", "approve", short)
    assert "(code own_request" in refused.err
    ended = world.run("admin", "request", "cancel", short)
    assert ended.code == 0, ended.err
    assert world.made("ci", "request", "show", asked)["state"] == "cancelled"
    grant = world.ids["GRANT"]
    assert f"  {grant}\n" in world.run("admin", "grant", "show", short_id.short(grant)).out
    proposal = world.ids["PROPOSAL"]
    rejected = world.run("admin", "proposal", "show", short_id.short(proposal))
    assert f"  {proposal}\n" in rejected.out


def test_a_short_id_finds_nothing_that_one_may_not_see(world: World) -> None:
    for noun, name in (("request", "REQUEST"), ("grant", "GRANT"), ("proposal", "PROPOSAL")):
        ended = world.run("nobody", noun, "show", short_id.short(world.ids[name]))
        assert (ended.code, ended.out) == (1, "")
        assert ended.err.startswith(f"Error: No {noun} that you may see has an id that ends in ")


def test_an_api_key_is_revoked_by_its_short_id(world: World) -> None:
    key = world.made("admin", "identity", "key", "add", "nobody")["id"]
    ended = world.run("admin", "identity", "key", "revoke", "nobody", short_id.short(key))
    assert ended.code == 0, ended.err
    assert f"Revoked: the API key {key} of nobody.\n" in ended.err
    keys = {each["id"]: each for each in world.made("admin", "identity", "show", "nobody")["keys"]}
    assert keys[key]["revoked_at"] is not None
    assert [each for each in keys.values() if each["revoked_at"] is None]


def test_pipes_get_whole_ids_and_times_and_every_column(world: World) -> None:
    ended = world.run("admin", "request", "list")
    heading, first, *_ = ended.out.splitlines()
    assert heading.split()[:5] == ["ID", "CREATED", "REQUESTER", "SIGNER", "STATE"]
    assert heading.split()[-1] == "WHY"
    assert re.match(r"[0-9a-f-]{36}  \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ  ", first)
    assert ended.err == ""

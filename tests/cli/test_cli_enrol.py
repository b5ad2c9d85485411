"""A code from one person, a key at another's: sealwright enrol, as both run it."""

import os
import pty
import re
import select
import stat
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import NOWHERE, Caller, run
from tests.server import COMMAND, surroundings

API_KEY = re.compile(r"swk_[A-Za-z0-9]{43}")
CODE = re.compile(r"swe_[A-Za-z0-9]{43}")
A_CODE = "swe_" + "c" * 43


@pytest.fixture
def code(admin: Caller, tmp_path: Path) -> str:
    """Of a machine that is named after the test's folder."""
    arguments = ("identity", "create", tmp_path.name, "--kind", "machine", "--enrol")
    return str(admin.json(*arguments)["enrolment_code"])


def test_a_new_identity_is_given_a_code_for_people_on_the_last_line(
    admin: Caller, tmp_path: Path
) -> None:
    made = admin.run("identity", "create", tmp_path.name, "--kind", "user", "--enrol")
    assert made.code == 0, made.err
    assert CODE.fullmatch(made.out.splitlines()[-1])
    assert not API_KEY.search(made.out)
    assert "sealwright enrol" in made.err
    shown = admin.run("identity", "show", tmp_path.name).out
    assert "ENROLMENT ID" in shown
    assert not CODE.search(shown)


def test_the_code_on_stdin_becomes_a_key_on_the_last_line(admin: Caller, code: str) -> None:
    # A key that is set is not used, nor need there be one where it is to go.
    here = {"SEALWRIGHT_URL": admin.url, "SEALWRIGHT_API_KEY_FILE": "/nonexistent"}
    ended = run("enrol", "-", given=f" {code}\n".encode(), environment=here)
    assert ended.code == 0, ended.err
    assert API_KEY.fullmatch(ended.out.splitlines()[-1])
    assert code not in ended.out + ended.err
    again = run("enrol", "-", given=code.encode(), environment=here)
    assert (again.code, "code enrolment_unknown" in again.err) == (1, True)
    assert code not in again.out + again.err


def test_whoever_enrols_hears_of_keys_that_worked_before(
    admin: Caller, code: str, tmp_path: Path
) -> None:
    """Or an admin who used a code first would be them for good, and they would not know."""
    here = {"SEALWRIGHT_URL": admin.url}
    first = run("enrol", "-", given=code.encode(), environment=here)
    assert "warning" not in first.err
    again = admin.json("identity", "key", "add", tmp_path.name, "--enrol")["enrolment_code"]
    second = run("enrol", "-", given=again.encode(), environment=here)
    (key,) = (each["id"] for each in admin.json("identity", "show", tmp_path.name)["keys"][:1])
    warning = f"warning: Another API key calls as {tmp_path.name} too: {key}, enrolled with a code"
    assert warning in second.err
    assert API_KEY.fullmatch(second.out.splitlines()[-1])


def test_the_code_in_a_file_becomes_a_key_in_another(
    admin: Caller, code: str, tmp_path: Path
) -> None:
    code_file, key_file = tmp_path / "code", tmp_path / "api.key"
    code_file.write_text(code)
    arguments = ("enrol", "--code-file", code_file, "--key-out", key_file, "--json")
    here = {"SEALWRIGHT_URL": admin.url}
    code_file.chmod(0o644)
    refused = run(*arguments, environment=here)
    assert (refused.code, "chmod 600" in refused.err) == (1, True)
    assert not key_file.exists()
    code_file.chmod(0o600)
    ended = run(*arguments, environment=here)
    assert ended.code == 0, ended.err
    assert (ended.json()["identity"], ended.json()["enrolled"]) == (tmp_path.name, True)
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert not API_KEY.search(ended.out + ended.err)
    who = Caller(admin.url, key_file).json("whoami")
    assert (who["name"], who["key"]["enrolled"]) == (tmp_path.name, True)
    refused = run(*arguments[:4], tmp_path / "other.key", environment=here)
    assert (refused.code, (tmp_path / "other.key").exists()) == (1, False)


def test_at_a_terminal_the_code_is_asked_for_and_not_shown(admin: Caller, code: str) -> None:
    terminal, inner = pty.openpty()
    environment = surroundings(NOWHERE) | {"SEALWRIGHT_URL": admin.url}
    with subprocess.Popen(
        [*COMMAND, "enrol"],
        stdin=inner,
        stdout=subprocess.PIPE,
        stderr=inner,
        env=environment,
        start_new_session=True,
    ) as process:
        seen = b""
        while b"Enrolment code" not in seen:
            assert select.select([terminal], [], [], 30)[0], seen
            seen += os.read(terminal, 4096)
        os.write(terminal, f"{code}\n".encode())
        assert process.stdout is not None
        out = process.stdout.read().decode()
    assert process.returncode == 0
    while select.select([terminal], [], [], 0)[0]:
        seen += os.read(terminal, 4096)
    for each in (terminal, inner):
        os.close(each)
    assert API_KEY.fullmatch(out.splitlines()[-1])
    assert code.encode() not in seen


def test_a_key_is_added_by_a_code_with_its_limits(admin: Caller, tmp_path: Path) -> None:
    admin.json("identity", "create", tmp_path.name, "--kind", "user")
    add = ("identity", "key", "add", tmp_path.name, "--enrol")
    made = admin.json(*add, "--expires", "90d", "--from", "127.0.0.0/8")
    assert made["expires_in_seconds"] == 90 * 24 * 3600
    here = {"SEALWRIGHT_URL": admin.url}
    ended = run("enrol", "-", "--json", given=made["enrolment_code"].encode(), environment=here)
    assert ended.json()["allowed_addresses"] == ["127.0.0.0/8"]
    lines = admin.run("identity", "show", tmp_path.name).out.splitlines()
    assert lines[-1].split()[2:4] == ["admin", "yes"]
    assert CODE.fullmatch(admin.run(*add).out.splitlines()[-1])


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ((A_CODE,), 2, "whoever lists processes sees arguments"),
        (("-", "--code-file", "x"), 2, "--code-file"),
        ((), 1, "sealwright enrol -"),
        (("-",), 1, "it is swe_ and 43 letters or digits"),
        (("--code-file", "/nonexistent"), 1, "/nonexistent: cannot read the enrolment code"),
    ],
)
def test_what_cannot_be_used_is_told_without_asking_the_server(
    arguments: tuple[str, ...], code: int, says: str
) -> None:
    ended = run("enrol", *arguments, given=b"swk_x")
    assert ended.code == code
    assert says in ended.err
    assert "swe_c" not in ended.err


def test_neither_code_nor_key_goes_over_the_network_in_clear() -> None:
    here = {"SEALWRIGHT_URL": "http://192.0.2.1"}
    ended = run("enrol", "-", given=A_CODE.encode(), environment=here)
    assert (ended.code, "in clear" in ended.err) == (1, True)


@pytest.mark.parametrize(
    "arguments",
    [("identity", "create", "x", "--kind", "user"), ("identity", "key", "add", "x")],
)
def test_a_code_is_no_key_to_be_put_into_a_file(arguments: tuple[str, ...]) -> None:
    ended = run(*arguments, "--enrol", "--key-out", "/nonexistent/key")
    assert (ended.code, "--key-out" in ended.err) == (2, True)


def test_a_request_shows_with_which_key_each_decision_was_made(
    admin: Caller, tmp_path: Path
) -> None:
    name, lead = tmp_path.name, tmp_path / "lead.key"
    here = {"SEALWRIGHT_URL": admin.url}
    invited = admin.json("identity", "create", f"{name}-lead", "--kind", "user", "--enrol")
    run("enrol", "-", "--key-out", lead, given=invited["enrolment_code"].encode(), environment=here)
    asker = tmp_path / "asker.key"
    admin.json("identity", "create", name, "--kind", "machine", "--key-out", asker)
    steps = ("--max-signings", "1", "--step", f"lead:1:{name}-lead")
    admin.json("policy", "create", name, *steps)
    signer = "decided-by-an-enrolled-key"
    create = ("signer", "create", signer, "--key", "p256", "--common-name", name)
    admin.json(*create, "--policy", name)
    admin.json("member", "add", signer, name, "--role", "operator")
    request = Caller(admin.url, asker).json("request", "create", signer, "--why", "x")["id"]
    Caller(admin.url, lead).json("request", "approve", request)
    key = Caller(admin.url, lead).json("whoami")["key"]["id"]
    shown = admin.run("request", "show", request).out
    assert re.search(
        rf"with api key {key}, \d+s old, enrolled by its holder, at the invitation of admin", shown
    )

"""Command names, options and help are a promise: golden files hold them to the letter.

`SEALWRIGHT_WRITE_GOLDEN=1 pytest tests/cli/test_cli_help.py` writes them anew.
"""

import os
import re
from pathlib import Path

import pytest

from sealwright.cli.failure import NEXT_STEPS
from tests.cli.commands import command_paths, every_command

GOLDEN = Path(__file__).parent / "golden"
ON_THE_MACHINE = ("init", "serve", "backup", "restore", "recovery", "module", "completion")

OFFLINE = ("sealwright receipt verify",)


def golden_file(command_path: str) -> Path:
    return GOLDEN / f"{command_path.replace(' ', '-')}.txt"


@pytest.mark.parametrize("command_path", command_paths())
def test_help_reads_as_it_was_agreed(command_path: str) -> None:
    context = next(each for each in every_command() if each.command_path == command_path)
    text = context.command.get_help(context) + "\n"
    golden = golden_file(command_path)
    if os.environ.get("SEALWRIGHT_WRITE_GOLDEN"):
        golden.write_text(text)
    assert text == golden.read_text()


def test_no_golden_file_is_left_of_a_command_that_is_gone() -> None:
    expected = {golden_file(command_path).name for command_path in command_paths()}
    assert {path.name for path in GOLDEN.iterdir()} == expected


def test_the_commands_are_those_of_the_contract() -> None:
    leaves = [
        context.command_path.removeprefix("sealwright ")
        for context in every_command()
        if not hasattr(context.command, "commands")
    ]
    assert leaves == [
        "init",
        "serve",
        "health",
        "identity create",
        "identity list",
        "identity show",
        "identity edit",
        "identity accept",
        "identity disable",
        "identity enable",
        "identity key add",
        "identity key revoke",
        "enrol",
        "whoami",
        "group create",
        "group delete",
        "group list",
        "group show",
        "group add",
        "group remove",
        "settings list",
        "settings set",
        "jobs list",
        "signer create",
        "signer list",
        "signer show",
        "signer disable",
        "signer enable",
        "signer renew",
        "signer delete",
        "signer undelete",
        "signer set-policy",
        "signer csr",
        "signer install-certificate",
        "signer certificate",
        "signer explain",
        "ca certificate",
        "member add",
        "member remove",
        "member list",
        "policy create",
        "policy list",
        "policy show",
        "policy edit",
        "policy delete",
        "request create",
        "request list",
        "request show",
        "request approve",
        "request reject",
        "request cancel",
        "proposal list",
        "proposal show",
        "proposal approve",
        "proposal reject",
        "proposal cancel",
        "grant create",
        "grant list",
        "grant show",
        "grant revoke",
        "audit list",
        "audit show",
        "audit report",
        "audit export",
        "audit verify",
        "receipt get",
        "receipt verify",
        "log key",
        "log check",
        "log witness add",
        "log witness list",
        "log witness remove",
        "backup",
        "restore",
        "recovery list",
        "recovery confirm",
        "recovery accept-clock",
        "recovery detach-policy",
        "module path",
        "module doctor",
        "setup",
        "completion",
    ]


def test_next_steps_name_commands_that_there_are() -> None:
    named = {
        command
        for next_step in NEXT_STEPS.values()
        for command in re.findall(r"sealwright(?: [a-z][a-z-]*)+", next_step)
    }
    assert len(named) > 10
    assert named <= set(command_paths())


@pytest.mark.parametrize("code", ["admin_required", "reader_required"])
def test_who_is_no_admin_is_not_sent_to_what_only_admins_may(code: str) -> None:
    assert "sealwright " not in NEXT_STEPS[code]


@pytest.mark.parametrize("code", ["not_initialised", "already_initialised"])
def test_each_next_step_about_a_store_says_which_one(code: str) -> None:
    for command in re.findall(r"sealwright (?:init|serve)[^.]*", NEXT_STEPS[code]):
        assert "--data-dir DIR" in command


def test_every_command_takes_json_and_help() -> None:
    for context in every_command():
        options = {name for p in context.command.get_params(context) for name in p.opts}
        assert {"--json", "--help"} <= options, context.command_path


def test_every_command_that_calls_the_server_says_where_and_who() -> None:
    for context in every_command():
        if context.command_path.split()[1:2] in [[name] for name in ON_THE_MACHINE]:
            continue
        if context.command_path in OFFLINE:
            continue
        options = {name for p in context.command.get_params(context) for name in p.opts}
        assert {"--url", "--api-key-file", "--ca-file"} <= options, context.command_path

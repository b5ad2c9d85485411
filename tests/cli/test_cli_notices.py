"""After a command its caller is told what others did to them: once, on stderr."""

from pathlib import Path

from tests.cli.conftest import Caller


def test_a_notice_is_told_once_after_any_command_and_to_each_key(
    admin: Caller, machine: Caller, tmp_path: Path
) -> None:
    name = tmp_path.name
    second = tmp_path / "second.key"
    admin.json("identity", "key", "add", name, "--key-out", second)
    other = Caller(admin.url, second)
    third = admin.json("identity", "key", "add", name)["id"]
    gave = f"admin gave you a new API key ({third})."
    told = machine.run("signer", "list")
    assert told.code == 0
    lines = told.err.splitlines()
    assert len(lines) == 2
    assert all(line.startswith("notice: 20") for line in lines)
    assert lines[1].endswith(gave)
    assert "notice" not in told.out
    assert machine.run("signer", "list").err == ""
    assert other.run("whoami").err.splitlines()[-1].endswith(gave)


def test_a_machine_finds_them_in_whoami_and_they_stay(
    admin: Caller, machine: Caller, tmp_path: Path
) -> None:
    admin.json("identity", "key", "add", tmp_path.name)
    for _ in range(2):
        assert machine.run("signer", "list", "--json").err == ""
        assert len(machine.json("whoami")["notices"]) == 1
    refused = machine.run("signer", "show", "ghost")
    assert (refused.code, refused.err.count("notice: ")) == (1, 1)
    assert machine.json("whoami")["notices"] == []

"""What goes into .deb and .rpm, before it is built: unit, scripts, lists of contents."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from sealwright.cli.serve import serve

LINUX = Path(__file__).parents[2] / "packaging" / "linux"
SERVER = LINUX / "server"
UNIT = SERVER / "sealwright.service"
MOST_EXPOSED = 3.0
SCRIPTS = ["postinst", "prerm", "postrm"]


def contents(package: str) -> list[dict[str, str]]:
    listed = yaml.safe_load((LINUX / package / "nfpm.yaml").read_text())["contents"]
    assert isinstance(listed, list)
    return listed


def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("/usr/bin/sealwright", "/usr/bin/true"))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert [line for line in done.stderr.splitlines() if UNIT.name in line] == []


def test_the_unit_is_hardened() -> None:
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", str(UNIT)],
        capture_output=True,
        text=True,
        check=True,
    )
    (exposed,) = re.findall(r"exposure level for \S+: ([0-9.]+)", done.stdout)
    assert float(exposed) <= MOST_EXPOSED


def test_the_unit_starts_with_options_that_serve_has() -> None:
    (command,) = re.findall(r"^ExecStart=(.*)$", UNIT.read_text(), re.MULTILINE)
    has = {option for parameter in serve.params for option in parameter.opts}
    example = (SERVER / "server.env").read_text()
    for named in (command, example):
        options = set(re.findall(r"--[\w-]+", named))
        assert options
        assert options <= has


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_scripts_are_a_plain_shells(name: str) -> None:
    subprocess.run(["sh", "-n", str(SERVER / name)], check=True)


def test_what_is_packed_exists_or_is_built() -> None:
    for package in ("pkcs11", "server"):
        for each in contents(package):
            if each.get("type") != "symlink":
                source = each["src"]
                assert source.startswith("${") or (LINUX.parents[1] / source).is_file()


def test_no_file_is_of_both_packages() -> None:
    ours, theirs = ({each["dst"] for each in contents(name)} for name in ("pkcs11", "server"))
    assert ours.isdisjoint(theirs)


@pytest.mark.parametrize("has_store", [True, False])
def test_a_purge_keeps_a_store_and_its_user(tmp_path: Path, has_store: bool) -> None:
    store = tmp_path / "store"
    store.mkdir()
    if has_store:
        (store / "anchor.json").touch()
    commands = tmp_path / "bin"
    commands.mkdir()
    for name in ("deluser", "systemctl"):
        stub = commands / name
        stub.write_text(f'#!/bin/sh\necho {name} "$@" >> {tmp_path}/called\n')
        stub.chmod(0o755)
    script = (SERVER / "postrm").read_text()
    assert "/var/lib/sealwright" in script
    done = subprocess.run(
        ["sh", "-c", script.replace("/var/lib/sealwright", str(store)), "postrm", "purge"],
        env={"PATH": f"{commands}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    called = tmp_path / "called"
    user_went = called.exists() and "deluser" in called.read_text()
    assert store.exists() is has_store
    assert user_went is not has_store
    assert ("holds a store, and stays" in done.stdout) is has_store

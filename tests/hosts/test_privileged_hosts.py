"""A set-uid program, run by a user who means it no good: only /etc/sealwright counts.

The machine's /etc is another one for these tests, in a mount namespace of their own.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.capability import IN_NAMESPACE, STRANGER, Capability, as_user, needs
from tests.hosts.conftest import Secure
from tests.hosts.host import Ended, Hosts, verify
from tests.server import ControlPlane

pytestmark = needs(Capability.SET_USER_ID, Capability.GIVING_AWAY, Capability.MOUNTS)

USER = STRANGER
NEEDED = ("hosts", "nsswitch.conf", "ld.so.cache")
OTHER_ETC = 'mount --make-rprivate / && mount --bind "$0" /etc && exec "$@"'
SIGN = ("p256", "own", "1", "1")
ELSEWHERE = "http://127.0.0.1:1"
WRONG_KEY = "swk_" + "A" * 43
MACHINE_KEY = "/etc/sealwright/builder.key"


@dataclass(frozen=True)
class Machine:
    """`etc` is what /etc will be; `home` is the user's, and theirs to fill."""

    hosts: Hosts
    etc: Path
    home: Path
    url: str

    @property
    def folder(self) -> Path:
        return self.etc / "sealwright"

    def configure(self, api_key_file: str = MACHINE_KEY, more: str = "") -> Path:
        file = self.folder / "pkcs11.toml"
        file.write_text(f'url = "{self.url}"\napi_key_file = "{api_key_file}"\n{more}')
        file.chmod(0o644)
        return file

    def with_authority_named(self, file: Path) -> "Machine":
        """For every program that its user starts."""
        named = {"SSL_CERT_FILE": str(file), "SSL_CERT_DIR": ""}
        return replace(
            self, hosts=replace(self.hosts, environment=dict(self.hosts.environment) | named)
        )

    def sign(self, host: str = "privileged", **variables: str) -> Ended:
        command = self.hosts.command(host, *SIGN)
        return self.hosts.run_command(
            [*IN_NAMESPACE, "sh", "-c", OTHER_ETC, str(self.etc), *as_user(USER), *command],
            **variables,
        )

    def hostile_variables(self) -> dict[str, str]:
        """All that could send the module elsewhere, or make it write."""
        config = self.home / "hostile.toml"
        config.write_text(f'url = "{ELSEWHERE}"\napi_key = "{WRONG_KEY}"\n')
        return {
            "config": str(config),
            "url": ELSEWHERE,
            "api_key": WRONG_KEY,
            "api_key_file": str(config),
            "ca_file": str(config),
            "client_cert": str(config),
            "client_key": str(config),
            "login_required": "true",
            "request_timeout": "0.1",
            "log_level": "debug",
            "log_file": str(self.home / "variable.log"),
            "receipts_directory": str(self.home),
        }


@pytest.fixture
def machine(hosts: Hosts, control_plane: ControlPlane, builder_key: str) -> Iterator[Machine]:
    base = Path("/var/tmp") / f"sealwright-privileged-{os.getpid()}"  # noqa: S108  # for a stranger to enter
    programs, etc, home = base / "programs", base / "etc", base / "home"
    for folder in (base, programs, etc, etc / "sealwright", home):
        folder.mkdir(mode=0o755)
    try:
        for name, mode in (("privileged", 0o4755), ("plain", 0o755)):
            shutil.copy(hosts.folder / "threads", programs / name)
            (programs / name).chmod(mode)
        shutil.copy(hosts.module, programs)
        for name in NEEDED:
            shutil.copy(Path("/etc") / name, etc)
        (etc / "passwd").write_text(f"root:x:0:0::/root:/bin/sh\nu:x:{USER}:{USER}::{home}:/bin/sh")
        own = home / ".config/sealwright/pkcs11.toml"
        own.parent.mkdir(parents=True)
        own.write_text(f'url = "{ELSEWHERE}"\n[log]\nfile = "{home}/own.log"\nlevel = "debug"\n')
        key = etc / "sealwright/builder.key"
        key.touch(mode=0o600)
        key.write_text(builder_key)
        subprocess.run(["chown", "-R", f"{USER}:{USER}", home], check=True)
        environment = {
            name: value
            for name, value in hosts.environment.items()
            if not name.startswith("SEALWRIGHT_")
        }
        placed = Hosts(programs, programs / hosts.module.name, environment | {"HOME": str(home)})
        yield Machine(placed, etc, home, control_plane.url)
    finally:
        shutil.rmtree(base)


def assert_signed(ended: Ended, plane: ControlPlane) -> None:
    assert (ended.code, ended.lines, ended.err) == (0, [], "")
    verify(plane, "p256", ended.signatures)


def assert_refused(ended: Ended, line: str) -> None:
    assert (ended.code, ended.signatures) == (1, {})
    assert ended.err == f"sealwright: {line}\n"


def test_neither_home_nor_variables_count_and_no_file_is_written(
    machine: Machine, control_plane: ControlPlane
) -> None:
    kept = machine.etc / "receipts"
    kept.mkdir()
    machine.configure(
        more=f'[log]\nlevel = "debug"\nfile = "{machine.home}/etc.log"\n'
        f'[receipts]\ndirectory = "{kept}"\n'
    )
    ended = machine.sign(**machine.hostile_variables())
    assert ended.code == 0, ended
    verify(control_plane, "p256", ended.signatures)
    written = {*machine.home.glob("*.log"), *machine.home.glob("*.tlog-proof"), *kept.iterdir()}
    assert not written


def test_the_same_program_without_the_right_heeds_its_user(machine: Machine) -> None:
    """So that the test above says something."""
    machine.configure()
    ended = machine.sign("plain", **machine.hostile_variables())
    assert ended.code == 1
    assert str(machine.home / "hostile.toml") in ended.err


def test_a_key_file_elsewhere_is_refused(machine: Machine) -> None:
    """Also where a link in /etc/sealwright leads to it."""
    elsewhere = machine.etc / "builder.key"
    shutil.copy(machine.folder / "builder.key", elsewhere)
    (machine.folder / "link.key").symlink_to("../builder.key")
    for named in ("/etc/builder.key", "/etc/sealwright/link.key", "/etc/sealwright/../builder.key"):
        machine.configure(api_key_file=named)
        leads = " (it leads to /etc/builder.key)" if "link" in named else ""
        assert_refused(
            machine.sign(),
            f"{named}{leads} is outside /etc/sealwright: a program with raised privileges reads "
            "only what is there",
        )


def test_a_file_that_is_not_there_yet_is_not_waited_for(machine: Machine) -> None:
    """Whoever can put it there later would be believed."""
    machine.configure(more='[tls]\nca_file = "/etc/late.pem"\n')
    assert_refused(machine.sign(), "/etc/late.pem: No such file or directory")


def test_settings_that_only_the_programs_own_user_may_look_at_count(
    machine: Machine, control_plane: ControlPlane
) -> None:
    machine.configure()
    machine.folder.chmod(0o700)
    assert_signed(machine.sign(), control_plane)


def test_a_folder_that_others_can_write_to_is_refused(machine: Machine) -> None:
    machine.configure()
    machine.folder.chmod(0o777)
    assert_refused(
        machine.sign(),
        "/etc/sealwright can be written by others, who can put anything in the place of "
        "/etc/sealwright/pkcs11.toml; chown it to root and chmod go-w it",
    )


def test_a_secret_is_found_where_a_cluster_mounts_it(
    machine: Machine, control_plane: ControlPlane
) -> None:
    """A sticky folder, and links to the version in force."""
    version = machine.folder / "..2026_11_30"
    version.mkdir()
    (machine.folder / "builder.key").rename(version / "builder.key")
    (machine.folder / "..data").symlink_to("..2026_11_30")
    (machine.folder / "builder.key").symlink_to("..data/builder.key")
    machine.configure()
    machine.folder.chmod(0o1777)
    assert_signed(machine.sign(), control_plane)


def test_a_configuration_that_its_user_can_change_is_refused(machine: Machine) -> None:
    file = machine.configure()
    file.chmod(0o666)
    assert_refused(
        machine.sign(), "/etc/sealwright/pkcs11.toml can be changed by others; chmod go-w it"
    )
    file.chmod(0o644)
    os.chown(file, USER, USER)
    assert_refused(
        machine.sign(),
        f"/etc/sealwright/pkcs11.toml belongs to user {USER}, who can change it; chown it to root, "
        "or to user 0 as whom this program runs",
    )


def test_a_machine_file_that_is_not_for_the_user_is_not_needed_where_variables_suffice(
    machine: Machine, control_plane: ControlPlane, builder_key: str
) -> None:
    shutil.rmtree(machine.home / ".config")
    machine.configure().chmod(0o600)
    assert_signed(machine.sign("plain", url=control_plane.url, api_key=builder_key), control_plane)
    assert_refused(
        machine.sign("plain", url=control_plane.url),
        "/etc/sealwright/pkcs11.toml: Permission denied, and the variables do not say both where "
        "and who: set SEALWRIGHT_URL and SEALWRIGHT_API_KEY_FILE",
    )


@pytest.fixture
def remote(machine: Machine, secure: Secure) -> Machine:
    """Its control plane is behind TLS, and no file is configured to check it by."""
    (machine.folder / "builder.key").write_text(secure.variables["api_key"])
    there = replace(machine, url=secure.plane.url)
    there.configure()
    return there


@pytest.mark.parametrize(
    "bundle",
    ["ssl/certs/ca-certificates.crt", "pki/tls/certs/ca-bundle.crt", "ssl/ca-bundle.pem"],
    ids=["debian", "rhel", "suse"],
)
def test_the_machines_authorities_are_found_where_its_distribution_keeps_them(
    remote: Machine, secure: Secure, bundle: str
) -> None:
    file = remote.etc / bundle
    file.parent.mkdir(parents=True)
    shutil.copy(secure.variables["ca_file"], file)
    assert_signed(remote.sign(), secure.plane)


def test_authorities_that_the_user_names_do_not_count(remote: Machine, secure: Secure) -> None:
    """But for the same program without the right, so that this says something."""
    mine = remote.home / "mine.pem"
    shutil.copy(secure.variables["ca_file"], mine)
    os.chown(mine, USER, USER)
    naming = remote.with_authority_named(mine)
    refused = naming.sign()
    assert (refused.code, refused.signatures) == (1, {})
    assert "this machine has no certificate authorities to check the server by" in refused.err
    assert "/etc/ssl/certs/ca-certificates.crt, /etc/pki/tls/certs/ca-bundle.crt" in refused.err
    shutil.rmtree(remote.home / ".config")
    key = secure.variables["api_key"]
    assert_signed(naming.sign("plain", url=remote.url, api_key=key), secure.plane)

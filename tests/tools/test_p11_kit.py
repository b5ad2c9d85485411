"""p11-kit: the module registered for everybody, and served to other processes."""

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.capability import as_user
from tests.server import ControlPlane, surroundings
from tests.tools.matrix import ShellFor, every_access, every_signer
from tests.tools.openssl import must_verify
from tests.tools.recipes import Access, must_script, recipe, run_script, shell
from tests.tools.summary import SignedWith, is_at_least, package_version
from tests.tools.tool import Ended, Workbench

DATA = b"release 1.0\n" * 1000
WRONG = "swk_" + "A" * 43
NOBODY = 65534
WITH_PIN = "export GNUTLS_PIN=$PIN\n"
DIGESTS = ["SHA-1", "SHA256", "SHA384", "SHA512"]
PASSED_ON = {
    "rsa-3072": [
        "RSA-PKCS",
        "SHA256-RSA-PKCS",
        "SHA384-RSA-PKCS",
        "SHA512-RSA-PKCS",
        "RSA-PKCS-PSS",
    ],
    "p256": ["ECDSA"],
    "p384": ["ECDSA"],
}
SIGN = {
    "rsa-3072": "--sign --mechanism SHA256-RSA-PKCS",
    "p256": "--sign --mechanism ECDSA-SHA256 --signature-format openssl",
    "p384": "--sign --mechanism ECDSA-SHA256 --signature-format openssl",
}
FILES = "--input-file app.bin --output-file app.sig"
LOCATE = "client=$(pkg-config --variable=p11_module_path p11-kit-1)/p11-kit-client.so\n"


@dataclass(frozen=True)
class PlainUser(Workbench):
    """p11-kit ignores the home of root: run by root, this runs its programs as nobody."""

    def run(self, *arguments: str | Path) -> Ended:
        if os.geteuid() != 0:
            return super().run(*arguments)
        for path in [self.folder, *self.folder.rglob("*")]:
            os.lchown(path, NOBODY, NOBODY)
        return super().run(*as_user(NOBODY), *arguments)


@pytest.fixture
def user_shell_for(
    control_plane: ControlPlane, builder_key: str, module_file: Path, slots: dict[str, int]
) -> Iterator[ShellFor]:
    """A home in which p11-kit finds no module but ours, at a short path that nobody may reach."""
    home = Path(tempfile.mkdtemp(prefix="p11-kit-"))
    settings = home / ".config" / "pkcs11"
    settings.mkdir(parents=True)
    (settings / "pkcs11.conf").write_text("user-config: only\n")
    module = Path(shutil.copy(module_file, home))

    def make(signer: str, access: Access) -> Workbench:
        key = {"SEALWRIGHT_URL": control_plane.url, "SEALWRIGHT_API_KEY": builder_key}
        environment = surroundings(home) | key
        environment.pop("XDG_CONFIG_HOME", None)
        user = PlainUser(home, module, environment)
        user.write("app.bin", DATA)
        return shell(user, signer, slots[signer], access)

    yield make
    shutil.rmtree(home)


def script(part: str | None, access: Access) -> str:
    return ("" if access is Access.CONFIGURED else WITH_PIN) + recipe("p11-kit", part)


def verify(user: Workbench) -> None:
    """By certtool and openssl, neither of them told of any token."""
    user.write("changed.bin", DATA + b"1")
    certtool = ["certtool", "--p7-verify", "--load-ca-certificate", "root.pem"]
    certtool += ["--infile", "app.p7", "--load-data"]
    openssl = ["openssl", "cms", "-verify", "-binary", "-inform", "PEM", "-in", "app.p7"]
    openssl += ["-CAfile", "root.pem", "-purpose", "any", "-out", "verified", "-content"]
    for judge in (certtool, openssl):
        user.must(*judge, "app.bin")
        assert user.run(*judge, "changed.bin").code != 0


@every_access
@every_signer
def test_a_registered_module_signs_for_a_program_that_was_told_of_none(
    user_shell_for: ShellFor,
    slots: dict[str, int],
    signer: str,
    access: Access,
    signed_with: SignedWith,
) -> None:
    user = user_shell_for(signer, access)
    listed = must_script(user, script(None, access))
    tokens = {signer} if access is Access.PIN_ONLY else set(slots)
    modules = re.findall(r"^(?:module: )?([\w-]+)", listed, re.MULTILINE)  # with and without: 0.25
    assert modules == ["sealwright"]
    assert str(user.module) in listed
    assert set(re.findall(r"^ +token: (.*)$", listed, re.MULTILINE)) == tokens
    verify(user)
    signed_with("p11-kit", package_version("p11-kit"), f"PKCS#7, registered ({signer})")


@every_access
@every_signer
def test_a_served_module_signs_for_a_process_without_settings(
    user_shell_for: ShellFor, signer: str, access: Access, signed_with: SignedWith
) -> None:
    user = user_shell_for(signer, access)
    must_script(user, script("Server", access))
    verify(user)
    signed_with("p11-kit", package_version("p11-kit"), f"PKCS#7, served ({signer})")


@every_access
@every_signer
def test_a_module_signs_from_a_process_of_its_own(
    user_shell_for: ShellFor, signer: str, access: Access, signed_with: SignedWith
) -> None:
    user = user_shell_for(signer, access)
    must_script(user, script("Remote", access))
    verify(user)
    signed_with("p11-kit", package_version("p11-kit"), f"PKCS#7, remote ({signer})")


@every_access
@every_signer
def test_the_proxy_lists_and_signs(
    user_shell_for: ShellFor, signer: str, access: Access, signed_with: SignedWith
) -> None:
    user = user_shell_for(signer, access)
    must_script(user, recipe("p11-kit").partition("\n\n")[0])  # registers
    login = "" if access is Access.CONFIGURED else "--login --pin env:PIN "
    script = recipe("p11-kit", "Proxy").replace("--list-objects", f"{login}--list-objects")
    kinds = re.findall(r"^(\w+ (?:Key )?Object)", must_script(user, script), re.MULTILINE)
    assert kinds == ["Private Key Object", "Public Key Object", *["Certificate Object"] * 3]
    must_script(user, script.replace("--list-objects", f"{SIGN[signer]} {FILES}"))
    must_verify(user, 256, signed="app.bin", signature="app.sig")
    signed_with("p11-kit", package_version("p11-kit"), f"file, proxy ({signer})")


def served(then: str) -> str:
    """The recipe, up to where a client has found the token, and then something else."""
    start, loop, _ = recipe("p11-kit", "Server").partition("; done\n")
    return start + loop + LOCATE + then


@every_signer
def test_a_client_sees_the_mechanisms_that_p11_kit_knows(
    user_shell_for: ShellFor, slots: dict[str, int], signer: str
) -> None:
    user = user_shell_for(signer, Access.CONFIGURED)
    listed = must_script(user, served('pkcs11-tool --module "$client" --list-mechanisms'))
    own = user.pkcs11_tool(slots[signer], "--list-mechanisms").out
    expected = mechanisms_in(own) if knows_all() else PASSED_ON[signer] + DIGESTS
    assert mechanisms_in(listed) == expected


def knows_all() -> bool:
    return is_at_least("p11-kit", "0.25")


def mechanisms_in(listed: str) -> list[str]:
    return re.findall(r"^  ([\w-]+),", listed, re.MULTILINE)


@pytest.mark.parametrize(
    ("signer", "mechanism"), [("rsa-3072", "SHA256-RSA-PKCS-PSS"), ("p256", "ECDSA-SHA256")]
)
def test_other_mechanisms_reach_the_module_where_p11_kit_knows_them(
    user_shell_for: ShellFor, control_plane: ControlPlane, signer: str, mechanism: str
) -> None:
    user = user_shell_for(signer, Access.CONFIGURED)
    before = control_plane.signings(signer)
    sign = f'pkcs11-tool --module "$client" --sign --mechanism {mechanism} {FILES}'
    ended = run_script(user, served(sign))
    if knows_all():
        assert ended.code == 0, ended.err
        assert len(control_plane.signings(signer)) == len(before) + 1
    else:
        assert ended.code != 0
        assert "C_SignInit failed: rv = CKR_MECHANISM_INVALID" in ended.err
        assert control_plane.signings(signer) == before


def test_allowed_mechanisms_do_not_reach_the_client(user_shell_for: ShellFor) -> None:
    user = user_shell_for("p256", Access.CONFIGURED)
    listing = 'pkcs11-tool --module "$client" --list-objects --type privkey'
    listed = run_script(user, served(listing))
    assert listed.code == 0
    assert "(ALLOWED_MECHANISMS) failed: rv = CKR_DEVICE_ERROR" in listed.err
    assert "Allowed mechanisms" not in listed.out
    direct = must_script(user, listing.replace("$client", "$MODULE --slot $SLOT").replace('"', ""))
    assert "Allowed mechanisms" in direct


def test_one_server_signs_for_processes_at_once(
    user_shell_for: ShellFor, control_plane: ControlPlane
) -> None:
    user = user_shell_for("rsa-3072", Access.CONFIGURED)
    before = len(control_plane.signings("rsa-3072"))
    one = f'pkcs11-tool --module "$client" {SIGN["rsa-3072"]} --input-file app.bin'
    loop = f'for each in 1 2 3 4; do {one} --output-file "app.$each" & jobs+=($!); done'
    must_script(user, served(f'jobs=()\n{loop}\nfor job in "${{jobs[@]}}"; do wait "$job"; done'))
    for each in range(1, 5):
        must_verify(user, 256, signed="app.bin", signature=f"app.{each}")
    assert len(control_plane.signings("rsa-3072")) == before + 4


def test_the_proxy_finds_what_is_served(user_shell_for: ShellFor) -> None:
    user = user_shell_for("rsa-3072", Access.CONFIGURED)
    register = "mkdir -p ~/.config/pkcs11/modules\n"
    register += "echo 'module: p11-kit-client.so' > ~/.config/pkcs11/modules/client.module\n"
    sign = f"pkcs11-tool --module p11-kit-proxy.so --token-label $TOKEN {SIGN['rsa-3072']} {FILES}"
    must_script(user, served(register + sign))
    must_verify(user, 256, signed="app.bin", signature="app.sig")


@pytest.mark.parametrize("part", [None, "Server", "Remote"])
@pytest.mark.parametrize(
    ("pin", "said"),
    [(f"export GNUTLS_PIN={WRONG}\n", "wrong password"), ("", "No PIN given.")],
    ids=["wrong", "none"],
)
@pytest.mark.parametrize("access", [Access.LOGIN, Access.PIN_ONLY], ids=lambda each: each.value)
def test_without_the_right_pin_nothing_is_signed(
    user_shell_for: ShellFor,
    control_plane: ControlPlane,
    access: Access,
    pin: str,
    said: str,
    part: str | None,
) -> None:
    user = user_shell_for("p256", access)
    before = control_plane.signings("p256")
    refused = run_script(user, pin + recipe("p11-kit", part))
    assert refused.code != 0
    assert "Token 'p256'" in refused.err
    assert said in refused.err
    assert control_plane.signings("p256") == before


REGISTRATION = Path(__file__).parents[2] / "packaging" / "linux" / "pkcs11" / "sealwright.module"


def registered(user: Workbench, **variables: str) -> Workbench:
    """The module as the package registers it, for somebody who has set nothing else."""
    folder = user.folder / ".config" / "pkcs11" / "modules"
    folder.mkdir(exist_ok=True)
    (name,) = re.findall(r"(?m)^module: (.*)$", REGISTRATION.read_text())
    link = user.folder / name  # as the package puts it beside the module
    if not link.is_symlink():
        link.symlink_to(user.module)
    text = REGISTRATION.read_text().replace(name, str(link))
    (folder / "sealwright.module").write_text(text)
    kept = {
        name: value
        for name, value in user.environment.items()
        if not name.startswith("SEALWRIGHT_")
    }
    named = {f"SEALWRIGHT_{name.upper()}": value for name, value in variables.items()}
    return PlainUser(user.folder, user.module, kept | named)


@pytest.mark.parametrize("lists", ["p11-kit list-modules", "p11tool --list-tokens"])
def test_registered_by_the_package_it_is_silent_until_it_is_configured(
    user_shell_for: ShellFor, lists: str
) -> None:
    user = user_shell_for("p256", Access.CONFIGURED)
    silent = registered(user).run(*lists.split())
    assert silent.code == 0
    assert "sealwright:" not in silent.err
    told = registered(user, log_level="info").run(*lists.split())
    assert "sealwright: no slots: set SEALWRIGHT_API_KEY" in told.err


def test_registered_by_the_package_it_signs(user_shell_for: ShellFor) -> None:
    """Somebody who configured it, by whatever road."""
    user = user_shell_for("p256", Access.CONFIGURED)
    registered(user)
    assert "token: p256" in user.run("p11-kit", "list-modules").out

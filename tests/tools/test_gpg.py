"""gpg through gnupg-pkcs11-scd, and git through gpg."""

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.conftest import KEYS
from tests.server import ControlPlane
from tests.tools.matrix import ShellFor
from tests.tools.recipes import BLOCK, DOCUMENT, Access, must_script, recipe, run_script, shell
from tests.tools.summary import SignedWith, is_at_least, package_version
from tests.tools.tool import Ended, Workbench

SETTINGS = BLOCK.findall(DOCUMENT.read_text().split("\n## gpg\n")[1])[0]
"""What the recipe puts into GNUPGHOME first."""
DATA = b"release 1.0\n" * 1000
VISIBLE = pytest.mark.parametrize(
    "access", [Access.CONFIGURED, Access.LOGIN], ids=lambda each: each.value
)
"""Where the certificates are, before any login."""


@pytest.fixture(scope="session")
def rsa_machine_key(control_plane: ControlPlane, builder_key: str) -> str:
    """The API key of a machine that sees no key but an RSA one, as gpg 2.4 wants it."""
    api_key = control_plane.create_machine("rsa-only")
    control_plane.client().add_member("rsa-3072", "rsa-only", "operator")
    return api_key


@pytest.fixture
def gpg_shell_for(
    workbench: Workbench,
    slots: dict[str, int],
    rsa_machine_key: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[ShellFor]:
    """A GNUPGHOME of its own, whose path must be short; the agent there ends with the test."""
    home = {"GNUPGHOME": str(tmp_path_factory.mktemp("gpg") / "own"), "LC_ALL": "C.UTF-8"}
    git = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_AUTHOR_NAME": "Ann", "GIT_AUTHOR_EMAIL": "ann@x.org"}
    git |= {"GIT_COMMITTER_NAME": "Ann", "GIT_COMMITTER_EMAIL": "ann@x.org"}
    benches = list[Workbench]()

    def make(signer: str, access: Access) -> Workbench:
        sees_rsa_only = signer == "rsa-3072" and is_at_least("gpg", "2.4")
        machine = workbench.with_variables(api_key=rsa_machine_key) if sees_rsa_only else workbench
        bench = shell(machine, signer, slots[signer], access)
        bench.write("app.bin", DATA)
        variables = {**bench.environment, **home, **git}
        for window in ("DISPLAY", "WAYLAND_DISPLAY"):
            variables.pop(window, None)
        benches.append(replace(bench, environment=variables))
        return benches[-1]

    yield make
    for bench in benches:
        bench.must("gpgconf", "--kill", "all")


def in_folder(bench: Workbench, name: str) -> Workbench:
    folder = bench.folder / name
    folder.mkdir()
    return replace(bench, folder=folder)


def stranger(bench: Workbench) -> Workbench:
    """Who has nothing but the public key that the recipe hands out."""
    home = bench.folder / "stranger"
    home.mkdir(mode=0o700)
    other = replace(bench, environment={**bench.environment, "GNUPGHOME": str(home)})
    other.must("gpg", "--no-autostart", "--batch", "--quiet", "--import", "release.asc")
    return other


def gpg_verify(bench: Workbench, content: str) -> Ended:
    gpg = ["gpg", "--no-autostart", "--batch", "--status-fd", "1"]
    return bench.run(*gpg, "--verify", "app.bin.asc", content)


def prepare(bench: Workbench, access: Access) -> None:
    if access is Access.LOGIN:
        must_script(bench, recipe("gpg", "With login"))


@VISIBLE
def test_a_file_signed_by_gpg_is_verified_by_another_gpg(
    gpg_shell_for: ShellFor, access: Access, signed_with: SignedWith
) -> None:
    bench = gpg_shell_for("rsa-3072", access)
    prepare(bench, access)
    must_script(bench, recipe("gpg"))

    other = stranger(bench)
    good = gpg_verify(other, "app.bin")
    assert good.code == 0
    assert "GOODSIG" in good.out
    bench.write("changed.bin", DATA + b"1")
    changed = gpg_verify(other, "changed.bin")
    assert changed.code != 0
    assert "BADSIG" in changed.out
    tools = f"{package_version('gpg')}, scd {package_version('gnupg-pkcs11-scd')}"
    signed_with("gpg", tools, "file (rsa-3072)")


def test_a_machine_with_nothing_but_the_certificate_signs_once_it_has_looked_at_the_tokens(
    gpg_shell_for: ShellFor, tmp_path_factory: pytest.TempPathFactory, signed_with: SignedWith
) -> None:
    bench = gpg_shell_for("rsa-3072", Access.CONFIGURED)
    must_script(bench, recipe("gpg"))
    bench.must("gpgconf", "--kill", "all")
    (bench.folder / "app.bin.asc").unlink()
    home = tmp_path_factory.mktemp("runner") / "own"
    runner = replace(bench, environment={**bench.environment, "GNUPGHOME": str(home)})
    try:
        must_script(runner, SETTINGS)
        script = recipe("gpg", "Ephemeral runners")
        look = "gpg --card-status > card.txt"
        assert look in script
        card_daemon_only = script.replace(look, "gpg-connect-agent 'SCD LEARN --force' /bye")
        assert "No secret key" in run_script(runner, card_daemon_only).err
        must_script(runner, script)
    finally:
        runner.must("gpgconf", "--kill", "all")
    verified = gpg_verify(stranger(bench), "app.bin")
    assert verified.code == 0
    assert "GOODSIG" in verified.out
    tools = f"{package_version('gpg')}, scd {package_version('gnupg-pkcs11-scd')}"
    signed_with("gpg", tools, "file, ephemeral runner (rsa-3072)")


@VISIBLE
def test_a_tag_signed_by_git_is_verified_by_git(
    gpg_shell_for: ShellFor, access: Access, signed_with: SignedWith
) -> None:
    bench = gpg_shell_for("rsa-3072", access)
    prepare(bench, access)
    must_script(bench, recipe("gpg"))
    repository = in_folder(bench, "repository")
    repository.must("git", "init", "--quiet")
    repository.must("git", "commit", "--quiet", "--allow-empty", "--message", "First")
    must_script(repository, recipe("gpg", "Git tags"))

    other = replace(repository, environment=stranger(bench).environment)
    verified = other.run("git", "verify-tag", "--raw", "v1.0")
    assert verified.code == 0
    assert "GOODSIG" in verified.err
    tag = other.must("git", "cat-file", "tag", "v1.0")
    other.write("tag", tag.replace("Release 1.0", "Release 1.1").encode())
    forged = other.must("git", "hash-object", "-t", "tag", "-w", "tag").strip()
    assert other.run("git", "verify-tag", forged).code != 0
    signed_with("git", package_version("git"), "tag, through gpg (rsa-3072)")


@pytest.mark.parametrize(("bits", "number"), [(256, 8), (384, 9), (512, 10)])
def test_gpg_signs_with_every_hash(gpg_shell_for: ShellFor, bits: int, number: int) -> None:
    bench = gpg_shell_for("rsa-3072", Access.CONFIGURED)
    script = recipe("gpg")
    assert "gpg --batch --local-user" in script
    must_script(bench, script.replace("gpg --batch", f"gpg --batch --digest-algo SHA{bits}"))
    verified = gpg_verify(stranger(bench), "app.bin")
    assert verified.code == 0
    (signature,) = re.findall(r"VALIDSIG (.*)", verified.out)
    algorithm, digest = signature.split()[6:8]
    assert (algorithm, digest) == ("1", str(number))  # RFC 4880: RSA, and the hash


@pytest.mark.parametrize("signer", ["p256", "p384"])
def test_the_card_daemon_shows_rsa_keys_only(
    gpg_shell_for: ShellFor, control_plane: ControlPlane, signer: str
) -> None:
    bench = gpg_shell_for(signer, Access.CONFIGURED)
    before = control_plane.signings(signer)
    refused = run_script(bench, recipe("gpg"))
    assert refused.code != 0
    assert "missing argument" in refused.err
    learnt = bench.must("gpg-connect-agent", "SCD LEARN --force", "/bye")
    shown = re.findall(r"^S KEY-FRIEDNLY .* on (\S+)$", learnt, re.MULTILINE)
    assert set(shown) == {key for key in KEYS if key.startswith("rsa-")}
    assert control_plane.signings(signer) == before


def test_the_card_daemon_shows_nothing_where_certificates_come_after_a_login(
    gpg_shell_for: ShellFor,
) -> None:
    bench = gpg_shell_for("rsa-3072", Access.PIN_ONLY)
    must_script(bench, recipe("gpg", "With login"))
    refused = run_script(bench, recipe("gpg"))
    assert refused.code != 0
    assert "missing argument" in refused.err
    assert "KEY-FRIEDNLY" not in bench.must("gpg-connect-agent", "SCD LEARN --force", "/bye")


@pytest.mark.parametrize(
    ("pin", "said"),
    [(None, "key generation failed: "), ("swk_" + "A" * 43, "key generation failed: Bad PIN")],
    ids=["none", "wrong"],
)
def test_without_the_right_pin_nothing_is_signed(
    gpg_shell_for: ShellFor, control_plane: ControlPlane, pin: str | None, said: str
) -> None:
    bench = gpg_shell_for("rsa-3072", Access.LOGIN)
    before = control_plane.signings("rsa-3072")
    if pin is not None:
        file = bench.write("pin", pin.encode())
        must_script(bench, f"PIN_FILE={file}\n{recipe('gpg', 'With login')}")
    refused = run_script(bench, recipe("gpg"))
    assert refused.code != 0
    assert said in refused.err
    assert control_plane.signings("rsa-3072") == before


@pytest.mark.parametrize("log", ["module.log", None], ids=["log-file", "stderr"])
def test_why_gpg_was_refused_is_seen_in_a_log_file_only(
    gpg_shell_for: ShellFor, control_plane: ControlPlane, log: str | None
) -> None:
    name = f"looks-on-gpg-{log}"
    key = control_plane.create_machine(name)
    control_plane.client().add_member("rsa-3072", name, "auditor")
    bench = gpg_shell_for("rsa-3072", Access.CONFIGURED)
    bench.write("builder.key", f"{key}\n".encode())
    script = recipe("gpg")
    if log is not None:
        script = f'export SEALWRIGHT_LOG_FILE="$PWD/{log}"\n{script}'
    refused = run_script(bench, script)
    assert refused.code != 0
    assert "sealwright:" not in refused.err
    if log is not None:
        lines = (bench.folder / log).read_text().splitlines()
        assert f'signer "rsa-3072": {name} is an auditor' in lines[0]

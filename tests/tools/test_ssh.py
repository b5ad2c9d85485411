"""OpenSSH: ssh-keygen with the module, and through an agent that has it."""

from dataclasses import replace

import pytest

from tests.server import ControlPlane
from tests.tools.matrix import ShellFor, every_access, every_signer
from tests.tools.recipes import Access, must_script, recipe, run_script, with_login
from tests.tools.summary import SignedWith, package_version
from tests.tools.tool import Ended, Workbench

DATA = b"release 1.0\n" * 1000
KINDS = {"rsa-3072": "ssh-rsa", "p256": "ecdsa-sha2-nistp256", "p384": "ecdsa-sha2-nistp384"}
WITH_LOGIN = [Access.LOGIN, Access.PIN_ONLY]
GOOD = 'Good "file" signature for releases@example.org'


def version() -> str:
    return package_version("openssh-client")


@pytest.fixture
def agent_shell_for(shell_for: ShellFor, tmp_path_factory: pytest.TempPathFactory) -> ShellFor:
    """With an address for an agent, whose path must be short, in a private folder."""
    socket = {"SSH_AUTH_SOCK": str(tmp_path_factory.mktemp("ssh") / "agent")}

    def make(signer: str, access: Access) -> Workbench:
        bench = shell_for(signer, access)
        bench.write("app.bin", DATA)
        return replace(bench, environment={**bench.environment, **socket})

    return make


def verify(bench: Workbench, content: bytes) -> Ended:
    """With the public key that the leaf certificate has, whatever the token said."""
    bench.must("openssl", "x509", "-in", "leaf.pem", "-noout", "-pubkey", "-out", "public.pem")
    key = bench.must("ssh-keygen", "-i", "-m", "PKCS8", "-f", "public.pem")
    bench.write("signers", f"releases@example.org {key}".encode())
    bench.write("content", content)
    arguments = "-Y verify -f signers -I releases@example.org -n file -s app.bin.sig"
    return bench.run("bash", "-c", f"ssh-keygen {arguments} < content")


def user_key(bench: Workbench) -> None:
    bench.must("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "user")


@every_access
@every_signer
def test_a_file_signed_through_the_agent_is_verified_by_ssh_keygen(
    agent_shell_for: ShellFor, signer: str, access: Access, signed_with: SignedWith
) -> None:
    bench = agent_shell_for(signer, access)
    said = must_script(bench, with_login("ssh-agent", access))
    assert (GOOD in said) == (access is Access.CONFIGURED)  # the recipe verifies there
    good = verify(bench, DATA)
    assert good.code == 0
    assert GOOD in good.out
    assert verify(bench, DATA + b"1").code != 0
    signed_with("ssh-agent", version(), f"file ({signer})")


@every_access
@every_signer
def test_an_ssh_certificate_signed_by_a_token_is_verified_by_ssh_keygen(
    agent_shell_for: ShellFor, signer: str, access: Access, signed_with: SignedWith
) -> None:
    bench = agent_shell_for(signer, access)
    user_key(bench)
    must_script(bench, with_login("ssh-keygen", access))
    authority = bench.must("ssh-keygen", "-l", "-f", "release.pub").split()[1]
    shown = bench.must("ssh-keygen", "-L", "-f", "user-cert.pub")
    assert f"Signing CA: {'RSA' if signer.startswith('rsa') else 'ECDSA'} {authority}" in shown
    assert 'Key ID: "build 7"' in shown

    certificate = bench.folder / "user-cert.pub"
    kind, text, comment = certificate.read_text().split(" ", 2)
    changed = f"{text[:200]}{'A' if text[200] != 'A' else 'B'}{text[201:]}"
    certificate.write_text(f"{kind} {changed} {comment}")
    assert bench.run("ssh-keygen", "-L", "-f", "user-cert.pub").code != 0
    signed_with("ssh-keygen", version(), f"SSH certificate ({signer})")


@every_signer
def test_ssh_keygen_lists_the_key_of_the_certificate(
    agent_shell_for: ShellFor, signer: str
) -> None:
    bench = agent_shell_for(signer, Access.CONFIGURED)
    listed = bench.must("ssh-keygen", "-D", bench.module).splitlines()
    (mine,) = [line for line in listed if line.endswith(f" {signer}")]
    bench.must("openssl", "x509", "-in", "leaf.pem", "-noout", "-pubkey", "-out", "public.pem")
    expected = bench.must("ssh-keygen", "-i", "-m", "PKCS8", "-f", "public.pem").split()
    assert mine.split() == [*expected, signer]
    assert expected[0] == KINDS[signer]


def test_the_agent_offers_keys_of_authorities_too_and_cannot_sign_with_them(
    agent_shell_for: ShellFor, control_plane: ControlPlane
) -> None:
    bench = agent_shell_for("p256", Access.CONFIGURED)
    before = control_plane.signings("p256")
    script = recipe("ssh-agent").replace('" $TOKEN\\$"', "'Sealwright Root' | head -n 1")
    refused = run_script(bench, script)
    assert "agent refused operation" in refused.err
    assert refused.code != 0
    assert "CN=Sealwright Root" in (bench.folder / "release.pub").read_text()
    assert control_plane.signings("p256") == before


def test_the_agent_loads_no_module_from_a_place_that_it_was_not_told(
    agent_shell_for: ShellFor,
) -> None:
    bench = agent_shell_for("p256", Access.CONFIGURED)
    refused = run_script(bench, recipe("ssh-agent").replace('-P "$(realpath "$MODULE")"', ""))
    assert refused.code != 0
    assert "agent refused operation" in refused.err


@pytest.mark.parametrize("pin", ["wrong", "none"])
@pytest.mark.parametrize("access", WITH_LOGIN, ids=lambda each: each.value)
def test_without_the_right_pin_the_agent_gets_no_key(
    agent_shell_for: ShellFor, control_plane: ControlPlane, access: Access, pin: str
) -> None:
    bench = agent_shell_for("p256", access)
    before = control_plane.signings("p256")
    bench.write("pin", b"swk_" + b"A" * 43 if pin == "wrong" else b"")
    script = recipe("ssh-agent", "With login")
    refused = run_script(bench, f"export PIN_FILE=$PWD/pin\n{script}")
    assert refused.code != 0
    assert "Could not add card" in refused.err
    assert control_plane.signings("p256") == before


def test_an_agent_forgets_all_tokens_and_takes_them_again(
    agent_shell_for: ShellFor, slots: dict[str, int]
) -> None:
    bench = agent_shell_for("p256", Access.CONFIGURED)
    add = 'SSH_ASKPASS=/bin/true SSH_ASKPASS_REQUIRE=force ssh-add -s "$MODULE"\n'
    script = recipe("ssh-agent")
    assert add in script
    again = f"{add}ssh-add -L\n"
    forget = '! ssh-add -L | grep " $TOKEN\\$" || exit 9\n'
    said = must_script(bench, script.replace(add, f'{add}ssh-add -e "$MODULE"\n{forget}{again}'))
    assert GOOD in said
    assert set(slots) - {"ed25519"} <= {line.split()[-1] for line in said.splitlines() if line}


@pytest.mark.parametrize("log", ["module.log", None], ids=["log-file", "stderr"])
def test_why_the_agent_was_refused_is_seen_in_a_log_file_only(
    agent_shell_for: ShellFor, control_plane: ControlPlane, log: str | None
) -> None:
    name = f"looks-on-ssh-{log}"
    key = control_plane.create_machine(name)
    control_plane.client().add_member("p256", name, "auditor")
    bench = agent_shell_for("p256", Access.CONFIGURED)
    bench.write("builder.key", f"{key}\n".encode())
    script = recipe("ssh-agent")
    if log is not None:
        script = f'export SEALWRIGHT_LOG_FILE="$PWD/{log}"\n{script}'
    refused = run_script(bench, script)
    assert refused.code != 0
    assert "sealwright:" not in refused.err
    if log is not None:
        lines = (bench.folder / log).read_text().splitlines()
        assert f'signer "p256": {name} is an auditor' in lines[0]

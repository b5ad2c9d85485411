"""sealwright setup: what it prints, pasted into a shell, signs."""

import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from sealwright.setup.recipe import CannotSignError, Token
from sealwright.setup.tools import TOOLS, recipe_for
from tests.tools.artifacts import make_exe
from tests.tools.matrix import ShellFor
from tests.tools.recipes import DOCUMENT, Access, must_script
from tests.tools.tool import Workbench


@pytest.fixture
def shell_for(shell_for: ShellFor) -> ShellFor:
    """Where our own command is found too."""

    def make(signer: str, access: Access) -> Workbench:
        bench = shell_for(signer, access)
        programs = f"{Path(sys.executable).parent}{os.pathsep}{bench.environment['PATH']}"
        return replace(bench, environment={**bench.environment, "PATH": programs})

    return make


VERIFY = {
    "jarsigner": "jarsigner -verify app.jar",
    "keytool": "true",
    "openssl": "openssl dgst -sha256 -verify key.pem -signature app.sig app.bin",
    "osslsigncode": "osslsigncode verify -CAfile root.pem -TSA-CAfile root.pem -in signed.exe",
    "pkcs11-tool": "openssl dgst -sha256 -verify key.pem -signature app.sig app.bin",
}
"""Tools that every machine with our packages has, and what shows that each has signed."""


def furnished(bench: Workbench, signer: str) -> Workbench:
    bench.jar("app")
    make_exe(bench, "app.exe")
    bench.write("app.bin", b"anything")
    must_script(
        bench,
        f"sealwright signer certificate {signer} | openssl x509 -noout -pubkey > key.pem\n"
        "sealwright ca certificate --root > root.pem",
    )
    return bench


@pytest.mark.parametrize("signer", ["rsa-3072", "p256"])
@pytest.mark.parametrize("tool", VERIFY)
def test_what_it_prints_signs(shell_for: ShellFor, tool: str, signer: str) -> None:
    bench = furnished(shell_for(signer, Access.CONFIGURED), signer)
    must_script(bench, must_script(bench, f"sealwright setup {tool} --signer {signer}"))
    must_script(bench, VERIFY[tool])


def test_it_writes_the_files_and_nothing_over_what_is_there(shell_for: ShellFor) -> None:
    bench = furnished(shell_for("p256", Access.CONFIGURED), "p256")
    command = "sealwright setup jarsigner --signer p256 --write"
    commands = must_script(bench, command)
    assert "library" not in commands
    must_script(bench, commands)
    must_script(bench, VERIFY["jarsigner"])
    written = bench.folder / "sealwright-p256.cfg"
    kept = written.read_text()
    written.write_text("somebody's own")
    ended = bench.run("bash", "-c", command)
    assert ended.code == 1
    assert "sealwright-p256.cfg: already there." in ended.err
    assert written.read_text() == "somebody's own"
    must_script(bench, f"{command} --force")
    assert written.read_text() == kept


def test_gpg_finds_the_token_by_the_files_that_it_writes(
    shell_for: ShellFor, tmp_path_factory: pytest.TempPathFactory
) -> None:
    bench = shell_for("rsa-3072", Access.CONFIGURED)
    home = str(tmp_path_factory.mktemp("gpg") / "own")  # a short path, for the agent's socket
    bench = replace(bench, environment={**bench.environment, "GNUPGHOME": home})
    Path(home).mkdir(mode=0o700)
    agent = Path(home, "gpg-agent.conf")
    agent.write_text("enable-ssh-support\n")
    must_script(bench, "sealwright setup gpg --signer rsa-3072 --write > commands")
    assert agent.read_text().startswith("enable-ssh-support\nscdaemon-program ")
    try:
        must_script(bench, 'grep -v "^gpg --local-user" commands > look && . ./look')
        assert "rsa-3072" in must_script(bench, "gpg-connect-agent 'SCD LEARN --force' /bye")
    finally:
        bench.must("gpgconf", "--kill", "all")


def test_it_says_what_the_options_said_and_not_the_variables(shell_for: ShellFor) -> None:
    """Pasted anywhere on the machine, it has the tool sign there, as who this command called."""
    bench = furnished(shell_for("p256", Access.CONFIGURED), "p256")
    url = bench.environment["SEALWRIGHT_URL"]
    file = Path(bench.environment["SEALWRIGHT_API_KEY_FILE"]).relative_to(bench.folder)
    others = {
        "SEALWRIGHT_URL": "http://127.0.0.1:9",
        "SEALWRIGHT_API_KEY": "swk_" + "0" * 43,  # the module would take it, whatever the file
        "SEALWRIGHT_API_KEY_FILE": "/nowhere/others.key",
    }
    bench = replace(bench, environment={**bench.environment, **others})
    printed = must_script(
        bench, f"sealwright setup openssl --signer p256 --url {url} --api-key-file {file}"
    )
    bench.write("commands", printed.encode())
    must_script(bench, "mkdir elsewhere && cp app.bin elsewhere && cd elsewhere && sh ../commands")
    must_script(bench, "mv elsewhere/app.sig . && " + VERIFY["openssl"])


def test_json_has_the_files_and_the_commands(shell_for: ShellFor) -> None:
    bench = shell_for("p256", Access.CONFIGURED)
    said = json.loads(must_script(bench, "sealwright setup jarsigner --signer p256 --json"))
    (file,) = said["files"]
    assert (file["path"], file["written"]) == ("sealwright-p256.cfg", False)
    assert f"library = {bench.module}" in file["text"].splitlines()
    assert said["commands"][0].startswith("jarsigner ")


def test_what_options_say_is_told_to_the_tool_too(shell_for: ShellFor) -> None:
    """By whole paths: a daemon stands elsewhere."""
    bench = shell_for("p256", Access.CONFIGURED)
    key = Path(bench.environment["SEALWRIGHT_API_KEY_FILE"]).read_text().strip()
    bench.write("own.key", key.encode()).chmod(0o600)
    bench = bench.with_variables(api_key=key)
    url = bench.environment["SEALWRIGHT_URL"]
    said = must_script(
        bench,
        f"sealwright setup pkcs11-tool --signer p256 --url {url} --api-key-file own.key",
    )
    assert f"export SEALWRIGHT_URL={url}" in said.splitlines()
    assert f"export SEALWRIGHT_API_KEY_FILE={bench.folder}/own.key" in said.splitlines()
    assert "unset SEALWRIGHT_API_KEY" in said.splitlines()


def test_of_several_signers_one_has_to_be_named(shell_for: ShellFor) -> None:
    bench = shell_for("p256", Access.CONFIGURED)
    ended = bench.run("bash", "-c", "sealwright setup jarsigner")
    assert ended.code == 1
    assert "Name one with --signer: " in ended.err


TOKEN = Token("/usr/lib/sealwright.so", "release", 7, "rsa-3072", "https://sign.example/timestamp")


@pytest.mark.parametrize("tool", TOOLS)
def test_it_says_what_the_document_says(tool: str) -> None:
    """Each option of a command stands in the recipe of docs/tools.md too."""
    text = DOCUMENT.read_text()
    lines = recipe_for(tool, TOKEN).commands
    for line in [line for line in lines if not line.startswith(("#", "sealwright "))]:
        for word in line.split():
            if word.startswith("-") and not word.startswith("-J-add"):
                assert word.partition("=")[0] in text, (tool, word)


@pytest.mark.parametrize("tool", sorted(set(TOOLS) - {"pkcs11-tool"}))
def test_a_tool_that_cannot_sign_with_such_a_key_says_so(tool: str) -> None:
    with pytest.raises(CannotSignError, match=f"^{tool} cannot sign with Ed25519 keys"):
        recipe_for(tool, Token("/m.so", "release", 7, "ed25519", None))

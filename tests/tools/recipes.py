"""The recipes of docs/tools.md, run as they are printed there."""

import os
import re
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from enum import Enum
from functools import cache
from pathlib import Path

from tests.server import surroundings
from tests.tools.tool import Ended, Workbench

DOCUMENT = Path(__file__).parents[2] / "docs" / "tools.md"
BLOCK = re.compile(r"^```bash\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PREPARATION = "Before you start"
WITH_LOGIN = "With login"
KEY_FILE = "builder.key"


class Access(Enum):
    """Where the API key is that signs."""

    CONFIGURED = "no login"
    """In the configuration: no tool needs a PIN."""
    LOGIN = "login"
    """In the configuration, with `login_required`, and in the PIN."""
    PIN_ONLY = "PIN only"
    """In the PIN. The configuration names the slot."""


def recipe(tool: str, part: str | None = None) -> str:
    """The ```bash blocks under `## tool`, or under the heading `### part` below it."""
    text = _below(f"## {tool}", DOCUMENT.read_text())
    if part is not None:
        text = _below(f"### {part}", text)
    blocks: list[str] = BLOCK.findall(re.split(r"^#{2,3} ", text, flags=re.MULTILINE)[0])
    if not blocks:
        raise LookupError(f"docs/tools.md has no commands for {tool}, {part}")
    return "\n".join(blocks)


def with_login(tool: str, access: Access) -> str:
    """The recipe that a person with this access follows."""
    return recipe(tool, None if access is Access.CONFIGURED else WITH_LOGIN)


def run_script(bench: Workbench, script: str) -> Ended:
    """As somebody who pastes it into a shell, and stops at the first thing that fails."""
    return bench.run("bash", "-euo", "pipefail", "-c", script)


def must_script(bench: Workbench, script: str) -> str:
    """What it says on stdout; it must succeed, and the module must have nothing to complain of."""
    ended = run_script(bench, script)
    assert ended.code == 0, f"{script}\n{ended.out}\n{ended.err}"
    assert "sealwright:" not in ended.err, ended.err
    return ended.out


def shell(
    bench: Workbench, signer: str, slot: int, access: Access = Access.CONFIGURED
) -> Workbench:
    """A shell in the bench's folder in which "Before you start" is done."""
    variables = dict(bench.environment)
    api_key, url = variables.pop("SEALWRIGHT_API_KEY"), variables["SEALWRIGHT_URL"]
    for name, content in _certificates(url, api_key, signer).items():
        bench.write(name, content)
    file = _secret(bench.folder / KEY_FILE, f"{api_key}\n")
    variables |= {"MODULE": str(bench.module), "TOKEN": signer, "SLOT": str(slot)}
    variables["LC_ALL"] = "C.UTF-8"  # what tools say is asserted in English
    if access is not Access.CONFIGURED:
        variables |= {"PIN": api_key, "PIN_FILE": str(file)}
    if access is Access.LOGIN:
        variables["SEALWRIGHT_LOGIN_REQUIRED"] = "true"
    if access is Access.PIN_ONLY:
        del variables["SEALWRIGHT_URL"]
        settings = f'url = "{url}"\n[signers]\n"{signer}" = {slot}\n'
        variables["SEALWRIGHT_CONFIG"] = str(_secret(bench.folder / "pkcs11.toml", settings))
    else:
        variables["SEALWRIGHT_API_KEY_FILE"] = str(file)
    return replace(bench, environment=variables)


@cache
def _certificates(url: str, api_key: str, signer: str) -> Mapping[str, bytes]:
    """The files that "Before you start" makes."""
    commands = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    variables = {"SEALWRIGHT_URL": url, "SEALWRIGHT_API_KEY": api_key, "TOKEN": signer}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment = surroundings(folder) | variables | {"PATH": commands}
        bench = Workbench(folder, folder, environment)
        must_script(bench, recipe(PREPARATION))
        return {path.name: path.read_bytes() for path in folder.glob("*.pem")}


def _secret(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o600)
    return path


def _below(heading: str, text: str) -> str:
    """What follows this line, up to the next heading of its level."""
    level = heading.split()[0]
    found = re.search(rf"^{re.escape(heading)}\n(.*?)(?=^{level} |\Z)", text, re.M | re.S)
    if found is None:
        raise LookupError(f"docs/tools.md has no heading {heading!r}")
    return found[1]

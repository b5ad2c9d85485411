"""What the documents name exists, and what exists is in the documents."""

import os
import re
import shlex
import tomllib
from collections.abc import Iterable
from pathlib import Path

import click
import pytest

from controlplane.algorithms.kinds import KeyAlgorithm
from sealwright import _native
from sealwright.cli.commands import root

HERE = Path(__file__).parent.parent
DOCUMENTS = [HERE / "README.md", *sorted((HERE / "docs").glob("*.md"))]
MODULE_DOCUMENT = (HERE / "docs/module.md").read_text()
FENCED = re.compile(r"^```[a-z]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`(sealwright [a-z][^`]*)`")
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")


def commands_in(document: Path) -> list[str]:
    """Whole lines of code blocks that start with `sealwright`, and inline code that does."""
    text = document.read_text()
    blocks = "\n".join(FENCED.findall(text)).replace("\\\n", " ")
    lines = [line.split(" > ")[0].split(" | ")[0] for line in blocks.splitlines()]
    found = [line for line in lines if re.match(r"sealwright [a-z]", line)]
    found += re.findall(r"\$\((sealwright [^)]*)\)", text)
    return found + INLINE.findall(FENCED.sub("", text))


def check_command(line: str) -> None:
    words = shlex.split(line)[1:]
    context = click.Context(root, info_name="sealwright")
    command: click.Command = root
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        below = command.get_command(context, words[0])
        assert below is not None, f"{line}: no command {words[0]!r}"
        words, command = words[1:], below
    known = {name for parameter in command.get_params(context) for name in parameter.opts}
    used = {word for word in words if word.startswith("--")}
    assert used <= known, f"{line}: no option {sorted(used - known)}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_commands_in_documents_exist(document: Path) -> None:
    for line in commands_in(document):
        if line != "sealwright is listening on URL":
            check_command(line)


def test_the_documents_are_searched_for_commands() -> None:
    assert len(commands_in(HERE / "README.md")) >= 8


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    for target in LINK.findall(document.read_text()):
        assert (document.parent / target).exists(), target


def test_every_function_of_the_module_is_documented_and_no_other() -> None:
    table = tomllib.loads((HERE / "native/spec/functions.toml").read_text())
    names = {function["name"] for function in table["function"]}
    rows = [line for line in MODULE_DOCUMENT.splitlines() if line.startswith("| `C_")]
    documented = [name for row in rows for name in re.findall(r"`(C_\w+)`", row.split("|")[1])]
    assert sorted(documented) == sorted(names)


def test_every_unsupported_function_is_documented_as_such() -> None:
    table = tomllib.loads((HERE / "native/spec/functions.toml").read_text())
    refused = {f["name"] for f in table["function"] if f["kind"] == "unsupported"}
    (row,) = [line for line in MODULE_DOCUMENT.splitlines() if line.startswith("| `C_InitToken`")]
    assert set(re.findall(r"`(C_\w+)`", row)) == refused


def test_the_table_of_settings_is_the_modules_own() -> None:
    def shown(key: str) -> str:
        table, _, name = key.rpartition(".")
        return f"`[{table}] {name}`" if table else f"`{name}`"

    rows = [
        f"| {shown(key)} | `{variable}` | {default} | {meaning} |"
        for key, variable, default, meaning in _native.settings_table()
    ]
    documented = [line for line in MODULE_DOCUMENT.splitlines() if "| `SEALWRIGHT_" in line]
    assert [row for row in documented if "SEALWRIGHT_CONFIG" not in row] == rows


def test_the_table_of_kinds_of_keys_is_the_servers_own() -> None:
    """`SEALWRIGHT_WRITE_GOLDEN=1` writes it anew."""

    def listed(names: Iterable[str]) -> str:
        return ", ".join(f"`{name}`" for name in names)

    rows = [
        f"| `{key}` | {listed(each.name for each in key.kind.schemes)} | "
        f"{listed(sorted({field for each in key.kind.schemes for field in each.fields}))} |"
        for key in KeyAlgorithm
    ]
    document = HERE / "docs/api.md"
    lines = document.read_text().splitlines()
    first = lines.index("| key | schemes | the call has |") + 2
    end = lines.index("", first)
    if os.environ.get("SEALWRIGHT_WRITE_GOLDEN"):
        document.write_text("\n".join([*lines[:first], *rows, *lines[end:], ""]))
    else:
        assert lines[first:end] == rows

"""sealwright setup: what a tool has to be told to sign with a signer."""

import os
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from sealwright.cli.failure import CommandError
from sealwright.cli.options import ClientCommand, client, invocation
from sealwright.cli.output import print_object, warn
from sealwright.cli.text import printable
from sealwright.client.environment import variable

if TYPE_CHECKING:
    from sealwright.client.objects import CatalogueSigner
    from sealwright.setup.recipe import File, Recipe

_SIGNS = ("administrator", "operator")


def _tools() -> list[str]:
    from sealwright.setup.tools import TOOLS

    return list(TOOLS)


class _Setup(msgspec.Struct):
    tool: str
    signer: str
    files: "list[_File]"
    commands: list[str]


class _File(msgspec.Struct):
    path: str
    text: str
    written: bool


@click.command(cls=ClientCommand)
@click.argument("tool", type=click.Choice(_tools()))
@click.option("--signer", metavar="NAME", help="Which one.  [the only one that you sign with]")
@click.option("--write", is_flag=True, help="Write the files, and print the commands alone.")
@click.option("--force", is_flag=True, help="With --write: over files that are there.")
def setup(tool: str, signer: str | None, write: bool, force: bool) -> None:
    """What TOOL has to be told to sign with a signer: files and commands, as a script.

    It is filled in with this machine's module and the signer's slot. Call it with the API key that
    will sign; the tools find that where this command does.
    """
    from sealwright.module import ModuleMissingError, module_path
    from sealwright.setup.recipe import CannotSignError, Token
    from sealwright.setup.tools import recipe_for

    chosen = _chosen(signer)
    url = invocation().connection(with_key=False).addresses[0].url
    try:
        token = Token(
            module=str(module_path()),
            name=chosen.name,
            slot=chosen.number,
            key=chosen.key,
            timestamps=f"{url}/v1/timestamp" if url.startswith("http") else None,
            gnupg_home=os.environ.get("GNUPGHOME") or "~/.gnupg",
        )
        recipe = recipe_for(tool, token)
    except ModuleMissingError as missing:
        raise CommandError(str(missing), code="module_missing") from None
    except CannotSignError as fault:
        raise CommandError(str(fault), next_step="Take another tool, or another signer.") from None
    if chosen.role not in _SIGNS:
        warn(f"this API key reads {chosen.name}, and cannot sign with it: {tool} will not either")
    if token.timestamps is None:
        warn("without timestamps: no tool can call them over a unix socket")
    if write:
        _write(recipe, force=force)
    if invocation().json:
        files = [_File(file.path, file.text, write) for file in recipe.files]
        print_object(_Setup(tool, chosen.name, files, list(recipe.commands)))
    else:
        for line in _script(recipe, written=write):
            click.echo(printable(line))


def _chosen(name: str | None) -> "CatalogueSigner":
    signers = client().catalogue().value.signers
    signing = [each for each in signers if each.role in _SIGNS]
    named = signing if name is None else [each for each in signers if each.name == name]
    if len(named) == 1:
        return named[0]
    if name is not None:
        raise CommandError(
            f"There is no signer {name!r} that you may see.",
            code="signer_not_found",
        )
    if not signing:
        raise CommandError("This API key signs with no signer.", code="not_a_member")
    raise CommandError(
        "This API key signs with several signers.",
        next_step=f"Name one with --signer: {', '.join(each.name for each in signing)}",
    )


def _script(recipe: "Recipe", *, written: bool) -> Iterator[str]:
    """Lines for a shell."""
    if not written:
        for file in recipe.files:
            path = file.path if file.path.startswith("~/") else shlex.quote(file.path)
            if folder := path.rpartition("/")[0]:
                yield f"mkdir -p -m 700 {folder}"
            yield f"cat {'>>' if file.is_shared else '>'} {path} <<'END'"
            yield from file.text.splitlines()
            yield "END"
    yield from _where_and_who()
    yield from recipe.commands


def _where_and_who() -> Iterator[str]:
    """What this command was told, for the shell in which the tool is started. Tools and their
    daemons may stand in another folder, so that paths are whole."""
    given = invocation()
    options = {"URL": given.url, "API_KEY_FILE": given.api_key_file, "CA_FILE": given.ca_file}
    is_told = False
    for name, option in options.items():
        value = option or variable(os.environ, name)
        if value:
            told = value if name == "URL" else str(Path(value).absolute())
            yield f"export SEALWRIGHT_{name}={shlex.quote(told)}"
            is_told = True
    if given.api_key_file and variable(os.environ, "API_KEY"):
        yield "unset SEALWRIGHT_API_KEY"  # it would win
    if not is_told:
        yield "# Where and who: SEALWRIGHT_URL and SEALWRIGHT_API_KEY_FILE, or pkcs11.toml."


def _write(recipe: "Recipe", *, force: bool) -> None:
    """All or none; to what the user may have settings of their own in, it is added."""
    from sealwright.cli.whole_file import whole_file

    places = [(file, _place(file)) for file in recipe.files]
    there = [file.path for file, place in places if os.path.lexists(place) and not file.is_shared]
    if there and not force:
        raise CommandError(
            f"{', '.join(there)}: already there.",
            next_step="Look at it, and put the lines in yourself, or write over it with --force.",
        )
    for file, place in places:
        kept = place.read_bytes() if file.is_shared and place.exists() else b""
        if kept and file.text.encode() in kept:
            continue
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with whole_file(place.resolve()) as out:  # a link goes on leading there
            out.write(kept + file.text.encode())
        click.echo(f"Written: {printable(str(place))}", err=True)


def _place(file: "File") -> Path:
    if file.path.startswith("~/") and os.environ.get("HOME") == "":
        raise _no_home(file)
    try:
        return Path(file.path).expanduser()
    except RuntimeError:
        raise _no_home(file) from None


def _no_home(file: "File") -> CommandError:
    return CommandError(
        f"{file.path}: this user has no home.", next_step="Set HOME, or leave --write away."
    )

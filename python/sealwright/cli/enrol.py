"""sealwright enrol: of a code that an admin gave you, an API key that nobody else ever saw."""

import sys
from pathlib import Path

import click
from msgspec.structs import replace

from sealwright.cli.failure import CommandError
from sealwright.cli.identity import key_out as key_out_option
from sealwright.cli.identity import show_new_key
from sealwright.cli.options import ClientCommand, client, invocation
from sealwright.cli.output import KeyOutput, print_json, print_object, warn
from sealwright.cli.text import facts
from sealwright.client.environment import trimmed
from sealwright.client.errors import ClientError
from sealwright.client.secret_file import ENROLMENT_CODE, LONGEST_FILE, read_secret


@click.command(cls=ClientCommand)
@click.argument("source", metavar="[-]", required=False)
@click.option(
    "--code-file",
    type=click.Path(path_type=Path, allow_dash=True),
    metavar="FILE",
    help="A file (0600) with the code; - is stdin.  [asked for]",
)
@key_out_option
def enrol(source: str | None, code_file: Path | None, key_out: Path | None) -> None:
    """Make an API key of a code, and print it once.

    Asks for the code that an admin gave you, or takes it from stdin (-) or a file. No API key is
    needed, and none used.
    """
    if source not in (None, "-") or (source and code_file):
        raise click.UsageError(
            "Give the code on stdin (-), in a file (--code-file FILE), or when it is asked for: "
            "whoever lists processes sees arguments."
        )
    caller = client(with_key=False)
    code = _read_code(Path(source) if source else code_file)
    output = KeyOutput(key_out)
    try:
        answer = caller.enrol(code)
    except ClientError:
        output.discard()
        raise
    api_key = answer.value.api_key or ""
    output.keep(api_key)
    if not invocation().json:
        facts([("identity", answer.value.identity)])
        show_new_key(answer.value)
        output.tell(api_key)
        for sentence in answer.value.warnings:
            warn(sentence)
    elif key_out is None:
        print_json(answer.body)
    else:
        print_object(replace(answer.value, api_key=None))


def _read_code(file: Path | None) -> str:
    """None: asked for at the terminal."""
    if file is not None and file != Path("-"):
        return read_secret(file, ENROLMENT_CODE)
    if file is None:
        if not sys.stdin.isatty():
            raise CommandError(
                "There is no terminal to ask for the code at.",
                next_step="Give it on stdin (sealwright enrol -), or in a file: "
                "sealwright enrol --code-file FILE",
            )
        code = trimmed(click.prompt("Enrolment code", hide_input=True, err=True))
    else:
        code = trimmed(sys.stdin.buffer.read(LONGEST_FILE).decode(errors="replace"))
    if not ENROLMENT_CODE.fits(code):
        raise CommandError(f"This is no enrolment code: {ENROLMENT_CODE.shape}.")
    return code

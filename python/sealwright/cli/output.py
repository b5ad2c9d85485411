"""Answers on stdout: the API's own JSON, or what people read; warnings on stderr."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click
import msgspec

from sealwright.cli.columns import terminal_columns, wrapped
from sealwright.cli.failure import CommandError
from sealwright.cli.options import invocation
from sealwright.cli.streams import stdout_is_open
from sealwright.cli.tabular import Column, Row, table
from sealwright.cli.text import printable, printable_json

if TYPE_CHECKING:
    from sealwright.client.call import Answer
    from sealwright.client.objects import Page

T = TypeVar("T")


def show(answer: "Answer[T]", for_people: Callable[[T], None]) -> None:
    if invocation().json:
        print_json(answer.body)
    else:
        for_people(answer.value)


def show_page(
    answer: "Answer[Page[T]]", columns: Sequence[Column], row: Callable[[T], Row]
) -> None:
    show(answer, lambda page: table(columns, [row(item) for item in page.items]))
    if answer.value.next is not None and not invocation().json:
        click.echo(f"There are more: --cursor {printable(answer.value.next)}", err=True)


def print_json(body: bytes) -> None:
    """One line; indented on a terminal."""
    indent = 2 if sys.stdout.isatty() else -1
    click.echo(printable_json(msgspec.json.format(body, indent=indent).decode()))


def print_object(value: object) -> None:
    print_json(msgspec.json.encode(value))


def tell_deleted(name: str) -> None:
    """For a call that has no answer."""
    if invocation().json:
        print_object(_Deleted(name, deleted=True))
    else:
        click.echo(f"Deleted {name}.", err=True)


class _Deleted(msgspec.Struct):
    name: str
    deleted: bool


def warn(sentence: str) -> None:
    text = f"warning: {printable(sentence)}"
    click.echo(wrapped(text, terminal_columns()) if sys.stderr.isatty() else text, err=True)


class KeyOutput:
    """Where a new API key goes: stdout, or a new file that only its owner can read.

    The file is made before the key is, so that no key is lost to a full disk or a wrong path.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        if path is None:
            if not stdout_is_open():
                raise CommandError(
                    "stdout is closed, and the API key would be lost.", code="no_key_out"
                )
            return
        try:
            path.touch(mode=0o600, exist_ok=False)
        except OSError as fault:
            raise CommandError(
                f"{path}: cannot make this file for the API key: {fault.strerror}"
            ) from None

    def keep(self, api_key: str) -> None:
        """Into the file, before anything else can go wrong."""
        if self._path is not None:
            self._path.write_text(f"{api_key}\n")

    def tell(self, api_key: str) -> None:
        """The last line of stdout, or where it was put."""
        if self._path is not None:
            click.echo(f"The API key is in {self._path}; it is not shown again.", err=True)
        else:
            click.echo("The API key, shown this once, is the next line.", err=True)
            click.echo(api_key)

    def discard(self) -> None:
        """No key came of it."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)

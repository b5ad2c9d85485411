"""sealwright audit report: each signature, and all that an auditor asks of it."""

import sys
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import click
import msgspec

from sealwright.cli.audit_filters import name_options, time_options
from sealwright.cli.audit_source import Source, SourceOf, source_options
from sealwright.cli.options import ClientCommand, invocation
from sealwright.cli.report_forms import About, Csv, Entry, Form, Json, Table
from sealwright.cli.report_html import Html
from sealwright.cli.report_text import instant
from sealwright.cli.whole_file import whole_file

_PAGE = 1000  # rows
_FORMS: dict[str, type[Form]] = {"csv": Csv, "html": Html}


@click.command(cls=ClientCommand)
@name_options
@click.option(
    "--outcome",
    type=click.Choice(["succeeded", "denied", "failed", "all"]),
    default="succeeded",
    show_default=True,
    help="Of calls to sign.",
)
@time_options
@click.option("--csv", "form", flag_value="csv", help="As CSV, for spreadsheets and programs.")
@click.option("--html", "form", flag_value="html", help="As one HTML page, to keep or to print.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Into this file (0600), whole or not at all, in the place of what was there.",
)
@source_options
def report(
    source: SourceOf,
    signer: str | None,
    actor: str | None,
    outcome: str,
    since: datetime | None,
    until: datetime | None,
    action: str | None,
    form: str | None,
    out: Path | None,
) -> None:
    """Signatures, oldest first: by whom, from where, with which tool, under which grant and
    request, why, and who approved it with which credential.

    With --action: changes of that kind, and who agreed to them. All of it is what the log says:
    whether that is intact, audit verify says.
    """
    if form is not None and invocation().json:
        raise click.UsageError("--json is another form: leave away --csv or --html.")
    chosen = _form(form, for_a_terminal=out is None and sys.stdout.isatty())
    where = {
        "signer": signer,
        "actor": actor,
        "outcome": None if outcome == "all" or action is not None else outcome,
        "since": since,
        "until": until,
        "action": action,
    }
    with _sink(out) as sink:
        count = _write(_Report(source(), where), chosen, sink)
    if out is not None:
        click.echo(f"{count} rows are in {out}.", err=True)


def _form(name: str | None, *, for_a_terminal: bool) -> Form:
    if name is not None:
        return _FORMS[name]()
    return Json() if invocation().json else Table(for_a_terminal=for_a_terminal)


def _sink(out: Path | None) -> Any:
    return nullcontext(sys.stdout.buffer) if out is None else whole_file(out)


@dataclass(frozen=True, slots=True)
class _Report:
    source: Source
    where: dict[str, Any]

    def pages(self) -> Iterator[tuple[About, list[Entry]]]:
        """Up to the end of the log as it was at the first: rows that come meanwhile are left for
        another report."""
        cursor: str | None = None
        about: About | None = None
        while True:
            answer = self.source.report(_PAGE, cursor, **self.where)
            about = about or About(self._filters(), self._changes, answer.value.head)
            items = msgspec.json.decode(answer.body, type=_Items).items
            found = zip(answer.value.items, items, strict=True)
            last = about.head.sequence
            yield about, [Entry(it, bytes(raw)) for it, raw in found if it.sequence <= last]
            cursor = answer.value.next
            if cursor is None or answer.value.items[-1].sequence >= last:
                return

    @property
    def _changes(self) -> bool:
        return self.where["action"] is not None

    def _filters(self) -> list[tuple[str, str]]:
        said = [
            (name, (instant(value) or "") if isinstance(value, datetime) else str(value))
            for name, value in self.where.items()
            if value is not None
        ]
        return [*said, ("made at", f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}")]


class _Items(msgspec.Struct):
    items: list[msgspec.Raw]


def _write(of: _Report, form: Form, sink: BinaryIO) -> int:
    """The number of rows."""
    count, begun = 0, False

    def write(pieces: Iterator[str]) -> None:
        for piece in pieces:
            sink.write(piece.encode())

    for about, entries in of.pages():
        if not begun:
            write(form.begin(about))
            begun = True
        write(form.page(entries))
        count += len(entries)
    write(form.end(count))
    sink.flush()
    return count

"""sealwright audit: who signed what, who was refused, who changed what."""

import os
import stat
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import BinaryIO

import click
import msgspec

from sealwright.cli.log_lines import lines_of, pieces_of, watched
from sealwright.cli.options import Group, client, invocation, page_options
from sealwright.cli.output import print_object, show_page, warn
from sealwright.cli.text import facts, moment
from sealwright.client.objects import Operation


class _Moment(click.ParamType[datetime]):
    name = "time"

    def convert(
        self, value: object, parameter: click.Parameter | None, context: click.Context | None
    ) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            time = datetime.fromisoformat(str(value))
        except ValueError:
            time = None
        if time is None or time.tzinfo is None:
            self.fail(f"{value!r} is no RFC 3339 time such as 2026-01-31T08:00:00Z", parameter)
        return time.astimezone(UTC)


@click.group(cls=Group)
def audit() -> None:
    """The log of every call to sign and of every change."""


@audit.command("list")
@click.option("--signer", metavar="NAME", help="Only rows of this signer.")
@click.option("--actor", metavar="NAME", help="Only what this identity did.")
@click.option("--kind", type=click.Choice(["sign", "change"]), help="Only this kind of row.")
@click.option("--outcome", type=click.Choice(["succeeded", "denied", "failed"]))
@click.option("--since", type=_Moment(), metavar="TIME", help="RFC 3339: 2026-01-31T08:00:00Z.")
@page_options
def list_(
    signer: str | None,
    actor: str | None,
    kind: str | None,
    outcome: str | None,
    since: datetime | None,
    limit: int,
    cursor: str | None,
) -> None:
    """Rows that you may see, newest first."""
    answer = client().operations(
        limit, cursor, signer=signer, actor=actor, kind=kind, outcome=outcome, since=since
    )
    columns = ["sequence", "time", "actor", "what", "on", "outcome", "reason", "hash", "from"]
    show_page(answer, columns, _row)


def _row(row: Operation) -> list[object]:
    return [
        row.sequence,
        moment(row.created_at),
        row.actor,
        row.action or row.kind,
        row.signer or row.object,
        row.outcome,
        row.reason,
        row.hash,
        _origin(row),
    ]


def _origin(row: Operation) -> str | None:
    if row.client is None:
        return None
    place = row.client.hostname or row.client.address
    return " ".join(filter(None, [place, row.client.tool])) or None


@audit.command()
def export() -> None:
    """The whole log on stdout: one JSON object a line, in the order of the chain."""
    for piece in client().export_operations():
        sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()


@audit.command()
@click.argument("file", required=False, type=click.File("rb"), metavar="[FILE]")
@click.option(
    "--expect-head",
    metavar="HASH",
    help="A head that was noted down earlier: the log must hold a row with this hash.",
)
def verify(file: BinaryIO | None, expect_head: str | None) -> None:
    """Check the chain of hashes: of an exported FILE (- is stdin), or of the server's log.

    Nothing of the server is trusted but the rows themselves. Exit code 1 if a row was changed,
    removed or slipped in, or if the log does not hold the head expected.
    """
    from controlplane.audit.verification import verify_lines

    expected = [expect_head.lower()] if expect_head is not None else []
    if file is None:
        told = client().operations_head().value
        pieces = _watched(client().export_operations(), told.sequence, _count_rows)
        chain = verify_lines(lines_of(pieces), *expected, told.row_hash)
    else:
        told = None
        pieces = _watched(pieces_of(file), _size_of(file), len)
        chain = verify_lines(lines_of(pieces), *expected)
    if invocation().json:
        print_object(_Verdict(chain.rows, chain.intact, chain.first_bad_sequence, chain.head))
    else:
        facts(
            [
                ("rows", chain.rows),
                ("intact", "yes" if chain.intact else "no"),
                ("first bad sequence", chain.first_bad_sequence),
                ("head", chain.head),
            ]
        )
    if chain.newer is not None:
        warn(
            f"row {chain.newer} was made by a newer version of Sealwright, which this one cannot "
            "check: verify with that version"
        )
    if set(expected) & set(chain.missing):
        warn("the log does not hold the head expected: rows are missing, or were rewritten")
    if told is not None and told.row_hash in chain.missing:
        warn(f"the store's own note of the log's end, row {told.sequence}, is not the log's")
    if not chain.intact:
        click.get_current_context().exit(1)


def _watched(
    pieces: Iterable[bytes], total: int | None, measure: Callable[[bytes], int]
) -> Iterable[bytes]:
    is_for_people = sys.stderr.isatty() and not invocation().json
    return watched(pieces, total, measure) if is_for_people else pieces


def _count_rows(piece: bytes) -> int:
    return piece.count(b"\n")


def _size_of(file: BinaryIO) -> int | None:
    """In bytes; None of what is no regular file."""
    found = os.fstat(file.fileno())
    return found.st_size if stat.S_ISREG(found.st_mode) else None


class _Verdict(msgspec.Struct):
    rows: int
    intact: bool
    first_bad_sequence: int | None
    head: str

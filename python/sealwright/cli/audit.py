"""sealwright audit: who signed what, who was refused, who changed what."""

import sys
from datetime import datetime

import click

from sealwright.cli.audit_filters import name_options, time_options
from sealwright.cli.audit_report import report
from sealwright.cli.audit_show import show_
from sealwright.cli.audit_source import SourceOf, source_options
from sealwright.cli.audit_verify import verify
from sealwright.cli.options import ClientCommand, Group, page_options
from sealwright.cli.output import show_page
from sealwright.cli.tabular import either, text, word
from sealwright.client.objects import Operation

_COLUMNS = [
    word("sequence"),
    word("time", 1),
    text("actor", least=10),
    text("what", least=19),
    either("on", 2, least=8),
    word("outcome"),
    text("reason", 3, least=10),
    word("hash", 5),
    text("from", 4),
]


@click.group(cls=Group)
def audit() -> None:
    """The log of every call to sign and of every change."""


@audit.command("list")
@name_options
@click.option(
    "--kind", type=click.Choice(["sign", "change", "timestamp"]), help="Only this kind of row."
)
@click.option("--outcome", type=click.Choice(["succeeded", "denied", "failed"]))
@time_options
@page_options
@source_options
def list_(
    source: SourceOf,
    signer: str | None,
    actor: str | None,
    kind: str | None,
    outcome: str | None,
    since: datetime | None,
    until: datetime | None,
    action: str | None,
    limit: int,
    cursor: str | None,
) -> None:
    """Rows that you may see, newest first."""
    answer = source().operations(
        limit,
        cursor,
        signer=signer,
        actor=actor,
        kind=kind,
        outcome=outcome,
        since=since,
        until=until,
        action=action,
    )
    show_page(answer, _COLUMNS, _row)


def _row(row: Operation) -> list[object]:
    return [
        row.sequence,
        row.created_at,
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


@click.command(cls=ClientCommand)
@source_options
def export(source: SourceOf) -> None:
    """The whole log on stdout: one JSON object a line, in the order of the chain."""
    for piece in source().export_operations():
        sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()


audit.add_command(show_)
audit.add_command(report)
audit.add_command(export)
audit.add_command(verify)

"""sealwright audit: who signed what, who was refused, who changed what."""

import sys
from datetime import UTC, datetime

import click

from sealwright.cli.audit_verify import verify
from sealwright.cli.options import Group, client, page_options
from sealwright.cli.output import show_page
from sealwright.cli.text import moment
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


audit.add_command(verify)

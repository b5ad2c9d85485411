"""sealwright jobs: what the server does without being asked."""

import click

from sealwright.cli.duration import spell_duration
from sealwright.cli.options import Group, client, page_options
from sealwright.cli.output import show_page
from sealwright.cli.tabular import text, word
from sealwright.cli.text import said
from sealwright.client.objects import Job


@click.group(cls=Group)
def jobs() -> None:
    """What the server does without being asked."""


@jobs.command("list")
@page_options
def list_(limit: int, cursor: str | None) -> None:
    """What runs in the background, by name: when next, how it went last, and where.

    One process of all servers of a store runs them; another takes over when it dies.
    """
    show_page(
        client().jobs(limit, cursor),
        [
            text("job"),
            word("every", 3),
            word("next", 2),
            word("last run"),
            text("last failure", 1, least=24),
            text("on", 4),
        ],
        _row,
    )


def _row(one: Job) -> list[object]:
    failure = f"{said(one.failed_at)} {one.failure}" if one.failure else None
    if one.failures:
        failure = f"{failure} ({one.failures} in a row)"
    return [
        one.name,
        spell_duration(one.every_seconds),
        one.next_at,
        one.ran_at,
        failure,
        f"{one.node} ({one.process})",
    ]

"""sealwright audit show: one row, and all that it rests on."""

import json
from collections.abc import Iterator

import click

from sealwright.cli.audit_source import SourceOf, source_options
from sealwright.cli.options import ClientCommand, invocation
from sealwright.cli.output import print_json
from sealwright.cli.text import facts

_BESIDE = ("grant", "request", "approved_by", "objects")


@click.command("show", cls=ClientCommand)
@click.argument("id")
@source_options
def show_(source: SourceOf, id: str) -> None:  # noqa: A002  # the argument's name in the usage line
    """One row, by its id or its sequence number, with everything: what the client said of itself,
    the grant, the request, who approved, and the objects that a change left behind."""
    answer = source().explain_operation(id)
    if invocation().json:
        print_json(answer.body)
        return
    row = json.loads(answer.body)
    facts(list(_members("", {name: row[name] for name in row if name not in _BESIDE})))
    _section("grant", row["grant"])
    _section("request", row["request"])
    for approval in row["approved_by"]:
        _section("approval", approval)
    if row.get("objects"):
        _section("objects", {name: hash_ or "gone" for name, hash_ in row["objects"].items()})


def _section(name: str, of: dict[str, object] | None) -> None:
    if of is not None:
        click.echo(f"\n{name}")
        facts(list(_members("  ", of)))


def _members(before: str, of: dict[str, object]) -> Iterator[tuple[str, object]]:
    """What is there, each under its name."""
    for name, value in of.items():
        if isinstance(value, dict):
            yield from _members(f"{before}{name} ", value)
        elif isinstance(value, list):
            for each in value:
                yield f"{before}{name}", ", ".join(f"{k} {v}" for k, v in each.items())
        elif isinstance(value, bool):
            yield f"{before}{name}", "yes" if value else "no"
        elif value is not None:
            yield f"{before}{name}", value

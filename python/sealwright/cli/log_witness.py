"""sealwright log witness: who sees that the log only grows, and signs that."""

import click

from sealwright.cli.failure import CommandError
from sealwright.cli.options import Group, client, page_options
from sealwright.cli.output import show, show_page, tell_deleted
from sealwright.cli.short_id import short
from sealwright.cli.tabular import ident, text, word
from sealwright.cli.text import facts
from sealwright.client.objects import Witness

_MOST = 1000


@click.group(cls=Group)
def witness() -> None:
    """Who sees that the log only grows, and signs its checkpoints, once a minute."""


@witness.command()
@click.argument("prefix", metavar="URL")
@click.argument("key")
def add(prefix: str, key: str) -> None:
    """Have the log witnessed at URL (C2SP tlog-witness) by the holder of KEY.

    KEY is the verifier key that the witness prints, NAME+HEX+BASE64. The witness has to be given
    this log's: sealwright log key.
    """
    show(client().add_witness(prefix, key), _show)


@witness.command("list")
@page_options
def list_(limit: int, cursor: str | None) -> None:
    """The witnesses, and how it goes with each."""
    show_page(
        client().witnesses(limit, cursor),
        [
            text("name", least=22),
            text("url", 3),
            word("signed"),
            word("entries", 1),
            text("failure", 2, least=20),
            ident("id"),
        ],
        lambda it: [it.name, it.url, it.succeeded_at, it.size, it.failure, it.id],
    )


@witness.command()
@click.argument("name")
def remove(name: str) -> None:
    """Have the log witnessed by NAME, the name of its key or its id, no more."""
    caller = client()
    known = caller.witnesses(_MOST).value.items
    found = [each for each in known if name in (each.id, each.name, short(each.id))]
    if not found:
        raise CommandError(
            f"There is no witness {name!r}.", next_step="See sealwright log witness list."
        )
    if len(found) > 1:
        ids = ", ".join(each.id for each in found)
        raise CommandError(f"There are several witnesses {name!r}.", next_step=f"Name one: {ids}.")
    caller.remove_witness(found[0].id)
    tell_deleted(name)


def _show(one: Witness) -> None:
    facts(
        [
            ("name", one.name),
            ("id", one.id),
            ("url", one.url),
            ("key", one.key),
            ("added", one.created_at),
        ]
    )

"""sealwright settings: what holds for the whole installation."""

import click

from sealwright.cli.options import Group, client, page_options
from sealwright.cli.output import show, show_page
from sealwright.cli.tabular import text, word
from sealwright.cli.text import facts
from sealwright.client.objects import Setting


@click.group(cls=Group)
def settings() -> None:
    """What holds for the whole installation."""


@settings.command("list")
@page_options
def list_(limit: int, cursor: str | None) -> None:
    """All settings, by name."""
    show_page(
        client().settings(limit, cursor),
        [
            word("setting"),
            text("value", least=20),
            text("default", 2, least=20),
            text("meaning", 1, least=32),
        ],
        lambda it: [it.name, it.value, it.default, it.meaning],
    )


@settings.command("set")
@click.argument("name")
@click.argument("value")
def set_(name: str, value: str) -> None:
    """Change a setting. It is audited, and holds from now on."""
    show(client().set_setting(name, value), _show)


def _show(one: Setting) -> None:
    facts(
        [
            ("setting", one.name),
            ("value", one.value),
            ("default", one.default),
            ("written", one.form),
            ("meaning", one.meaning),
        ]
    )

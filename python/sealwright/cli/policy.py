"""sealwright policy: what has to be approved before a signer signs, and for how long."""

from typing import Any

import click

from sealwright.cli.bounds import hashes, signings, window
from sealwright.cli.history import show_changes
from sealwright.cli.options import Group, client, invocation, page_options
from sealwright.cli.output import show, show_page, tell_deleted
from sealwright.cli.policy_options import terms_options
from sealwright.cli.tabular import table, text, word
from sealwright.cli.text import facts
from sealwright.client.objects import Policy, PolicyStep, PolicyTerms


@click.group(cls=Group)
def policy() -> None:
    """What signers ask for before they sign: approvals, and limits."""


@policy.command()
@click.argument("name")
@terms_options
def create(name: str, **terms: Any) -> None:
    """Make a policy. A signer gets it with: sealwright signer set-policy NAME POLICY

    Give --max-window, --max-signings or both. Without --step a request is approved at once, without
    --request-ttl it waits for ever, and without --hash every hash may be signed.
    """
    answer = client().create_policy(name, PolicyTerms(**terms))
    show(answer, _show_policy)
    if answer.value.steps and not answer.value.protected and not invocation().json:
        click.echo(
            "Who rules over a signer can still detach this policy alone, sign, and attach it "
            "again; with --protected its own steps decide about that.",
            err=True,
        )


@policy.command("list")
@page_options
def list_(limit: int, cursor: str | None) -> None:
    """The policies, by name."""
    show_page(
        client().policies(limit, cursor),
        [
            text("name"),
            word("max window", 2),
            word("max signings", 1),
            word("request ttl", 4),
            text("hashes", 3),
            text("steps", least=24),
        ],
        lambda it: [
            it.name,
            window(it.max_window_seconds),
            signings(it.max_signings),
            window(it.request_ttl_seconds),
            hashes(it.hashes),
            "; ".join(map(_in_short, it.steps)) or None,
        ],
    )


@policy.command("show")
@click.argument("name")
def show_(name: str) -> None:
    """One policy: its terms, its signers, and who changed what."""
    show(client().policy(name), _show_policy)


@policy.command()
@click.argument("name")
@terms_options
def edit(name: str, **terms: Any) -> None:
    """Change the terms given, and leave the others as they are.

    `none` removes one: --max-window none. --step and --hash replace all that there were; `none`
    removes them all. Requests and grants that there are keep the terms that they were made under.
    """
    given = PolicyTerms(**terms)
    if given == PolicyTerms():
        raise click.UsageError("Nothing to change: give at least one option.")
    show(client().edit_policy(name, given), _show_policy)


@policy.command()
@click.argument("name")
def delete(name: str) -> None:
    """Remove a policy that no signer has."""
    client().delete_policy(name)
    tell_deleted(name)


def _in_short(step: PolicyStep) -> str:
    named = step.approvers
    of = ", ".join(named) if any(each.startswith("@") for each in named) else len(named)
    return f"{step.name} ({step.required} of {of})"


def _show_policy(one: Policy) -> None:
    facts(
        [
            ("name", one.name),
            ("id", one.id),
            ("max window", window(one.max_window_seconds)),
            ("max signings", signings(one.max_signings)),
            ("request ttl", window(one.request_ttl_seconds)),
            ("hashes", hashes(one.hashes)),
            ("protected", "yes" if one.protected else "no"),
            ("signers", ", ".join(one.signers) or None),
            ("created", one.created_at),
        ]
    )
    if one.steps:
        click.echo("")
        rows = [
            [number, step.name, step.required, ", ".join(step.approvers)]
            for number, step in enumerate(one.steps, 1)
        ]
        table([word("step"), text("name"), word("required"), text("approvers")], rows)
    show_changes(one.changes)

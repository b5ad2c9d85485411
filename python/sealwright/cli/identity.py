"""sealwright identity: who may call, and with which API keys."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import click
import msgspec
from msgspec.structs import replace

from sealwright.cli.duration import Duration, spell_duration
from sealwright.cli.moment import moment
from sealwright.cli.options import Group, client, invocation, page_options
from sealwright.cli.output import (
    KeyOutput,
    print_json,
    print_object,
    show,
    show_page,
    warn,
)
from sealwright.cli.short_id import is_short, only_one
from sealwright.cli.tabular import ident, table, text, word
from sealwright.cli.text import facts, printable, said
from sealwright.client.errors import ClientError, Proposed
from sealwright.client.objects import ApiKey, DisabledIdentity, Enrolment, Identity, NewApiKey

key_out = click.option(
    "--key-out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Put the API key into this new file (0600) instead of on stdout.",
)

enrol_option = click.option(
    "--enrol",
    is_flag=True,
    help="Give out a code (24 h, one use) in the place of a key: its holder makes a key of it with "
    "`sealwright enrol`, which nobody else ever sees.",
)


@click.group(cls=Group)
def identity() -> None:
    """Users and machines, and their API keys."""


@identity.command()
@click.argument("name")
@click.option("--kind", type=click.Choice(["user", "machine"]), required=True)
@click.option("--role", type=click.Choice(["admin", "auditor"]), help="Server-wide role.  [none]")
@click.option("--owner", metavar="USER", help="Who is to own this machine.  [the caller]")
@enrol_option
@key_out
def create(
    name: str, kind: str, role: str | None, owner: str | None, enrol: bool, key_out: Path | None
) -> None:
    """Make an identity, and print its first API key or code once.

    A machine is the caller's until the user named with --owner accepts it (sealwright identity
    accept NAME); until then it counts as both.
    """
    if enrol:
        _refuse_key_out(key_out)
        made = client().create_identity(name, kind, role, owner, enrol=True)
        show(made, show_identity)
        _tell_code(made.value.enrolment_code, made.value.enrolment_expires_at)
        return
    caller, output = client(), KeyOutput(key_out)
    try:
        answer = caller.create_identity(name, kind, role, owner)
    except Proposed as proposed:
        raise _kept(output, proposed, key_out) from None
    except ClientError:
        output.discard()
        raise
    api_key = answer.value.api_key or ""
    output.keep(api_key)
    if not invocation().json:
        show_identity(answer.value)
        output.tell(api_key)
    elif key_out is None:
        print_json(answer.body)
    else:
        print_object(replace(answer.value, api_key=None))


@identity.command("list")
@page_options
def list_(limit: int, cursor: str | None) -> None:
    """All identities, by name."""
    show_page(
        client().identities(limit, cursor),
        [
            text("name"),
            word("kind", 2),
            word("role", 1),
            text("owner", 3),
            word("disabled"),
            word("created", 4),
        ],
        lambda it: [it.name, it.kind, it.role, it.owner, _yes(it.disabled), it.created_at],
    )


@identity.command("show")
@click.argument("name")
def show_(name: str) -> None:
    """One identity, with its API keys: their ids, limits and last uses."""
    answer = client().identity(name)
    show(answer, show_identity)
    if not invocation().json:
        for sentence in answer.value.warnings:
            warn(sentence)


@identity.command()
@click.argument("name")
@click.option("--role", type=click.Choice(["admin", "auditor", "none"]), help="Server-wide role.")
@click.option("--owner", metavar="USER", help="Who is to own this machine, once they accept it.")
@click.option("--email", metavar="ADDRESS", help="Where its holder is written to; none: nowhere.")
def edit(name: str, role: str | None, owner: str | None, email: str | None) -> None:
    """Change an identity; what is not named stays.

    A machine counts as its owner's and as the new one's until they accept it (sealwright identity
    accept NAME). Its owner's name takes back what was offered.
    """
    new = {"role": _taken(role), "owner": owner, "email": _taken(email)}
    named = {"role": role, "owner": owner, "email": email}
    given = {field: new[field] for field in new if named[field] is not None}
    if not given:
        raise click.UsageError("Nothing to change: give at least one option.")
    show(client().edit_identity(name, given), show_identity)


@identity.command()
@click.argument("name")
def accept(name: str) -> None:
    """Own a machine that was offered to you.

    What it asked for and approved before ends.
    """
    show(client().accept_machine(name), show_identity)


@identity.command()
@click.argument("name")
@click.option(
    "--machines",
    metavar="disable|keep|USER",
    help="What becomes of the machines that it owns; USER is to own them.",
)
def disable(name: str, machines: str | None) -> None:
    """From now on refuse whatever this identity asks.

    What it asked for is cancelled, and its approvals on steps that are not complete are withdrawn,
    those of its machines too. A machine that is kept signs, and approves nothing until somebody
    else owns it.
    """
    answer = client().disable_identity(name, machines)
    show(answer, _show_disabled)
    if not invocation().json:
        for unmet in answer.value.unmet:
            for sentence in unmet.what:
                warn(f"The policy {unmet.policy!r} cannot be met: {sentence}")


@identity.command()
@click.argument("name")
def enable(name: str) -> None:
    """Undo disable."""
    show(client().enable_identity(name), show_identity)


@identity.group(cls=Group)
def key() -> None:
    """API keys of an identity."""


@key.command()
@click.argument("name")
@click.option(
    "--expires",
    type=Duration(),
    metavar="DURATION",
    help="How long it works: 8h, 90d.  [until it is revoked]",
)
@click.option(
    "--from",
    "networks",
    metavar="CIDR",
    multiple=True,
    help="Where it works from: a network or an address; several times for several.  [everywhere]",
)
@enrol_option
@key_out
def add(
    name: str,
    expires: int | None,
    networks: tuple[str, ...],
    enrol: bool,
    key_out: Path | None,
) -> None:
    """Give an identity one more API key or code, and print it once."""
    if enrol:
        _refuse_key_out(key_out)
        made = client().add_enrolment(name, expires, networks)
        show(made, lambda new: _show_enrolments([new]))
        _tell_code(made.value.enrolment_code, made.value.enrolment_expires_at)
        return
    caller, output = client(), KeyOutput(key_out)
    try:
        answer = caller.add_key(name, expires, networks)
    except Proposed as proposed:
        raise _kept(output, proposed, key_out) from None
    except ClientError:
        output.discard()
        raise
    api_key = answer.value.api_key or ""
    output.keep(api_key)
    if not invocation().json:
        show_new_key(answer.value)
        output.tell(api_key)
    elif key_out is None:
        print_json(answer.body)
    else:
        print_object(replace(answer.value, api_key=None))


def _kept(output: KeyOutput, proposed: Proposed, key_out: Path | None) -> Proposed:
    """The same, after its key was put where it belongs."""
    api_key = proposed.change.api_key or ""
    output.keep(api_key)
    if not invocation().json:
        output.tell(api_key)
        click.echo("It works once the proposal is carried out.", err=True)
    if key_out is None:
        return proposed
    change = replace(proposed.change, api_key=None)
    return Proposed(change, msgspec.json.encode(change))


@key.command()
@click.argument("name")
@click.argument("key_id")
def revoke(name: str, key_id: str) -> None:
    """Refuse this API key from now on. `sealwright identity show NAME` lists the ids."""
    caller = client()
    if is_short(key_id):
        key_id = only_one("API key", key_id, caller.identity(name).value.keys or [])
    answer = caller.revoke_key(name, key_id)
    show(answer, lambda revoked: show_keys([revoked]))
    if not invocation().json:
        click.echo(printable(f"Revoked: the API key {answer.value.id} of {name}."), err=True)


def _refuse_key_out(path: Path | None) -> None:
    if path is not None:
        raise click.UsageError(
            "--enrol makes no key: its holder says --key-out to sealwright enrol."
        )


def _tell_code(code: str | None, end: datetime | None) -> None:
    """For people, on a line of its own on stdout."""
    if not invocation().json:
        until = f"until {moment(end)}, for `sealwright enrol`"
        click.echo(f"The enrolment code, good for one use {until}, is the next line.", err=True)
        click.echo(code)


def show_new_key(new: NewApiKey) -> None:
    facts(
        [
            ("id", new.id),
            ("created", new.created_at),
            ("ends", new.expires_at),
            ("from", _places(new.allowed_addresses)),
        ]
    )


def show_identity(who: Identity) -> None:
    facts(
        [
            ("name", who.name),
            ("id", who.id),
            ("kind", who.kind),
            ("role", who.role),
            ("owner", who.owner),
            *_offered(who),
            ("email", who.email),
            ("disabled", _yes(who.disabled)),
            ("created", who.created_at),
        ]
    )
    if who.keys is not None:
        click.echo("")
        show_keys(who.keys)
    if who.enrolments:
        click.echo("")
        _show_enrolments(who.enrolments)


def _show_enrolments(enrolments: Sequence[Enrolment]) -> None:
    rows = [
        [
            each.id,
            each.created_at,
            each.issued_by,
            each.enrolment_expires_at,
            None if each.expires_in_seconds is None else spell_duration(each.expires_in_seconds),
            _places(each.allowed_addresses),
        ]
        for each in enrolments
    ]
    columns = [
        ident("enrolment id"),
        word("created", 3),
        text("by", 4),
        word("until"),
        word("key ends after", 2),
        text("from", 1),
    ]
    table(columns, rows)


def _show_disabled(who: DisabledIdentity) -> None:
    show_identity(who)
    lines = [f"The machine {each.name} is {_state(each)}." for each in who.machines]
    lines += [f"Cancelled: the {each.kind} {each.id}." for each in who.cancelled]
    lines += [
        f"Withdrawn: {each.approver}'s approval of step {each.step} of the {each.kind} {each.id}."
        for each in who.withdrawn
    ]
    lines += [f"Nobody can use the grant {each} now." for each in who.grants]
    for line in lines:
        click.echo(printable(line))


def _state(machine: Identity) -> str:
    if machine.disabled:
        return "disabled"
    if machine.proposed_owner is not None:
        return f"offered to {machine.proposed_owner}, who has to accept it"
    return "kept"


def show_keys(keys: list[ApiKey]) -> None:
    rows = [
        [
            key.id,
            key.created_at,
            key.issued_by,
            _yes(key.enrolled),
            key.expires_at,
            _end(key),
            _places(key.allowed_addresses),
            _last_use(key),
        ]
        for key in keys
    ]
    columns = [
        ident("api key id"),
        word("created", 4),
        text("by", 5),
        word("enrolled", 6),
        word("ends", 2),
        word("revoked"),
        text("from", 3),
        word("last used", 1),
    ]
    table(columns, rows)


def _end(key: ApiKey) -> datetime | str | None:
    """When it was revoked, or suspended."""
    if key.revoked_at is None and key.suspended_at is not None:
        return f"suspended {said(key.suspended_at)}"
    return key.revoked_at


def _last_use(key: ApiKey) -> str | None:
    if key.last_used_on is None:
        return None
    return f"{key.last_used_on} {key.last_used_from or 'unix socket'}"


def _places(networks: list[str]) -> str:
    return ", ".join(networks) or "anywhere"


def _offered(who: Identity) -> list[tuple[str, object]]:
    """To whom, while they have not accepted."""
    return [] if who.proposed_owner is None else [("offered to", who.proposed_owner)]


def _taken(given: str | None) -> str | None:
    """`none` takes away what there is."""
    return None if given == "none" else given


def _yes(fact: bool) -> str:
    return "yes" if fact else "no"

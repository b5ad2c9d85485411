"""sealwright signer: named key pairs and their certificates."""

import sys
from pathlib import Path
from typing import Unpack

import click

from sealwright.cli.duration import Duration
from sealwright.cli.failure import CommandError
from sealwright.cli.history import show_changes
from sealwright.cli.options import Group, client, invocation, page_options
from sealwright.cli.output import show, show_page, warn
from sealwright.cli.tables import (
    OneOf,
    Within,
    certificate_days,
    default_certificate_days,
    hash_names,
    key_kinds,
    largest_chain,
)
from sealwright.cli.tabular import text, word
from sealwright.cli.text import bullets, facts, printable
from sealwright.client.call import Answer
from sealwright.client.objects import Explanation, Signer, SignerTerms


class _DaysOption(click.Option):
    """Its help names the server's default."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        self.help = f"Days that the certificate lasts.  [{default_certificate_days()}]"
        return super().get_help_record(ctx)


days_option = click.option("--days", type=Within(certificate_days), cls=_DaysOption)


class _Delay(Duration):
    """Seconds; 0 is written without a unit."""

    def convert(
        self, value: object, parameter: click.Parameter | None, context: click.Context | None
    ) -> int:
        return 0 if value == "0" else super().convert(value, parameter, context)


@click.group(cls=Group)
def signer() -> None:
    """Code signers: a key pair that stays on the server, and its certificate."""


@signer.command()
@click.argument("name")
@click.option("--key", type=OneOf(key_kinds), required=True)
@click.option("--common-name", metavar="TEXT", required=True, help="Whom the certificate names.")
@click.option("--organization", metavar="TEXT", help="Its organization.")
@click.option("--unit", metavar="TEXT", help="The organization's unit.")
@click.option("--locality", metavar="TEXT", help="Its town.")
@click.option("--country", metavar="CODE", help="Two capital letters: DE, US.")
@days_option
@click.option("--policy", metavar="NAME", help="What has to be approved first.  [none]")
@click.option(
    "--external",
    is_flag=True,
    help="Another CA certifies the key: see csr and install-certificate.",
)
def create(name: str, key: str, common_name: str, **more: Unpack[SignerTerms]) -> None:
    """Make a key pair on the server, and a certificate for it from the built-in CA."""
    more["external"] = more["external"] or None
    if more["policy"] == "none":
        more["policy"] = None
    _show(client().create_signer(name, key, common_name, **more))


@signer.command("list")
@page_options
def list_(limit: int, cursor: str | None) -> None:
    """The signers that you may see, by number."""
    answer = client().signers(limit, cursor)
    show_page(
        answer,
        [
            word("number", 5),
            text("name"),
            word("status"),
            word("key", 3),
            text("policy", 1),
            word("role", 4),
            word("not after", 2),
        ],
        lambda it: [
            it.number,
            it.name,
            it.status,
            it.key,
            it.policy,
            it.role,
            it.not_after,
        ],
    )
    for each in answer.value.items:
        _warn(each)


@signer.command("show")
@click.argument("name")
def show_(name: str) -> None:
    """One signer, and what happened to its policy."""
    _show_all(client().signer(name))


@signer.command()
@click.argument("name")
def disable(name: str) -> None:
    """Refuse to sign with it until it is enabled again."""
    _show(client().disable_signer(name))


@signer.command()
@click.argument("name")
def enable(name: str) -> None:
    """Undo disable."""
    _show(client().enable_signer(name))


@signer.command()
@click.argument("name")
@days_option
def renew(name: str, days: int | None) -> None:
    """A new key pair and certificate. Tools that run see it when they are started again."""
    _show(client().renew_signer(name, days))


@signer.command()
@click.argument("name")
@click.option("--yes", metavar="NAME", help="Its name again, where nobody can type it.")
@click.option(
    "--after",
    type=_Delay(),
    metavar="DURATION",
    help="How long it can be taken back: 1d to 90d; 0 if it never signed.  [7d]",
)
def delete(name: str, yes: str | None, after: int | None) -> None:
    """Have a disabled signer gone for good, its keys destroyed.

    Asks for its name. Until it is gone, undelete takes that back. Its audit rows stay; its name is
    never given again.
    """
    if (yes if yes is not None else _type_name(name)) != name:
        raise CommandError(f"That is not {name}: nothing is deleted")
    _show(client().delete_signer(name, after))


@signer.command()
@click.argument("name")
def undelete(name: str) -> None:
    """Take delete back, before the signer is gone. It stays disabled."""
    _show(client().undelete_signer(name))


@signer.command("set-policy")
@click.argument("name")
@click.argument("policy", metavar="POLICY|none")
def set_policy(name: str, policy: str) -> None:
    """Give it another policy, or none.

    Without a policy its members sign at once. Grants count only while the signer has the policy
    that they were issued under.
    """
    _show_all(client().set_policy(name, None if policy == "none" else policy))


@signer.command()
@click.argument("name")
def csr(name: str) -> None:
    """PEM of the PKCS#10 request of an --external signer."""
    show(client().signing_request(name), lambda it: click.echo(it.csr.strip()))


@signer.command("install-certificate")
@click.argument("name")
@click.option(
    "--chain",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
    required=True,
    metavar="FILE.pem",
    help="The certificate and its issuers, root included, in PEM.",
)
def install_certificate(name: str, chain: Path) -> None:
    """Give an --external signer the certificate that its CA issued."""
    most = largest_chain()
    with click.open_file(str(chain), "rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise CommandError(f"{chain} is larger than any certificate chain ({most} bytes)")
    if not content.isascii() or b"-----BEGIN CERTIFICATE-----" not in content:
        raise CommandError(
            f"{chain} holds no certificate in PEM",
            next_step="Convert DER with: openssl x509 -inform DER -in FILE -out FILE.pem",
        )
    _show(client().install_certificate(name, content.decode("ascii")))


@signer.command()
@click.argument("name")
@click.option("--chain", is_flag=True, help="Its issuers too, root last.")
def certificate(name: str, chain: bool) -> None:
    """PEM of its certificate."""
    answer = client().certificate(name)
    issuers = answer.value.chain if chain else []
    show(
        answer,
        lambda it: click.echo("\n".join(pem.strip() for pem in [it.certificate, *issuers])),
    )


@signer.command()
@click.argument("name")
@click.option("--identity", metavar="WHO", help="Who would sign.  [whose API key this is]")
@click.option(
    "--hash",
    "hash_",
    type=OneOf(hash_names),
    help="With which hash; none: bytes that are no digest, or a message.  [any that may be signed]",
)
def explain(name: str, identity: str | None, hash_: str | None) -> None:
    """Would this call to sign be allowed, and what is missing?

    Exit code 0 whether it would or not: with --json, `allowed` says which.
    """
    show(client().explain(name, identity, hash_), _show_explanation)


def _show_explanation(one: Explanation) -> None:
    click.echo(printable(one.title))
    bullets(one.missing)
    if one.request is not None:
        click.echo(printable(f"The request that waits: sealwright request show {one.request}"))


def _type_name(name: str) -> str:
    if not sys.stdin.isatty():
        raise click.UsageError(f"Nobody is there to type its name: give --yes {name}")
    typed: str = click.prompt(f"Type {name} to delete it", default="", show_default=False, err=True)
    return typed


def _show(answer: Answer[Signer]) -> None:
    show(answer, _show_signer)
    _warn(answer.value)


def _show_all(answer: Answer[Signer]) -> None:
    """With its history, which is beside the point where something else was changed."""
    _show(answer)
    if not invocation().json:
        show_changes(answer.value.policy_changes)


def _warn(one: Signer) -> None:
    for sentence in one.warnings:
        warn(sentence if one.name in sentence else f"{one.name}: {sentence}")


def _rest_of_subject(one: Signer) -> list[tuple[str, str | None]]:
    return [
        ("organization", one.organization),
        ("unit", one.unit),
        ("locality", one.locality),
        ("country", one.country),
    ]


def _show_signer(one: Signer) -> None:
    facts(
        [
            ("name", one.name),
            ("number", one.number),
            ("id", one.id),
            ("status", one.status),
            ("key", one.key),
            ("common name", one.common_name),
            *(each for each in _rest_of_subject(one) if each[1] is not None),
            ("certified by", "another CA" if one.external else "the built-in CA"),
            ("policy", one.policy),
            ("certificate serial", one.certificate_serial),
            ("not after", one.not_after),
            ("your role", one.role),
            ("created", one.created_at),
            *([] if one.deletes_at is None else [("gone at", one.deletes_at)]),
        ]
    )

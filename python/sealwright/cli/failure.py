"""Errors as a person meets them: what, where, and what to do next."""

import click
import msgspec

from sealwright.cli.options import invocation
from sealwright.cli.text import printable
from sealwright.client.errors import ClientError, Refused, UnexpectedAnswerError, UnreachableError

_NEXT = {
    "api_key_missing": "Say who you are: set SEALWRIGHT_API_KEY_FILE, or give --api-key-file FILE.",
    "api_key_unknown": "Check that the key belongs to this server; "
    "an admin gives out a new one with: sealwright identity key add NAME",
    "api_key_revoked": "An admin gives out a new one with: sealwright identity key add NAME",
    "identity_disabled": "An admin can undo that with: sealwright identity enable NAME",
    "signer_not_found": "Those that you may see: sealwright signer list",
    "identity_not_found": "Those that there are: sealwright identity list",
    "member_not_found": "Those that there are: sealwright member list SIGNER",
    "api_key_not_found": "Those that there are: sealwright identity show NAME",
    "signer_not_external": "The built-in CA issues for this signer: sealwright signer renew NAME",
    "signer_pending": "Get its request signed (sealwright signer csr NAME), then: "
    "sealwright signer install-certificate NAME --chain FILE.pem",
    "not_initialised": "Create the store first: sealwright init",
    "already_initialised": "Start it with: sealwright serve. "
    "Locked out? sealwright init --new-admin-key",
    "admin_required": "Ask an admin, or call with an admin's key: sealwright identity list",
    "reader_required": "A server-wide admin or auditor may: sealwright identity create NAME --role",
    "data_dir_not_empty": "Name another folder with --data-dir, or none that exists.",
    "master_key_wrong": "Name the right file with --master-key-file.",
    "address_unusable": "Give another address with --bind.",
    "overloaded": "Try again in a moment.",
}


class CommandError(Exception):
    """A command that could not do what it was asked to, for reasons on this side."""

    def __init__(self, title: str, *, code: str = "failed", next_step: str | None = None) -> None:
        super().__init__(title)
        self.code = code
        self.next_step = next_step if next_step is not None else _NEXT.get(code)


class _Report(msgspec.Struct, omit_defaults=True):
    code: str
    title: str
    status: int | None = None
    detail: str | None = None
    field: str | None = None
    request: str | None = None
    request_id: str | None = None
    next_step: str | None = None


def report(fault: ClientError | CommandError) -> None:
    """Tells stderr: sentences, or with --json one line with an object `error`."""
    what = _describe(fault)
    if invocation().json:
        click.echo(msgspec.json.encode({"error": what}).decode(), err=True)
        return
    click.echo(f"Error: {printable(what.title)}", err=True)
    if what.detail:
        click.echo(f"  {printable(what.detail)}", err=True)
    notes = [
        f"field {printable(what.field)}" if what.field else "",
        f"code {printable(what.code)}" if isinstance(fault, Refused) else "",
        f"server's request id {printable(what.request_id)}" if what.request_id else "",
    ]
    if any(notes):
        click.echo(f"  ({', '.join(filter(None, notes))})", err=True)
    if what.next_step:
        click.echo(f"  {what.next_step}", err=True)


def _describe(fault: ClientError | CommandError) -> _Report:
    if isinstance(fault, Refused):
        wait = f"Try again in {fault.retry_after} s." if fault.retry_after is not None else None
        return _Report(
            code=fault.code,
            title=fault.title,
            status=fault.status,
            detail=fault.detail,
            field=fault.field,
            request=fault.request,
            request_id=fault.request_id,
            next_step=wait or _NEXT.get(fault.code),
        )
    if isinstance(fault, CommandError):
        return _Report(fault.code, str(fault), next_step=fault.next_step)
    if isinstance(fault, UnreachableError):
        return _Report(
            "unreachable",
            f"No control plane answered: {fault}",
            next_step="Check --url or SEALWRIGHT_URL, and that `sealwright serve` runs there.",
        )
    if isinstance(fault, UnexpectedAnswerError):
        return _Report("unexpected_answer", str(fault), next_step="Check --url or SEALWRIGHT_URL.")
    return _Report("misconfigured", str(fault))

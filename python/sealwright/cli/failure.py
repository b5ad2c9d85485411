"""Errors as a person meets them: what, where, and what to do next."""

import re
from collections.abc import Sequence
from contextlib import suppress

import click
import msgspec

from sealwright.cli.options import invocation
from sealwright.cli.text import printable, printable_json
from sealwright.client.errors import ClientError, Refused, UnexpectedAnswerError, UnreachableError

_MAKE_OPERATOR = (
    "An administrator lets it sign: sealwright member add SIGNER IDENTITY --role operator"
)
_WENT_BACK = (
    "Put the newest store in its place; or read what docs/operations.md says of a store that went "
    "back, then: sealwright serve --accept-rollback HASH"
)
NEXT_STEPS = {
    "api_key_missing": "Say who you are: set SEALWRIGHT_API_KEY_FILE, or give --api-key-file FILE.",
    "api_key_unknown": "Check that the key belongs to this server; "
    "an admin gives out a new one with: sealwright identity key add NAME",
    "api_key_expired": "An admin gives out a new one with: sealwright identity key add NAME",
    "address_not_allowed": "Call from where the key may be used: sealwright identity show NAME",
    "api_key_revoked": "An admin gives out a new one with: sealwright identity key add NAME",
    "identity_disabled": "An admin can undo that with: sealwright identity enable NAME",
    "signer_not_found": "Those that you may see: sealwright signer list",
    "identity_not_found": "Those that there are: sealwright identity list",
    "group_not_found": "Those that you may see: sealwright group list",
    "group_exists": "Put users into it: sealwright group add GROUP IDENTITY",
    "group_in_use": "What names it: sealwright group show NAME",
    "member_not_found": "Those that there are: sealwright member list SIGNER",
    "api_key_not_found": "Those that there are: sealwright identity show NAME",
    "enrolment_unknown": "An admin gives out a new one: sealwright identity key add NAME --enrol. "
    "If you never used yours, somebody else did: have that key revoked.",
    "setting_not_found": "Those that there are: sealwright settings list",
    "signer_not_external": "The built-in CA issues for this signer: sealwright signer renew NAME",
    "common_name_used": "Choose another one (--common-name), or delete that signer first.",
    "signer_not_disabled": "See that nobody misses it: sealwright signer disable NAME",
    "signer_deleting": "An admin takes that back: sealwright signer undelete NAME",
    "signer_pending": "Get its request signed (sealwright signer csr NAME), then: "
    "sealwright signer install-certificate NAME --chain FILE.pem",
    "policy_not_found": "Those that there are: sealwright policy list",
    "policy_exists": "Change the one that there is: sealwright policy edit NAME",
    "policy_in_use": "See who has it (sealwright policy show NAME), then for each: "
    "sealwright signer set-policy SIGNER none",
    "policy_cannot_be_met": "Name more approvers who can decide, or ask for fewer approvals: "
    "sealwright policy edit NAME --step NAME:REQUIRED:WHO,WHO. If nobody is left who could agree "
    "to that, on the server's machine: sealwright recovery detach-policy SIGNER",
    "policy_unbounded": "Give --max-window, --max-signings or both.",
    "no_policy": "Without one its members sign at once, or first: "
    "sealwright signer set-policy SIGNER POLICY",
    "window_above_ceiling": "Give a shorter --window, or leave it out: "
    "as long as the policy allows.",
    "signings_above_ceiling": "Give fewer --signings, or leave it out: "
    "as many as the policy allows.",
    "request_not_found": "Those that you may see: sealwright request list",
    "request_not_pending": "What became of it: sealwright request show ID",
    "machines_undecided": "Say it: sealwright identity disable NAME --machines disable",
    "roles_exclude": "Take the other role away first: sealwright member remove SIGNER IDENTITY, "
    "sealwright identity edit NAME --role none",
    "own_request": "Ask another approver; who they are: sealwright request show ID",
    "owner_disabled": "Another user owns it first: sealwright identity edit NAME --owner USER",
    "not_proposed_owner": "An admin offers it: sealwright identity edit NAME --owner USER",
    "not_an_approver": "Ask an approver; who they are: sealwright request show ID, "
    "sealwright proposal show ID",
    "credential_not_enrolled": "An admin gives out a code (sealwright identity key add NAME "
    "--enrol); make a key of it: sealwright enrol",
    "credential_too_young": "Approve with another key of yours; who made this one: "
    "sealwright whoami",
    "auditor_cannot_approve": "Ask an approver without such a role; who they are: "
    "sealwright request show ID",
    "already_decided": "Ask another approver; what is missing: sealwright request show ID",
    "step_changed": "Look again, then decide: sealwright request show ID",
    "policy_detached": "Ask anew under the policy that the signer has now: "
    "sealwright request create SIGNER --why TEXT",
    "too_many_pending": "Cancel some that are not needed: sealwright request cancel ID",
    "not_a_member": _MAKE_OPERATOR,
    "role_cannot_sign": _MAKE_OPERATOR,
    "requester_cannot_sign": _MAKE_OPERATOR,
    "grantee_cannot_sign": _MAKE_OPERATOR,
    "requester_required": "Who asked: sealwright request show ID; "
    "administrators of the signer: sealwright member list SIGNER",
    "grant_not_found": "Those that you may see: sealwright grant list",
    "grant_not_active": "What became of it: sealwright grant show ID",
    "own_grant": "Ask another administrator, or the approvers: "
    "sealwright request create SIGNER --why TEXT",
    "administrator_required": "Who is one: sealwright member list SIGNER",
    "own_proposal": "Somebody else decides: sealwright proposal show ID",
    "proposal_not_found": "Those that you may see: sealwright proposal list",
    "proposal_finished": "What became of it: sealwright proposal show ID",
    "proposal_overtaken": "Look what changed, and propose it again: sealwright proposal show ID",
    "no_active_grant": "Ask for one: sealwright request create SIGNER --why TEXT",
    "algorithm_not_allowed": "Those that are: sealwright policy show NAME",
    "invalid_request": "What each option takes: the same command with --help",
    "scheme_key_mismatch": "What its key is: sealwright signer show NAME",
    "api_key_suspended": "An admin confirms it: sealwright recovery list, "
    "sealwright recovery confirm",
    "certificate_expired": "An administrator renews it: sealwright signer renew NAME",
    "certificate_not_yet_valid": "When it begins: sealwright signer certificate NAME. "
    "If that is past, the server's clock is wrong.",
    "signer_disabled": "An administrator of it can undo that: sealwright signer enable NAME",
    "issuer_ends": "Have it certified by another CA: sealwright signer create NAME --external",
    "operation_not_found": "Those that you may see: sealwright audit list",
    "tile_not_found": "How far the log goes: sealwright log check",
    "suspension_not_found": "What is suspended: sealwright recovery list",
    "witness_not_found": "Those that there are: sealwright log witness list",
    "not_found": "Check the names that you gave, --url, and that client and server are of about "
    "the same version: sealwright --version",
    "method_not_allowed": "Check that client and server are of about the same version: "
    "sealwright --version",
    "not_acceptable": "Check that client and server are of about the same version: "
    "sealwright --version",
    "request_timeout": "Try again; if it stays, look at the way to the server.",
    "certificate_changed": "Start the tool again: it signs with the certificate that there is now.",
    "clock_not_behind": "There is nothing to accept; sign.",
    "idempotency_conflict": "Give each call a key of its own, or none.",
    "identity_exists": "Give it a key: sealwright identity key add NAME",
    "last_admin": "Make another admin first: sealwright identity create NAME --role admin",
    "log_has_begun": "Its origin is fixed. What it is: sealwright log key",
    "policy_required": "Name one with --policy; which there are: sealwright policy list",
    "id_ambiguous": "Give the whole id of the one that you mean.",
    "id_not_found": "Give the whole id; lists show which there are.",
    "signer_exists": "Choose another name, or see what it is: sealwright signer show NAME",
    "signer_name_used": "Choose another name: that of a deleted signer is never given again.",
    "not_witnessed_yet": "Wait a minute or two; how the witnesses are: sealwright log witness list",
    "witness_exists": "Those that there are: sealwright log witness list",
    "length_required": "Send the body with a Content-Length.",
    "payload_too_large": "Send less at once.",
    "uri_too_long": "Give shorter names.",
    "headers_too_large": "Send fewer or shorter headers.",
    "unsupported_media_type": "Send JSON (Content-Type: application/json).",
    "too_many_calls": "Wait a minute, and have somebody look at what called so often: "
    "sealwright audit list --outcome denied",
    "internal_error": "Try again; if it stays, its operator finds more in the server's log "
    "under the request id.",
    "row_unwritable": "Its operator finds more in the server's log: a full disk, as a rule.",
    "signing_failed": "Its operator finds more in the server's log under the request id.",
    "state_altered": "Call whoever runs the server: sealwright audit verify --state says what.",
    "migration_needed": "Start the server once more: it brings the store up to date.",
    "store_rolled_back": _WENT_BACK,
    "store_copied": _WENT_BACK,
    "store_too_new": "Install the version that the store was used with, or a newer one.",
    "store_unavailable": "Try again; if it stays, its operator looks at disk and database.",
    "tls_expected": "Write https:// in --url or SEALWRIGHT_URL.",
    "tls_not_spoken": "Write http:// in --url or SEALWRIGHT_URL.",
    "anchor_missing": _WENT_BACK,
    "backup_unreadable": "Name a file that this user can read, written by: sealwright backup",
    "backup_unwritable": "Name a file in a folder that this user can write to.",
    "data_dir_unusable": "Name a folder that this user can write to: --data-dir DIR",
    "invalid_settings": "What each option takes: sealwright serve --help",
    "location_unreadable": "Make the store's folder readable to this user, or call as its owner.",
    "master_key_exists": "Name a file that is not there yet: --master-key-file FILE",
    "no_temporary_folder": "Set TMPDIR to a folder that can be written.",
    "nothing_to_accept": "The store did not go back: start it with sealwright serve.",
    "unsupported_file_system": "Keep the store on a disk of this machine: --data-dir DIR",
    "failed": "Correct it, and call again; what the command takes: the same with --help",
    "not_valid": "Do not rely on it. What it ought to be: docs/receipts.md, docs/log.md",
    "module_missing": "Install it again, on a platform that it is built for.",
    "join_incomplete": "sealwright init --join --database URL --master-key-file FILE",
    "unsupported_database": "One of: sqlite:///FILE, postgresql://USER@HOST:PORT/NAME",
    "not_initialised": "Name the folder of the store that there is, or make one in it: "
    "sealwright init --data-dir DIR",
    "already_initialised": "Start it with: sealwright serve --data-dir DIR. "
    "Locked out? sealwright init --new-admin-key --data-dir DIR",
    "admin_required": "Ask an admin, or call with the key of one: --api-key-file FILE",
    "reader_required": "Ask an admin or auditor of the server, or call with the key of one: "
    "--api-key-file FILE",
    "data_dir_not_empty": "Name another folder with --data-dir, or none that exists.",
    "master_key_unreadable": "Name the file with --master-key-file.",
    "backup_exists": "Name a file that is not there yet.",
    "backup_altered": "Take another backup; what is in it: sealwright audit verify --help",
    "clock_behind": "Set the server's clock right. If it was ahead and is right now, an admin says "
    "so: sealwright recovery accept-clock",
    "store_in_use": "Stop it first; a backup needs no stop, a restore does.",
    "master_key_wrong": "Name the right file with --master-key-file.",
    "address_unusable": "Give another address with --bind.",
    "overloaded": "Try again in a moment.",
    "file_unusable": "Let this user at it, or name another place.",
    "no_stdout": "Give it a stdout that takes it. What was asked for may be done already.",
    "no_folder": "Go to another folder (cd /), or name files from the root on.",
    "no_key_out": "Name a new file for it: --key-out FILE",
    "database_driver_missing": "Install it: pip install 'sealwright[postgresql]'",
    "no_home": "Say where the store is, or is to be: --data-dir DIR",
}


_NAMED = {"signer", "identity", "group", "policy", "setting", "witness"}
"""What people call by a name that they type."""


class CommandError(Exception):
    """A command that could not do what it was asked to, for reasons on this side."""

    def __init__(self, title: str, *, code: str = "failed", next_step: str | None = None) -> None:
        super().__init__(title)
        self.code = code
        self.next_step = next_step if next_step is not None else NEXT_STEPS.get(code)


class _Report(msgspec.Struct, omit_defaults=True):
    code: str
    title: str
    status: int | None = None
    detail: str | None = None
    field: str | None = None
    request: str | None = None
    request_id: str | None = None
    near: list[str] = []
    next_step: str | None = None


def report(fault: ClientError | CommandError, arguments: Sequence[str] = ()) -> None:
    """Tells stderr: sentences, or with --json one line with an object `error`. `arguments`: of the
    command line, among which a name may be that does not exist."""
    what = _describe(fault)
    if isinstance(fault, Refused):
        what.near = _near(fault, arguments)
    if invocation().json:
        click.echo(printable_json(msgspec.json.encode({"error": what}).decode()), err=True)
        return
    click.echo(f"Error: {printable(what.title)}", err=True)
    if what.detail:
        click.echo(f"  {printable(what.detail)}", err=True)
    notes = [
        f"field {printable(what.field)}" if what.field else "",
        f"code {printable(what.code)}" if isinstance(fault, Refused) else "",
        f"open request {printable(what.request)}" if what.request else "",
        f"server's request id {printable(what.request_id)}" if what.request_id else "",
    ]
    if any(notes):
        click.echo(f"  ({', '.join(filter(None, notes))})", err=True)
    if what.near:
        click.echo(printable(f"  Did you mean {' or '.join(what.near)}?"), err=True)
    if what.next_step:
        click.echo(f"  {printable(what.next_step)}", err=True)


def _near(refused: Refused, arguments: Sequence[str]) -> list[str]:
    """Names like one that does not exist, of those that the caller may see."""
    noun = refused.code.removesuffix("_not_found")
    if noun not in _NAMED or not (callers := invocation().callers):
        return []
    from sealwright.cli.known_names import near_names

    words = [word for each in _given(arguments) for word in re.split("[=:,]", each)]
    with suppress(ClientError):
        return near_names(noun, [word for word in words if word[:1] != "-"], callers[-1])
    return []


def _given(arguments: Sequence[str]) -> list[str]:
    """Without the words that lead to the command: they are nobody's name."""
    from sealwright.cli.commands import root

    command: click.Command | None = root
    given = []
    for argument in arguments:
        below = None
        if isinstance(command, click.Group):
            below = command.get_command(click.Context(command), argument)
        if below is None:
            given.append(argument)
        else:
            command = below
    return given


def _describe(fault: ClientError | CommandError) -> _Report:
    if isinstance(fault, Refused):
        return _Report(
            code=fault.code,
            title=fault.title,
            status=fault.status,
            detail=fault.detail,
            field=fault.field,
            request=fault.request,
            request_id=fault.request_id,
            next_step=_next_step(fault),
        )
    if isinstance(fault, CommandError):
        return _Report(fault.code, str(fault), next_step=fault.next_step)
    if isinstance(fault, UnreachableError):
        return _Report(
            "unreachable",
            f"No control plane answered: {fault}",
            next_step=fault.next_step
            or "Check --url or SEALWRIGHT_URL, and that `sealwright serve` runs there.",
        )
    if isinstance(fault, UnexpectedAnswerError):
        return _Report("unexpected_answer", str(fault), next_step="Check --url or SEALWRIGHT_URL.")
    return _Report(
        "misconfigured",
        str(fault),
        next_step="Correct it; or the option, or variable SEALWRIGHT_…, that says so.",
    )


def _next_step(refused: Refused) -> str | None:
    if refused.retry_after is not None:
        return f"Try again in {refused.retry_after} s."
    if refused.request is not None:
        return f"What the open request waits for: sealwright request show {refused.request}"
    return NEXT_STEPS.get(refused.code)

"""sealwright log check: that the log still begins as it did when somebody kept a checkpoint."""

import sys
from pathlib import Path

import click
import msgspec

from sealwright.cli.failure import CommandError
from sealwright.cli.options import ClientCommand, client, invocation
from sealwright.cli.output import print_object, warn
from sealwright.cli.text import printable

_MOST_OCTETS = 1 << 20


class _Checked(msgspec.Struct):
    consistent: bool
    origin: str
    old_size: int
    size: int
    reason: str | None


@click.command(cls=ClientCommand)
@click.argument("checkpoint")
@click.option(
    "--log-key",
    metavar="KEY",
    help="The log's verifier key, as somebody kept it; else the one that the server shows, which "
    "proves less.",
)
def check(checkpoint: str, log_key: str | None) -> None:
    """Whether the log only grew since CHECKPOINT, a file or -, was kept.

    The kept checkpoint, the server's own and the proof between them are verified here. Exit code 1
    where the log was rewritten.
    """
    # Not at the top: most commands verify nothing.
    from sealwright.receipt.checkpoint_file import SignedCheckpoint
    from sealwright.receipt.consistency import is_beginning
    from sealwright.receipt.note import KeyKind, VerifierKey, WrongSignatureError

    kept_text = _read(checkpoint)
    caller = client()
    try:
        kept = SignedCheckpoint.parse(kept_text)
        key = VerifierKey.parse(log_key or _shown_key(kept.checkpoint.origin))
        if key.kind is not KeyKind.ED25519:
            raise ValueError("--log-key is the key of a witness, not of a log")
        kept.verify(key)
    except (ValueError, WrongSignatureError) as fault:
        raise CommandError(f"{checkpoint}: {fault}", code="not_valid") from None
    try:
        newest = SignedCheckpoint.parse(caller.log_checkpoint())
        newest.verify(key)
    except (ValueError, WrongSignatureError) as fault:
        raise CommandError(f"The server's checkpoint: {fault}", code="not_valid") from None
    old, new = kept.checkpoint, newest.checkpoint
    reason = None
    if old.tree_size > new.tree_size:
        reason = "entries are missing"
    elif old.tree_size:
        proof = caller.log_consistency(old.tree_size, new.tree_size).value.hashes
        if not is_beginning(old.tree_size, old.root, new.tree_size, new.root, proof):
            reason = "entries were changed"
    checked = _Checked(reason is None, old.origin, old.tree_size, new.tree_size, reason)
    if invocation().json:
        print_object(checked)
    else:
        _tell(checked)
    if reason is not None:
        click.get_current_context().exit(1)


def _shown_key(origin: str) -> str:
    keys = [each.key for each in client().log_keys().value.items if each.origin == origin]
    if not keys:
        raise ValueError(f"it is of the log {printable(origin)}, which the server has no key of")
    warn("the key is the one that the server shows; --log-key holds it against one that you kept")
    return keys[0]


def _read(name: str) -> str:
    try:
        octets = sys.stdin.buffer.read(_MOST_OCTETS) if name == "-" else Path(name).read_bytes()
        return octets.decode()
    except OSError as fault:
        raise CommandError(f"{name}: cannot be read: {fault.strerror}") from None
    except UnicodeDecodeError:
        raise CommandError(f"{name}: it is no text, so no checkpoint") from None


def _tell(checked: _Checked) -> None:
    if checked.consistent:
        click.echo(
            f"The log has {checked.size} entries, and the first {checked.old_size} are as they "
            "were."
        )
    else:
        click.echo(
            f"NOT CONSISTENT: the log was rewritten since it had {checked.old_size} entries: "
            f"{checked.reason}. Keep this checkpoint and the server's: they prove it."
        )

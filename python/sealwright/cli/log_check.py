"""sealwright log check: that the log still begins as it did when somebody kept a checkpoint."""

from typing import TYPE_CHECKING

import click
import msgspec

from sealwright.cli.failure import CommandError
from sealwright.cli.options import ClientCommand, client, invocation
from sealwright.cli.output import print_object, warn
from sealwright.cli.text import printable
from sealwright.client.errors import ClientError

if TYPE_CHECKING:
    from sealwright.client.client import Client
    from sealwright.receipt.checkpoint import Checkpoint

_CHANGED = "entries were changed"
_MISSING = "entries are missing"
_UNPROVEN = "no proof that holds"


class _Checked(msgspec.Struct):
    """`consistent`: null where the server's proof shows neither. `checkpoint`: the server's, the
    signed note, which shows it together with the kept one."""

    consistent: bool | None
    origin: str
    old_size: int
    size: int
    reason: str | None
    checkpoint: str


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
    where the log was rewritten (NOT CONSISTENT), and where the server does not prove that it was
    not (NOT PROVEN); then the server's checkpoint is shown, to be kept.
    """
    # Not at the top: most commands verify nothing.
    from sealwright.cli.signed_checkpoint import Keys, fetch_published, read_kept

    plane = client()
    keys = Keys(log_key, plane)
    kept = read_kept(checkpoint, keys)
    if keys.given is None:
        warn(
            "the key is the one that the server shows; --log-key holds it against one that you kept"
        )
    newest = fetch_published(plane, keys)
    old, new = kept.checkpoint, newest.checkpoint
    if old.origin != new.origin:
        raise CommandError(
            f"The server's checkpoint: it is of the log {new.origin}, not of {old.origin}",
            code="not_valid",
        )
    reason = _compare(plane, old, new)
    consistent = None if reason is not None and reason.startswith(_UNPROVEN) else reason is None
    checked = _Checked(consistent, old.origin, old.tree_size, new.tree_size, reason, newest.note)
    if invocation().json:
        print_object(checked)
    else:
        _tell(checked)
    if reason is not None:
        click.get_current_context().exit(1)


def _compare(plane: "Client", old: "Checkpoint", new: "Checkpoint") -> str | None:
    """What is wrong, if anything is."""
    from sealwright.receipt.consistency import Relation, relation

    if old.tree_size > new.tree_size:
        return _MISSING
    if not old.tree_size:
        return None
    proof: list[bytes] = []
    if old.tree_size < new.tree_size:
        try:
            proof = plane.log_consistency(old.tree_size, new.tree_size).value.hashes
        except ClientError as fault:
            return f"{_UNPROVEN}: {str(fault).rstrip('.')}"
    found = relation(old.tree_size, old.root, new.tree_size, new.root, proof)
    return {Relation.BEGINNING: None, Relation.OTHER: _CHANGED, Relation.UNPROVEN: _UNPROVEN}[found]


def _tell(checked: _Checked) -> None:
    if checked.consistent:
        click.echo(
            f"The log has {checked.size} entries, and the first {checked.old_size} are as they "
            "were."
        )
        return
    if checked.consistent is None:
        said = (
            f"NOT PROVEN: that the first {checked.old_size} of {checked.size} entries are as they "
            f"were, the server did not show: {checked.reason}. An honest log can always. Ask "
            "again, and keep both checkpoints, the server's being:"
        )
    elif checked.reason == _MISSING:
        said = (
            f"NOT CONSISTENT: the log had {checked.old_size} entries, and the server shows "
            f"{checked.size}: {_MISSING}. Keep your checkpoint, and the server's:"
        )
    else:
        said = (
            f"NOT CONSISTENT: the log was rewritten since it had {checked.old_size} entries: "
            f"{checked.reason}. Keep this checkpoint and the server's, which prove it:"
        )
    click.echo(f"{printable(said)}\n\n{checked.checkpoint}", nl=False)

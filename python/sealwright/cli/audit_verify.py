"""sealwright audit verify: the chain of hashes, recomputed, and held against what was signed."""

import os
import re
import stat
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, BinaryIO

import click
import msgspec
from msgspec import UNSET, UnsetType

from sealwright.cli.audit_checkpoints import (
    Compared,
    Gathered,
    Held,
    compared,
    gather,
    hold,
    warn_of,
)
from sealwright.cli.audit_checkpoints import (
    told as told_checkpoints,
)
from sealwright.cli.audit_source import SourceOf, source_options
from sealwright.cli.export_file import check_is_export
from sealwright.cli.failure import CommandError
from sealwright.cli.log_lines import pieces_of, watched
from sealwright.cli.options import ClientCommand, invocation
from sealwright.cli.output import print_object, warn
from sealwright.cli.text import facts
from sealwright.client.errors import Refused
from sealwright.client.objects import State

if TYPE_CHECKING:
    from controlplane.audit.verification import Verification
    from sealwright.client.objects import LogEnd

_NO_SUCH_ROW = "operation_not_found"


class _Hash(click.ParamType[str]):
    name = "hash"

    def convert(
        self, value: object, parameter: click.Parameter | None, context: click.Context | None
    ) -> str:
        text = str(value).lower()
        if not re.fullmatch("[0-9a-f]{64}", text):
            self.fail(
                f"{value!r} is no hash of a row, which has 64 hex digits: take `head` of an "
                "earlier sealwright audit verify",
                parameter,
                context,
            )
        return text


@click.command(cls=ClientCommand)
@click.argument("file", required=False, type=click.File("rb"), metavar="[FILE]")
@click.option(
    "--expect-head",
    type=_Hash(),
    metavar="HASH",
    help="A head that was noted down earlier: the log must hold a row with this hash.",
)
@click.option(
    "--since-head",
    type=_Hash(),
    metavar="HASH",
    help="A head that was noted down when the log was verified: only the rows after it are "
    "checked, and that they follow it.",
)
@click.option(
    "--log-key",
    metavar="KEY",
    help="The log's verifier key, as somebody kept it (sealwright log key): the checkpoint of "
    "these rows has to be signed by it. Else the key is the one that the server shows.",
)
@click.option(
    "--checkpoint",
    "kept",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False),
    metavar="FILE",
    help="A checkpoint that was kept: the first rows have to be those that it was signed over. May "
    "be repeated.",
)
@click.option(
    "--state",
    "with_state",
    is_flag=True,
    help="Also check that what decisions rest on is as the log says: by the server, or with "
    "--data-dir and the master key there.",
)
@source_options
def verify(
    source: SourceOf,
    file: BinaryIO | None,
    expect_head: str | None,
    since_head: str | None,
    log_key: str | None,
    kept: tuple[str, ...],
    with_state: bool,
) -> None:
    """Check the chain of hashes: of an exported FILE (- is stdin), of the server's log, or of
    the store in a folder.

    Nothing of the server is trusted but the rows themselves, and with --state its master key. The
    server's rows are also held against the checkpoint that it publishes; who has --log-key learns
    that they are those which others have receipts of. Exit code 1 if a row was changed, removed or
    slipped in, if the log does not hold the head expected, if the rows are not those of a
    checkpoint, or if something is not as the log says; 2 if FILE is no export.
    """
    from controlplane.audit.parallel import verify_export

    if with_state and file is not None:
        raise click.UsageError("--state is of a server: an exported FILE has no state.")
    expected = [expect_head] if expect_head is not None else []
    asks_server = file is None and click.get_current_context().params["data_dir"] is None
    gathered = _gather(kept, log_key, since_head, asks_server=asks_server)
    told: LogEnd | None = None
    if file is None:
        # After the checkpoint, which is of no more rows then.
        told = source().operations_head().value
        pieces = _watched(_rows(source, since_head), None if since_head else told.sequence)
        chain = verify_export(
            pieces,
            *expected,
            told.row_hash,
            since=since_head,
            tree_sizes={told.sequence, *gathered.sizes},
        )
    else:
        pieces = check_is_export(pieces_of(file), file.name)
        pieces = _watched(pieces, _size_of(file), len)
        chain = verify_export(pieces, *expected, since=since_head, tree_sizes=gathered.sizes)
    fits_tree = _fits_tree(chain, told)
    held = hold(gathered, chain)
    fits = fits_tree and all(each.fits is not False for each in held)
    chain = replace(chain, intact=chain.intact and fits)
    state = source().state().value if with_state else None
    _tell(chain, state, held, gathered)
    if not fits_tree:
        warn(
            "the tree in the store is not that of these rows: receipts and checkpoints of it are "
            "not to be trusted"
        )
    warn_of(held, chain.rows)
    if gathered.is_withheld:
        warn("the server shows no checkpoint of the log: its rows were held against none")
    _warn(chain, expected, since_head, told)
    if state is not None and state.altered:
        warn("what was altered is refused until it is as the log says: see docs/security.md")
    if not chain.intact or gathered.is_withheld or (state is not None and state.altered):
        click.get_current_context().exit(1)


def _gather(
    kept: tuple[str, ...], log_key: str | None, since_head: str | None, *, asks_server: bool
) -> Gathered:
    """Before any row is read."""
    if since_head is not None:
        if kept or log_key is not None:
            raise click.UsageError(
                "A checkpoint is over all rows, and --since-head reads the last ones alone: leave "
                "it out with --log-key and --checkpoint."
            )
        return Gathered((), is_key_given=False)
    if not asks_server and bool(kept) != (log_key is not None):
        raise click.UsageError("Where no server is asked, --log-key and --checkpoint go together.")
    return gather(kept, log_key, asks_server=asks_server)


def _fits_tree(chain: "Verification", told: "LogEnd | None") -> bool:
    """Whether the store's own note of the tree is what the rows give, as far as both are there."""
    if told is None or told.sequence not in chain.roots:
        return True
    return chain.roots[told.sequence].hex() == told.tree_root


def _rows(source: SourceOf, since_head: str | None) -> Iterable[bytes]:
    """None if no row has this hash."""
    try:
        return source().export_operations(since_head)
    except (Refused, CommandError) as refused:
        if refused.code != _NO_SUCH_ROW:
            raise
        return []


def _tell(chain: "Verification", state: State | None, held: list[Held], gathered: Gathered) -> None:
    since = chain.since
    if invocation().json:
        found = (chain.rows, chain.intact, chain.first_bad_sequence, chain.head)
        before = UNSET if since is None else chain.earlier
        print_object(
            _Verdict(
                *found,
                UNSET if since is None else since,
                before,
                state or UNSET,
                compared(held, gathered) or UNSET,
                gathered.absent or UNSET,
            )
        )
        return
    told: list[tuple[str, object]] = [
        ("rows", chain.rows),
        ("intact", "yes" if chain.intact else "no"),
        ("first bad sequence", chain.first_bad_sequence),
        ("head", chain.head),
    ]
    if since is not None:
        told.insert(1, ("they follow row", since))
        told.append(("approvals before", chain.earlier))
    told += told_checkpoints(held, gathered, chain.rows)
    if state is not None:
        told.append(("objects", state.objects))
        told.append(("altered", ", ".join(state.altered) or "none"))
    facts(told)


def _warn(
    chain: "Verification", expected: list[str], since_head: str | None, told: "LogEnd | None"
) -> None:
    if chain.since is not None:
        warn(
            f"checked from row {chain.since} on, which has the hash that was given; rows before it "
            f"were not, nor the {chain.earlier} approvals in them that later rows name"
        )
    if chain.newer is not None:
        warn(
            f"row {chain.newer} was made by a newer version of Sealwright, which this one cannot "
            "check: verify with that version"
        )
    if (
        since_head is not None
        and since_head not in chain.missing
        and {*expected} & {*chain.missing}
    ):
        warn("no row from there on has the head expected; it was not looked for before")
    elif {*expected, since_head} & set(chain.missing):
        warn("the log does not hold the head expected: rows are missing, or were rewritten")
    if told is not None and told.row_hash in chain.missing:
        warn(f"the store's own note of the log's end, row {told.sequence}, is not the log's")


def _count_rows(piece: bytes) -> int:
    return piece.count(b"\n")


def _watched(
    pieces: Iterable[bytes], total: int | None, measure: Callable[[bytes], int] = _count_rows
) -> Iterable[bytes]:
    is_for_people = sys.stderr.isatty() and not invocation().json
    return watched(pieces, total, measure) if is_for_people else pieces


def _size_of(file: BinaryIO) -> int | None:
    """In bytes; None of what is no regular file."""
    found = os.fstat(file.fileno())
    return found.st_size if stat.S_ISREG(found.st_mode) else None


class _Verdict(msgspec.Struct):
    """`since`: the number of the row that they follow, if that is not the first; then what was not
    checked is told too: how many approvals before they name. `no_checkpoint`: why the server showed
    none."""

    rows: int
    intact: bool
    first_bad_sequence: int | None
    head: str
    since: int | UnsetType = UNSET
    approvals_before: int | UnsetType = UNSET
    state: State | UnsetType = UNSET
    checkpoints: list[Compared] | UnsetType = UNSET
    no_checkpoint: str | UnsetType = UNSET

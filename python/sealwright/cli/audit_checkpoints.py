"""Rows of a log, held against its signed checkpoints."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click
import msgspec

from sealwright.cli.options import client
from sealwright.cli.output import warn
from sealwright.cli.signed_checkpoint import Keys, Signed, fetch_published, read_kept
from sealwright.client.errors import Refused
from sealwright.receipt.base64_text import to_base64

if TYPE_CHECKING:
    from controlplane.audit.verification import Verification


@dataclass(frozen=True, slots=True)
class Gathered:
    """`absent`: why there is none of the server; `is_withheld`: that this is no good reason."""

    signed: Sequence[Signed]
    is_key_given: bool
    absent: str | None = None
    is_withheld: bool = False

    @property
    def sizes(self) -> set[int]:
        return {each.checkpoint.tree_size for each in self.signed}


@dataclass(frozen=True, slots=True)
class Held:
    """`fits`: whether the first rows are those that were signed; None: rows that are not sound have
    no tree."""

    signed: Signed
    fits: bool | None


class Compared(msgspec.Struct):
    """As JSON. `place`: where it was found; `key`: name and id; `note`: itself."""

    place: str
    origin: str
    size: int
    root: str
    key: str
    key_given: bool
    fits: bool | None
    note: str


def gather(kept: Sequence[str], log_key: str | None, *, asks_server: bool) -> Gathered:
    """`kept`: names of files. Raises ClientError, CommandError where a checkpoint is none, or is
    not signed by the key."""
    plane = client() if asks_server else None
    keys = Keys(log_key, plane)
    is_given = log_key is not None
    signed = [read_kept(each, keys) for each in kept]
    if plane is None:
        return Gathered(signed, is_given)
    try:
        if not is_given and not keys.has_begun:
            return Gathered(signed, is_given, "none: the log has signed none yet, the server says")
        return Gathered([fetch_published(plane, keys), *signed], is_given)
    except Refused as refused:
        return Gathered(signed, is_given, f"none: {refused}", is_withheld=True)


def hold(gathered: Gathered, chain: "Verification") -> list[Held]:
    return [Held(each, _fits(each, chain)) for each in gathered.signed]


def _fits(signed: Signed, chain: "Verification") -> bool | None:
    size = signed.checkpoint.tree_size
    if size in chain.roots:
        return chain.roots[size] == signed.checkpoint.root
    return None if size <= chain.rows else False


def compared(held: Sequence[Held], gathered: Gathered) -> list[Compared]:
    return [
        Compared(
            place=each.signed.place,
            origin=each.signed.checkpoint.origin,
            size=each.signed.checkpoint.tree_size,
            root=to_base64(each.signed.checkpoint.root),
            key=_key(each.signed),
            key_given=gathered.is_key_given,
            fits=each.fits,
            note=each.signed.note,
        )
        for each in held
    ]


def told(held: Sequence[Held], gathered: Gathered, rows: int) -> list[tuple[str, object]]:
    """For people, as `facts` takes it."""
    whose = "the key that was given" if gathered.is_key_given else "the server's own word for it"
    lines: list[tuple[str, object]] = []
    for each in held:
        checkpoint = each.signed.checkpoint
        lines += [
            ("checkpoint", f"of {each.signed.place}: {_verdict(each, rows)}"),
            ("its root", f"{to_base64(checkpoint.root)}, of {checkpoint.tree_size} rows"),
            ("its key", f"{_key(each.signed)}, {whose}"),
        ]
    return [*lines, *([] if gathered.absent is None else [("checkpoint", gathered.absent)])]


def warn_of(held: Sequence[Held], rows: int) -> None:
    for each in held:
        if each.fits is not False:
            continue
        place, size = each.signed.place, each.signed.checkpoint.tree_size
        what = (
            f"is of {size} rows, and here are {rows}"
            if size > rows
            else f"was not signed over the first {size} of these rows"
        )
        warn(
            f"the checkpoint of {place} {what}: whoever has a receipt was shown another "
            "log. Keep the rows (audit export) and this checkpoint"
        )
        click.echo(each.signed.note, err=True, nl=False)


def _verdict(held: Held, rows: int) -> str:
    if held.fits is None:
        return "not compared with rows that are not intact"
    if not held.fits:
        return "NOT OF THESE ROWS"
    size = held.signed.checkpoint.tree_size
    later = f"; {rows - size} came later" if rows > size else ""
    return f"signed over the first {size} of these rows{later}"


def _key(signed: Signed) -> str:
    return f"{signed.key.name}+{signed.key.key_id.hex()}"

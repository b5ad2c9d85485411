"""sealwright receipt get: a receipt, and what goes with it, into a file for others."""

import base64
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sealwright.cli.failure import CommandError
from sealwright.cli.options import ClientCommand, client, invocation
from sealwright.cli.output import print_object, warn
from sealwright.cli.whole_file import whole_file
from sealwright.receipt.fault import NotValidError
from sealwright.receipt.file import DISCLOSED, Disclosure, parse_receipts
from sealwright.receipt.row import Row
from sealwright.receipt.verification import included_row

if TYPE_CHECKING:
    from sealwright.client.client import Client
    from sealwright.client.objects import Operation

_ENROLLING = "enrolment:use"
_PAGE = 100


@click.command(cls=ClientCommand)
@click.argument("id")
@click.option(
    "--bundle",
    is_flag=True,
    help="With the receipts of the approvals that the row names, and of the enrolments of the keys "
    "that made them.",
)
@click.option(
    "--witnessed",
    is_flag=True,
    help="Only one whose checkpoint a witness has signed: a minute after the row, or two.",
)
@click.option(
    "--disclose",
    type=click.Choice(DISCLOSED),
    help="With what the client said of itself (tool, command, host, user), which the row has as a "
    "commitment only.",
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Into this file (FILE.tlog-proof), for its owner alone; otherwise to stdout.",
)
def get(
    id: str,  # noqa: A002  # the argument's name in the usage line
    bundle: bool,
    witnessed: bool,
    disclose: str | None,
    out: Path | None,
) -> None:
    """The receipt of a row, by its id (operation_id): a C2SP tlog-proof, with the row in it.

    Whoever gets it reads who signed what, when, under which grant, and can check that: sealwright
    receipt verify. With --bundle, and with --disclose, the file is that receipt and more. What is
    no receipt of that row is refused; who signed the log it is of, only the log's key says.
    """
    text = "".join(_texts(client(), id, bundle, witnessed, disclose))
    if out is not None:
        with whole_file(out) as file:
            file.write(text.encode())
    elif invocation().json:
        print_object({"receipt": text})
    else:
        sys.stdout.write(text)


def _texts(
    plane: "Client", name: str, bundle: bool, witnessed: bool, disclose: str | None
) -> Iterator[str]:
    text, row = _receipt(plane, name, witnessed)
    yield text
    if disclose is not None:
        yield _disclosure(plane, name, disclose).line()
    if bundle:
        operation = plane.explain_operation(name).value
        decisions = [
            plane.explain_operation(str(approval.sequence)).value
            for approval in row.approvals or ()
        ]
        seen = set()
        enrolments = (_enrolment(plane, each) for each in (operation, *decisions))
        for other in (*decisions, *filter(None, enrolments)):
            if other.id not in seen:
                seen.add(other.id)
                yield _receipt(plane, other.id, witnessed)[0]


def _receipt(plane: "Client", name: str, witnessed: bool) -> tuple[str, Row]:
    """As the server gives it: one of the row of this name, in the log of its checkpoint."""
    text = plane.receipt(name, witnessed=witnessed)
    try:
        receipt, *more = parse_receipts(text.encode())
        if more or receipt.disclosures:
            raise ValueError("it has more than a receipt")
        row = included_row(receipt).row
    except (ValueError, NotValidError) as fault:
        raise CommandError(
            f"What the server gave is no receipt: {fault}", code="not_valid"
        ) from None
    if name != row.id and name.lstrip("0") != str(row.sequence):
        raise CommandError(
            f"What the server gave is the receipt of another row: {row.sequence}, {row.id}",
            code="not_valid",
        )
    return text, row


def _disclosure(plane: "Client", name: str, member: str) -> Disclosure:
    row = json.loads(plane.explain_operation(name).body)
    if row.get(f"{member}_salt") is None:
        raise CommandError(
            f"The row commits to no {member}: there is nothing to disclose.",
            next_step="Leave --disclose away; a row of version 1 shows its client in its receipt.",
        )
    value = json.dumps(row[member], ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return Disclosure(member, base64.b64decode(row[f"{member}_salt"]), value.encode())


def _enrolment(plane: "Client", of: "Operation") -> "Operation | None":
    """In which the actor got the key that made this row; None if nobody else ever saw that key is
    not said of it."""
    if of.credential is None or not of.credential.enrolled:
        return None
    cursor = None
    while True:
        page = plane.operations(_PAGE, cursor, actor=of.actor, action=_ENROLLING).value
        for each in page.items:
            if each.details is not None and each.details.get("api_key_id") == of.api_key_id:
                return each
        if (cursor := page.next) is None:
            warn(f"the enrolment of {of.actor} that row {of.sequence} rests on is not to be seen")
            return None

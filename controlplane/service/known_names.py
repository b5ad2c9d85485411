"""Names that a reader of the log asks for: one that nothing tells of is a slip, and not somebody
who did nothing."""

from collections.abc import Sequence
from datetime import datetime
from difflib import get_close_matches

from peewee import Database

from controlplane.domain.model import Identity
from controlplane.domain.operation import OperationFilter
from controlplane.errors import Code, Refused
from controlplane.store import identities, operations, signers

_COMPARED = 10_000  # names


def check_known(
    database: Database, where: OperationFilter, now: datetime, seen_by: Identity | None
) -> None:
    """Refused 404 signer_not_found, identity_not_found; names what is there and reads alike. Who or
    what is gone is known while a row tells of it that `seen_by` sees; None sees all."""
    signer, actor = where.signer, where.actor
    if signer is not None and not operations.knows_signer(database, signer, now, seen_by=seen_by):
        names = signers.list_names(database, now, _COMPARED, seen_by=seen_by)
        raise _unknown(Code.SIGNER_NOT_FOUND, f"signer {signer!r}", signer, names)
    if actor is not None and not operations.knows_identity(database, actor, now, seen_by=seen_by):
        names = [] if seen_by else identities.names_beginning(database, "")[:_COMPARED]
        raise _unknown(Code.IDENTITY_NOT_FOUND, f"identity {actor!r}", actor, names)


def _unknown(code: Code, what: str, name: str, names: Sequence[str]) -> Refused:
    title = f"There is no {what} that you may see, and no row tells of one."
    near = get_close_matches(name, names)
    return Refused(code, f"{title} Near it: {', '.join(near)}." if near else title)

"""Every change is made by somebody who still may, and leaves its row in the same transaction."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TypeVar

from peewee import Database

from controlplane.audit.log import append
from controlplane.domain.action import Action
from controlplane.domain.identifier import new_id
from controlplane.domain.model import Caller, Identity, OperationKind
from controlplane.domain.operation import Details, Entry, Operation
from controlplane.errors import Code, Refused
from controlplane.service.erasure import erase_due
from controlplane.store import identities
from controlplane.store.database import Store, read_epoch

T = TypeVar("T")

_TRIES = 3


@contextmanager
def judged(store: Store, judge: Callable[[Database], T]) -> Iterator[tuple[Database, T]]:
    """A write, and the answer of `judge`, which holds in it although it was found in a read before:
    nobody waits while it looks. What it raises is the end of it.

    It may be asked again, and rests on nothing that changes without the epoch. Where the epoch
    moves again and again, it is asked within the write at last.
    """
    for _ in range(_TRIES):
        with store.read() as database:
            epoch = read_epoch(database)
            answer = judge(database)
        with store.write() as database:
            if read_epoch(database) == epoch:
                yield database, answer
                return
    with store.write() as database:
        yield database, judge(database)


def carried_out(caller: Caller) -> tuple[str, ...]:
    """A sentence on the proposal that this call carries out, if it does."""
    proposal = caller.carrying
    if proposal is None:
        return ()
    agreed = ", ".join(dict.fromkeys(each.approver for each in proposal.decisions))
    return (f"proposed by {proposal.proposer}, agreed to by {agreed} ({proposal.id})",)


def confirm(database: Database, caller: Caller) -> Identity:
    """The caller as of this transaction: authentication came before it. Refused 401."""
    key = identities.find_key_by_id(database, caller.api_key_id)
    identity = identities.find_by_id(database, caller.identity.id)
    if key is None or identity is None or key.revoked_at is not None:
        raise Refused(Code.API_KEY_REVOKED, "This API key has been revoked.")
    if key.suspended_at is not None:
        raise Refused(Code.API_KEY_SUSPENDED, "This API key has been suspended.")
    if identity.disabled:
        raise Refused(Code.IDENTITY_DISABLED, f"{identity.name} is disabled.")
    return identity


def record(
    database: Database,
    caller: Caller | None,
    action: Action,
    object_: str,
    *,
    at: datetime,
    signer: str | None = None,
    details: Details | None = None,
) -> Operation:
    """Leaves the row of this `change`, and erases what is due."""
    entry = change(caller, action, object_, at=at, signer=signer, details=details)
    (row,) = record_all(database, [entry])
    return row


def record_all(database: Database, changes: Iterable[Entry]) -> list[Operation]:
    entries = list(changes)
    rows = append(database, entries)
    if entries:
        erase_due(database, entries[-1].created_at)
    return rows


def change(
    caller: Caller | None,
    action: Action,
    object_: str,
    *,
    at: datetime,
    signer: str | None = None,
    details: Details | None = None,
) -> Entry:
    """No caller: somebody on the server's own machine, or the server by itself."""
    return Entry(
        id=new_id(),
        created_at=at,
        kind=OperationKind.CHANGE,
        actor=caller.identity.name if caller else None,
        api_key_id=caller.api_key_id if caller else None,
        credential=caller.key.credential(at) if caller else None,
        signer=signer,
        action=action.value,
        object=object_,
        details=details,
        proposal=caller.carrying.id if caller and caller.carrying else None,
    )

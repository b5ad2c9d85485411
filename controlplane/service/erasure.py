"""What time has deleted: gone for everybody by the clock, erased by whatever is written next."""

from datetime import datetime

from peewee import Database

from controlplane.audit.log import append
from controlplane.domain.action import Action
from controlplane.domain.identifier import new_id
from controlplane.domain.model import OperationKind, PolicyChange, PolicyChangeKind, Signer
from controlplane.domain.operation import Entry
from controlplane.store import policies, signers
from controlplane.store.database import move_epoch


def erase_due(database: Database, now: datetime) -> None:
    """Within a write. Private keys and members of signers that are gone; each leaves a row that
    nobody made."""
    due = signers.find_due(database, now)
    if not due:
        return
    move_epoch(database)
    for signer in due:
        signers.erase(database, signer.id)
        _tell_of_policy(database, signer)
    append(database, [_erased(signer, now) for signer in due])


def _tell_of_policy(database: Database, signer: Signer) -> None:
    if signer.policy is None or signer.deletes_at is None:
        return
    detached, policy = PolicyChangeKind.DETACHED, signer.policy
    told = PolicyChange(signer.deletes_at, None, policy.id, policy.name, signer.name, detached, ())
    policies.insert_change(database, told)


def _erased(signer: Signer, at: datetime) -> Entry:
    return Entry(
        id=new_id(),
        created_at=at,
        kind=OperationKind.CHANGE,
        actor=None,
        signer=signer.name,
        action=Action.SIGNER_ERASE.value,
        object=signer.name,
        details={"id": signer.id, "number": signer.number},
    )

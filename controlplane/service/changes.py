"""Every change is made by somebody who still may, and leaves its row in the same transaction."""

from datetime import datetime

from peewee import Database

from controlplane.audit.log import append
from controlplane.domain.identifier import new_id
from controlplane.domain.model import Caller, Identity, OperationKind
from controlplane.domain.operation import Details, Entry
from controlplane.errors import Refused
from controlplane.store import identities


def confirm(database: Database, caller: Caller) -> Identity:
    """The caller as of this transaction: authentication came before it. Refused 401."""
    key = identities.find_key_by_id(database, caller.api_key_id)
    identity = identities.find_by_id(database, caller.identity.id)
    if key is None or identity is None or key.revoked_at is not None:
        raise Refused("api_key_revoked", "This API key has been revoked.", status=401)
    if identity.disabled:
        raise Refused("identity_disabled", f"{identity.name} is disabled.", status=401)
    return identity


def record(
    database: Database,
    caller: Caller | None,
    action: str,
    object_: str,
    *,
    at: datetime,
    signer: str | None = None,
    details: Details | None = None,
) -> None:
    """`action` is `subject:verb`; no caller: somebody on the server's own machine."""
    entry = Entry(
        id=new_id(),
        created_at=at,
        kind=OperationKind.CHANGE,
        actor=caller.identity.name if caller else None,
        api_key_id=caller.api_key_id if caller else None,
        signer=signer,
        action=action,
        object=object_,
        details=details,
    )
    append(database, [entry])

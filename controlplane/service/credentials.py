"""With which credential somebody may approve, as of a transaction."""

from datetime import datetime

from peewee import Database

from controlplane.domain.credential import Presented, check_approving
from controlplane.domain.model import Caller
from controlplane.domain.settings import HOLD
from controlplane.store import identities
from controlplane.store.settings import read_span


def check_credential(
    database: Database, caller: Caller, now: datetime, *, is_protected: bool
) -> None:
    """Refused as `check_approving`."""
    key = caller.key
    is_first = not identities.had_key_before(database, key)
    check_approving(
        Presented(key, caller.identity.name, is_first),
        is_protected=is_protected,
        hold=read_span(database, HOLD, now),
        now=now,
    )

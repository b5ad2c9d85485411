"""What is seen to before a server listens: that its store is of this version, as it was left, and
the one that it was."""

from pathlib import Path

import structlog

from controlplane.domain.action import Action
from controlplane.domain.instant import now
from controlplane.errors import Code, Refused
from controlplane.service.changes import record
from controlplane.service.installation import proven_store, upgrade
from controlplane.service.location import Location
from controlplane.service.rollback import settle_start
from controlplane.store.database import Store
from controlplane.store.schema import Guards, find_guards, put_back

_log = structlog.get_logger()


def make_ready(location: Location, anchor: Path | None, accepted: str | None) -> Path:
    """Where the anchor is from now on. `anchor`: None: in the data directory. `accepted`: the head
    of a store that somebody takes as it is. Refused as `upgrade`, `proven_store` and
    `settle_start`; state_altered where there are triggers that are not ours."""
    if upgrade(location, accepted):
        accepted = None
    store = proven_store(location)
    with store.closing():
        guards = _look_at_guards(store)
        anchor = settle_start(store, location.recalled(), anchor, accepted)
        if guards.missing:
            _put_back(store, guards)
    return anchor


def _look_at_guards(store: Store) -> Guards:
    with store.read() as database:
        guards = find_guards(database)
    if guards.foreign:
        raise Refused(
            Code.STATE_ALTERED,
            f"The store {store.name} has triggers or rules that are not Sealwright's and would run "
            f"within its writes: {', '.join(guards.foreign)}. Find out who made them, and drop "
            "them.",
        )
    return guards


def _put_back(store: Store, guards: Guards) -> None:
    """Which leaves a row."""
    names = ", ".join(guards.missing)
    _log.error("guards_missing", store=store.name, missing=names)
    with store.write() as database:
        put_back(database, guards)
        details = {"made_again": names}
        record(database, None, Action.INSTALLATION_REPAIR, "schema", at=now(), details=details)

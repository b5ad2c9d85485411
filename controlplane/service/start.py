"""What is seen to before a server listens: that its store is of this version, as it was left, and
the one that it was."""

from pathlib import Path

import structlog

from controlplane.domain.action import Action
from controlplane.domain.anchor import NAME
from controlplane.domain.instant import now
from controlplane.keys.encrypted import EncryptedKeys
from controlplane.keys.master_key import load_master_key
from controlplane.service.changes import record
from controlplane.service.growing import Tell, grow_tree, log_growth
from controlplane.service.installation import proven_store, refuse_foreign, upgrade
from controlplane.service.location import Location
from controlplane.service.log_keys import provide_log_key
from controlplane.service.rollback import settle_start
from controlplane.store.database import Store
from controlplane.store.schema import Guards, find_guards, put_back

_log = structlog.get_logger()


def make_ready(
    location: Location, anchor: Path | None, accepted: str | None, tell: Tell = log_growth
) -> Path:
    """Where the anchor is from now on. `anchor`: None: in the data directory. `accepted`: the head
    of a store that somebody takes as it is. `tell` hears how far the tree over a long log has
    grown. Refused as `upgrade`, `proven_store` and `settle_start`; state_altered where there are
    triggers that are not ours."""
    beside = location.data_dir / NAME
    is_noted = any(each is not None and each.exists() for each in (anchor, beside))
    upgraded = upgrade(location, accepted, is_noted=is_noted)
    if upgraded is not None:  # whoever takes it as it is has been asked
        accepted = upgraded if is_noted else None
    store = proven_store(location)
    with store.closing():
        with store.read() as database:
            guards = find_guards(database)
        refuse_foreign(store, guards)
        is_believed = upgraded is None
        anchor = settle_start(store, location.recalled(), anchor, accepted, is_believed=is_believed)
        if guards.missing:
            _put_back(store, guards)
        grow_tree(store, tell)
        provide_log_key(store, EncryptedKeys(load_master_key(location.recalled().master_key_path)))
    return anchor


def _put_back(store: Store, guards: Guards) -> None:
    """Which leaves a row."""
    names = ", ".join(guards.missing)
    _log.error("guards_missing", store=store.name, missing=names)
    with store.write() as database:
        put_back(database, guards)
        details = {"made_again": names}
        record(database, None, Action.INSTALLATION_REPAIR, "schema", at=now(), details=details)

"""Opening a store to be read, and nothing else: by whoever can read its files."""

from collections.abc import Iterator
from contextlib import contextmanager

from controlplane.domain.instant import now
from controlplane.errors import Code, Refused
from controlplane.service.installation import fitting_master_key
from controlplane.service.location import Location
from controlplane.service.log import Log
from controlplane.service.state_check import StateVerdict, verify_state
from controlplane.store.database import Store
from controlplane.store.migrations import check_current
from controlplane.store.state import State


@contextmanager
def open_to_read(location: Location) -> Iterator[Store]:
    """Changes nothing, and disturbs no server. Refused not_initialised, migration_needed,
    store_too_new, location_unreadable, data_dir_unusable, unsupported_database,
    store_unavailable."""
    store = location.recalled().store(1, read_only=True)
    with store.closing():
        if not store.exists():
            raise Refused(
                Code.NOT_INITIALISED,
                f"There is no store in {store.name}: name the folder that sealwright serve was "
                "given.",
            )
        with store.read() as database:
            check_current(database)
        yield store


def log_of(store: Store) -> Log:
    return Log(store, now)


def check_state(location: Location, store: Store) -> StateVerdict:
    """Refused master_key_unreadable, master_key_wrong."""
    with store.read() as database:
        master_key = fitting_master_key(location, store, database)
    return verify_state(store, State(master_key.derive("state")))
